"""One n8n node as the importer sees it.

What one node does to something outside the workflow, before its credential is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inventory.importers.display import is_model_chosen
from inventory.importers.manifest import Access, Severity


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


PLATFORM = "n8n"
"""The instance of a use of the installation itself."""

Note = tuple[str, Severity, str]
"""A finding: code, severity, detail."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a node does, before it is known with which credential and where."""

    resource: str = ""
    operation: str = "*"
    access: Access = "unknown"
    target: str = ""
    target_name: str = ""
    assumed: tuple[str, ...] = ()
    instance: str | None = None  # None: the credential's
    connector: str = ""  # empty: the node's own
    needs: str = ""  # the credential type that it cannot do without
    scope: str = ""
    sensitive: bool = False
    model_controlled: bool = False  # a model decides, whatever the node's wires say
    notes: tuple[Note, ...] = ()


def dynamic_host(url: str) -> Note:
    """The finding for an address that is computed."""
    if is_model_chosen(url):
        return "dynamic_host", "high", "A model chooses which host is called"
    return "dynamic_host", "medium", "Which host is called is decided at run time"
