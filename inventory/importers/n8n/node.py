"""One n8n node and its uses of systems outside the workflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from inventory.importers.display import is_model_chosen
from inventory.importers.manifest import Credential, Finding, Privilege, Severity, Trigger
from inventory.risk.levels import Access


@dataclass(frozen=True, slots=True)
class Node:
    """Scrubbed node with facts from its surroundings.

    `place`: its name in the manifest; `is_reached`: a model decides whether and how it is used. `is_code_read`: the
    workflow's code is within the limit.
    """

    place: str
    package: str
    connector: str
    version: float
    parameters: dict[str, Any]
    credentials: dict[str, Any]
    disabled: bool
    is_reached: bool
    is_code_read: bool = True

    @property
    def origin(self) -> str:
        """Package of the node: ``base``, ``langchain``, or the name of a community package."""
        return {"n8n-nodes-base": "base", "@n8n/n8n-nodes-langchain": "langchain"}.get(self.package, self.package)


@dataclass(slots=True)
class Reading:
    """Parts that nodes add to the manifest, in their order."""

    triggers: list[Trigger] = field(default_factory=list)
    privileges: list[Privilege] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Reading) -> None:
        """Add the parts of further nodes."""
        for name in ("triggers", "privileges", "credentials", "findings"):
            getattr(self, name).extend(getattr(other, name))


def split_type(node_type: str) -> tuple[str, str]:
    """(package, connector): the connector is the type's last part without a final ``Tool``."""
    package, _, last = node_type.rpartition(".")
    if last.endswith("Tool") and len(last) > 4:
        last = last.removesuffix("Tool")
    return package, last


#: The instance of a use of the installation itself.
PLATFORM = "n8n"

#: A finding: code, severity, detail.
Note = tuple[str, Severity, str]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a node, before its credential and instance are known."""

    resource: str = ""
    operation: str = "*"
    access: Access = "unknown"
    target: str = ""
    target_name: str = ""
    assumed: tuple[str, ...] = ()
    instance: str | None = None  # None: the credential's
    connector: str = ""  # empty: the node's own
    needs: str = ""  # required credential type
    scope: str = ""
    model_controlled: bool = False  # a model decides, regardless of the node's wires
    notes: tuple[Note, ...] = ()


def dynamic_host(url: str) -> Note:
    """Finding for a computed address."""
    if is_model_chosen(url):
        return "dynamic_host", "high", "A model chooses which host is called"
    return "dynamic_host", "medium", "Which host is called is decided at run time"
