"""What one node does to something outside the workflow, before its credential is known."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.importers.display import is_model_chosen
from inventory.importers.manifest import Access, Severity

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
