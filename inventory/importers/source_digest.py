"""Source digest (I2): SHA-256 over the parts that determine an automation's behaviour, and no others.

Included: code, prompts, parameters, wiring, models and pins, and which credential is used where. Excluded: secret
values (already replaced, see `scrubber.py`), layout, order, notes, names of ordinary nodes, ids and labels of the
editor, timestamps, execution data, pinned data. A CI job computes the same digest without a portal.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from inventory.importers.facts import facts
from inventory.importers.inline_workflows import MEMBER
from inventory.importers.manifest import canonical_json, sha256
from inventory.importers.node_order import Edge, canonical_order
from inventory.importers.work_budget import Budget

_NODE_MEMBERS = facts("n8n")["digest_members"].split()
#: Labels that an editor keeps with a value. They change nothing in the node's work, so the digest leaves them out.
LABELS = frozenset({"cachedResultName", "cachedResultUrl", "cachedResultJson", "__rl"})
_BY_NAME = re.compile(r"(\$\(|\$node\[|\$items\(|\b_\(|\b_node\[)(\s*)([\"'`])((?:(?!\3)[^\\\n]|\\.){1,300})\3")
_BY_MEMBER = re.compile(r"\$node\.([A-Za-z_]\w*)")
#: Labels of nodes in the digest, and the escape for names without a node.
_LABEL, _NO_NODE = "node ", "unknown "
_LARGEST = 2**53 - 1


#: Digest form of a node's name.
Naming = Callable[[str], str]


def n8n_content(workflow: dict[str, Any], tools: frozenset[str] = frozenset(), *, budget: Budget | None = None) -> str:
    """The source digest of one n8n workflow.

    Args:
        workflow: scrubbed, its nodes a list of objects with a text name and type each.
        tools: names of nodes wired to an agent as tools; the model sees these names, so they count as prompt.
        budget: of the file.

    Raises:
        OverBudget: ordering the nodes of the file takes too many steps.
    """
    nodes = [node for node in workflow["nodes"] if not str(node.get("type", "")).endswith(".stickyNote")]
    connections = workflow.get("connections")
    nodes = [nodes[at] for at in _order(nodes, connections, tools, budget)]
    naming = _by_label({node["name"]: f"{_LABEL}{index}" for index, node in enumerate(nodes)})
    return sha256(
        {
            "format": "n8n",
            "nodes": [_node(node, naming, tools, budget) for node in nodes],
            "connections": _connections(connections, naming),
            "settings": canonical_value(workflow.get("settings") or {}),
        }
    )


def _by_label(labels: dict[str, str]) -> Naming:
    """Label of a node; a name without a node stays, and never looks like a label."""

    def naming(name: str) -> str:
        return labels.get(name) or (_NO_NODE + name if name.startswith((_LABEL, _NO_NODE)) else name)

    return naming


def _order(nodes: list[dict[str, Any]], connections: Any, tools: frozenset[str], budget: Budget | None) -> list[int]:
    """Indexes of the nodes in an order independent of name, place and file: see `node_order`."""
    places = {node["name"]: index for index, node in enumerate(nodes)}
    contents: list[str] = []
    edges: list[Edge] = []
    for index, node in enumerate(nodes):
        names: list[str] = []

        def naming(name: str, names: list[str] = names) -> str:
            """The same label for every node, which is recorded as an edge; other names as in the digest."""
            if name in places:
                names.append(name)
            return _LABEL if name in places else _by_label({})(name)

        contents.append(canonical_json(_node(node, naming, tools, budget)).decode())
        edges += [(index, f"names {at}", places[name]) for at, name in enumerate(names)]
    for source, kind, port, wire in wires_of(connections):
        rest = canonical_json(canonical_value({key: value for key, value in wire.items() if key != "node"}))
        label, target = f"{kind} {port} {rest.decode()}", wire["node"]
        if source in places and target in places:
            edges.append((places[source], label, places[target]))
        elif source in places:
            contents[places[source]] += f"\n{label} to {target}"
        elif target in places:
            contents[places[target]] += f"\n{label} from {source}"
    return canonical_order(contents, edges, budget)


def wires_of(connections: Any) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """(source, kind, output, wire) of every wire to a named node."""
    for source, kinds in connections.items() if isinstance(connections, dict) else ():
        for kind, ports in kinds.items() if isinstance(kinds, dict) else ():
            for port, wires in enumerate(ports) if isinstance(ports, list) else ():
                for wire in wires if isinstance(wires, list) else ():
                    if isinstance(wire, dict) and isinstance(wire.get("node"), str):
                        yield source, kind, port, wire


def mcp_content(servers: list[tuple[tuple[str | int, ...], dict[str, Any]]], inputs: Any) -> str:
    """Source digest of one MCP client configuration: its servers and its prompts.

    A server's ``description`` for people is left out.

    Args:
        servers: place in the document and configuration of each.
        inputs: prompts of the document.
    """
    configured: dict[str, Any] = {}
    for trail, server in servers:
        kept = canonical_value({key: value for key, value in server.items() if key != "description"})
        if not any(isinstance(part, int) for part in trail):
            configured["/".join(map(str, trail))] = kept
        else:  # one of a list
            configured.setdefault("/".join("*" if isinstance(part, int) else part for part in trail), []).append(kept)
    prompts = canonical_value(inputs or [])
    for some in (prompts, *configured.values()):
        if isinstance(some, list):
            some.sort(key=canonical_json)
    return sha256({"format": "mcp_client", "servers": configured, "inputs": prompts})


def canonical_value(value: Any) -> Any:
    """Values with integers beyond RFC 8785 numbers as tagged text."""
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else {"integer": f"{value:x}"}
    if isinstance(value, dict):
        return {key: canonical_value(each) for key, each in value.items()}
    return [canonical_value(each) for each in value]


def _node(node: dict[str, Any], naming: Naming, tools: frozenset[str], budget: Budget | None) -> dict[str, Any]:
    kept: dict[str, Any] = {name: canonical_value(node[name]) for name in _NODE_MEMBERS if name in node}
    kept["parameters"] = _parameters(node.get("parameters") or {}, naming, budget)
    kept["credentials"] = _credentials(node.get("credentials"))
    if node["name"] in tools:
        kept["tool"] = node["name"]
    return kept


def _parameters(value: Any, naming: Naming, budget: Budget | None) -> Any:
    if isinstance(value, str):
        return _renamed(value, naming)
    if isinstance(value, dict):  # sorted: the digest must not depend on the file's order
        return {
            key: n8n_content(value[key], budget=budget)
            if key == MEMBER and isinstance(value[key], dict)
            else _parameters(value[key], naming, budget)
            for key in sorted(value)
            if key not in LABELS
        }
    if isinstance(value, list):
        return [_parameters(each, naming, budget) for each in value]
    return canonical_value(value)


def _renamed(text: str, naming: Naming) -> str:
    """Replace node names in references by labels, as the editor does on a rename."""
    if "$" not in text and "_" not in text:
        return text

    def quoted(match: re.Match[str]) -> str:
        opening, space, quote, name = match.groups()
        plain_name = re.sub(r"\\(.)", r"\1", name)
        label = naming(plain_name)
        return f"{opening}{space}{quote}{label}{quote}" if label != plain_name else match.group()

    text = _BY_NAME.sub(quoted, text)
    return _BY_MEMBER.sub(lambda match: f"$node[{naming(match.group(1))}]", text)


def _credentials(credentials: Any) -> dict[str, Any]:
    def kept(named: Any) -> Any:
        is_named = isinstance(named, dict) and ("id" in named or "name" in named)
        return canonical_value((named.get("id") or named.get("name")) if is_named else named)

    return {kind: kept(named) for kind, named in credentials.items()} if isinstance(credentials, dict) else {}


def _connections(connections: Any, naming: Naming) -> Any:
    """Wires between nodes, by label; the wires of one output are sorted. Shapes that n8n never writes stay as they are."""
    if not isinstance(connections, dict):
        return canonical_value(connections)
    return {naming(source): _ports(kinds, naming) for source, kinds in connections.items()}


def _ports(value: Any, naming: Naming) -> Any:
    if isinstance(value, dict):
        return {
            key: naming(each) if key == "node" and isinstance(each, str) else _ports(each, naming)
            for key, each in value.items()
        }
    if isinstance(value, list):
        kept = [_ports(each, naming) for each in value]
        is_wires = len(value) > 1 and all(isinstance(each, dict) for each in value)
        return sorted(kept, key=canonical_json) if is_wires else kept
    return canonical_value(value)
