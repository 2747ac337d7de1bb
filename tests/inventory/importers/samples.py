"""Small exports in the real shapes, for tests that need one thing and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inventory.importers.manifest import Manifest
from inventory.importers.reader import ReadResult, read_export

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
EXPORTS = HERE.parents[2] / "governance" / "demo" / "exports"

BASE = "n8n-nodes-base."
AI = "@n8n/n8n-nodes-langchain."


def node(kind: str, name: str = "", version: float = 1, credentials: Any = None, **parameters: Any) -> dict[str, Any]:
    """One node; `kind` without a package is one of the base package."""
    built: dict[str, Any] = {
        "id": f"id-{name or kind}",
        "name": name or kind,
        "type": kind if "." in kind else BASE + kind,
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    }
    if credentials is not None:
        built["credentials"] = credentials
    return built


def bound(kind: str, identifier: str = "cred1", name: str = "Ours") -> dict[str, Any]:
    """A node's credentials: one, bound by id."""
    return {kind: {"id": identifier, "name": name}}


def wire(*links: tuple[str, str, str]) -> dict[str, Any]:
    """Connections from (from, kind, to)."""
    connections: dict[str, Any] = {}
    for source, kind, target in links:
        ports = connections.setdefault(source, {}).setdefault(kind, [[]])
        ports[0].append({"node": target, "type": kind, "index": 0})
    return connections


def workflow(*nodes: dict[str, Any], links: tuple[tuple[str, str, str], ...] = (), **members: Any) -> dict[str, Any]:
    """One exported workflow."""
    return {"name": "Sample", "nodes": list(nodes), "connections": wire(*links), "active": True, **members}


def bring(document: Any, name: str = "sample.json", **options: Any) -> ReadResult:
    """The one automation in a document."""
    results = read_export(name, json.dumps(document).encode(), **options)
    assert len(results) == 1
    return results[0]


def manifest_of(*nodes: dict[str, Any], **members: Any) -> Manifest:
    """The manifest of a workflow of these nodes."""
    return bring(workflow(*nodes, **members)).manifest


def server(name: str = "srv", **config: Any) -> dict[str, Any]:
    """A client configuration with one server."""
    return {"mcpServers": {name: config}}


def codes(manifest: Manifest) -> list[str]:
    """The codes of a manifest's findings, in order."""
    return [finding.code for finding in manifest.findings]
