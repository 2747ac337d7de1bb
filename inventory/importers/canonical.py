"""The source digest (I2): SHA-256 over what makes the automation behave as it does, and nothing else.

In: code, prompts, parameters, wiring, models and pins, which credential is used where. Out: the content of secret slots
(a constant stands there already, see `secrets.py`), layout, notes, names of ordinary nodes, ids that an editor gives,
labels that it caches, timestamps, execution data, pinned data. A CI job computes the same digest without a portal.
"""

from __future__ import annotations

import re
from typing import Any

from inventory.importers.manifest import sha256
from inventory.importers.n8n_inline import MEMBER

_NODE_MEMBERS = (
    "type",
    "typeVersion",
    "disabled",
    "onError",
    "continueOnFail",
    "retryOnFail",
    "maxTries",
    "waitBetweenTries",
    "executeOnce",
    "alwaysOutputData",
)
LABELS = frozenset({"cachedResultName", "cachedResultUrl", "cachedResultJson", "__rl"})
"""What an editor remembers of a value for people: no part of what the node does."""
_BY_NAME = re.compile(r"(\$\(|\$node\[|\$items\(|\b_\(|\b_node\[)(\s*)([\"'`])((?:[^\"'`\\\n]|\\.){1,300})\3")
_BY_MEMBER = re.compile(r"\$node\.([A-Za-z_]\w*)")
_LARGEST = 2**53 - 1


def n8n_content(workflow: dict[str, Any], tools: frozenset[str] = frozenset()) -> str:
    """The source digest of one n8n workflow.

    Args:
        workflow: scrubbed, its nodes a list of objects with a text name and type each.
        tools: names of nodes wired to an agent as tools; the model is told these names, so they count as prompt.
    """
    nodes = [node for node in workflow["nodes"] if not str(node.get("type", "")).endswith(".stickyNote")]
    labels = {node["name"]: f"node {index}" for index, node in enumerate(nodes)}
    return sha256(
        {
            "format": "n8n",
            "nodes": [_node(node, labels, tools) for node in nodes],
            "connections": _connections(workflow.get("connections"), labels),
            "settings": plain(workflow.get("settings") or {}),
        }
    )


def mcp_content(servers: list[tuple[str, dict[str, Any]]], inputs: Any) -> str:
    """The source digest of one MCP client configuration: its servers by name, as configured, and its prompts.

    What a server says of itself for people (``description``) is left out.
    """
    configured = {
        name: plain({key: value for key, value in server.items() if key != "description"}) for name, server in servers
    }
    return sha256({"format": "mcp_client", "servers": configured, "inputs": plain(inputs or [])})


def plain(value: Any) -> Any:
    """The same values, integers beyond what RFC 8785 numbers can carry as tagged text."""
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else {"integer": f"{value:x}"}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value]


def _node(node: dict[str, Any], labels: dict[str, str], tools: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: plain(node[name]) for name in _NODE_MEMBERS if name in node}
    kept["parameters"] = _parameters(node.get("parameters") or {}, labels)
    kept["credentials"] = _credentials(node.get("credentials"))
    if node["name"] in tools:
        kept["tool"] = node["name"]
    return kept


def _parameters(value: Any, labels: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _relabelled(value, labels)
    if isinstance(value, dict):
        return {
            key: n8n_content(each) if key == MEMBER and isinstance(each, dict) else _parameters(each, labels)
            for key, each in value.items()
            if key not in LABELS
        }
    if isinstance(value, list):
        return [_parameters(each, labels) for each in value]
    return plain(value)


def _relabelled(text: str, labels: dict[str, str]) -> str:
    """References to nodes by name become references by label, as the editor itself rewrites them on a rename."""
    if "$" not in text and "_" not in text:
        return text

    def quoted(match: re.Match[str]) -> str:
        opening, space, quote, name = match.groups()
        label = labels.get(re.sub(r"\\(.)", r"\1", name))
        return f"{opening}{space}{quote}{label}{quote}" if label else match.group()

    text = _BY_NAME.sub(quoted, text)
    return _BY_MEMBER.sub(lambda match: f"$node[{labels.get(match.group(1), match.group(1))}]", text)


def _credentials(credentials: Any) -> dict[str, Any]:
    if not isinstance(credentials, dict):
        return {}
    kept: dict[str, Any] = {}
    for kind, named in credentials.items():
        if isinstance(named, dict) and ("id" in named or "name" in named):
            kept[kind] = plain(named.get("id") or named.get("name"))
        else:
            kept[kind] = plain(named)
    return kept


def _connections(connections: Any, labels: dict[str, str]) -> Any:
    """Who is wired to whom, by label. Shapes that n8n does not write are kept as they are."""
    if isinstance(connections, dict):
        renamed = {}
        for key, value in connections.items():
            if key == "node" and isinstance(value, str):
                renamed[key] = labels.get(value, value)
            else:
                renamed[labels.get(key, key)] = _connections(value, labels)
        return renamed
    if isinstance(connections, list):
        return [_connections(each, labels) for each in connections]
    return plain(connections)
