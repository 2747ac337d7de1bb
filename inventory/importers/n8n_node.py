"""One n8n node as the importer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One node, scrubbed, with what its surroundings say of it.

    `place`: what the manifest calls it; `is_reached`: a model decides whether and with what it is used.
    `is_code_read`: the workflow has no more code than is read.
    """

    name: str
    place: str
    package: str
    connector: str
    version: float
    parameters: dict[str, Any]
    credentials: dict[str, Any]
    disabled: bool
    is_reached: bool
    raw: dict[str, Any]
    is_code_read: bool = True

    @property
    def origin(self) -> str:
        """The package that the node comes from: ``base``, ``langchain``, or a community package's own name."""
        return {"n8n-nodes-base": "base", "@n8n/n8n-nodes-langchain": "langchain"}.get(self.package, self.package)


def split_type(node_type: str) -> tuple[str, str]:
    """(package, connector): the type's last part, without a final ``Tool``."""
    package, _, last = node_type.rpartition(".")
    if last.endswith("Tool") and len(last) > 4:
        last = last.removesuffix("Tool")
    return package, last
