"""n8n workflow exports: editor downloads, REST and CLI shapes, arrays of workflows.

Reads the shapes, the nodes that a model reaches, and facts of the whole workflow. `privileges.py` reads single nodes.
Nothing is evaluated or looked up.
"""

from typing import Any

from inventory.importers.display import display_label, displayed
from inventory.importers.facts import word_lists
from inventory.importers.inline_workflows import MEMBER
from inventory.importers.manifest import Credential, Finding, Kind, Manifest, Source, merged_credentials
from inventory.importers.n8n.node import Node, Reading, split_type
from inventory.importers.n8n.privileges import LONGEST_IN_ALL, length_in, read_node
from inventory.importers.node_order import TooAlike
from inventory.importers.problem import ImportProblem
from inventory.importers.secrets.findings import findings_of
from inventory.importers.secrets.scrubber import Scrubbed
from inventory.importers.source_digest import n8n_content, wires_of
from inventory.importers.work_budget import Budget

FORMAT = "n8n"
_WORDS = word_lists("n8n")
#: Characters that the register keeps of an owner hint, and the limit below which a name is left out.
_HINT, _LEAST = 200, 20
_MODEL_NODES = ("lmChat", "lmOllama", "lmOpenAi", "lmCohere", "chain")
_NAME_APART = "Rename one of them in n8n, choose Download, and import that file."
_ALIKE = "so many nodes of this n8n workflow are alike, and wired alike, that they have no certain order"
_TELL_APART = "Tell some of them apart in n8n, by a note in a parameter say, choose Download, and import that file."
_EXPORT_WORKFLOW = "Open the workflow in n8n, choose Download, and import that file."


def is_workflow(document: Any) -> bool:
    """Whether a value is one exported workflow."""
    return isinstance(document, dict) and isinstance(document.get("nodes"), list) and "connections" in document


def is_credential(document: Any) -> bool:
    """Whether a value is an exported credential, which must not be imported."""
    return (
        isinstance(document, dict)
        and {"type", "data"} <= document.keys()
        and "nodes" not in document
        and ("nodesAccess" in document or (isinstance(document.get("data"), (str, dict)) and "name" in document))
    )


def workflows_in(document: Any) -> list[tuple[str, Any]] | None:
    """(place, workflow) of every workflow in a document, or None without an n8n export.

    An array must contain workflows only: another element is refused with its place, never dropped.
    """
    if is_workflow(document):
        return [("", document)]
    if isinstance(document, dict) and is_workflow(document.get("workflow")):
        return [("workflow", document["workflow"])]
    lists = {f"{key}/": document.get(key) for key in ("workflows", "data")} if isinstance(document, dict) else {}
    for prefix, entries in (lists or {"": document}).items():
        if isinstance(entries, list) and any(map(is_workflow, entries)):
            return [(f"{prefix}{index}", each) for index, each in enumerate(entries)]
    return None


def read_workflow(
    file: str, place: str, scrubbed: Scrubbed, fallback_name: str, budget: Budget | None = None
) -> Manifest:
    """The manifest of one workflow.

    Args:
        file: shown name, for the manifest and problems.
        place: of the workflow in its file, for problems.
        scrubbed: the workflow without its secrets, with the occurrences.
        fallback_name: for a workflow without a name.

    Raises:
        ImportProblem: a node is not an object with a name and a type, or two nodes share a name.
    """
    workflow = scrubbed.document
    nodes = _nodes(file, place, workflow)
    links = _links(workflow)
    reading = _read_nodes(nodes, links, scrubbed, is_code_read=length_in(workflow) <= LONGEST_IN_ALL)
    credentials = merged_credentials(reading.credentials, lambda each: (*each.key, each.where))
    findings = reading.findings
    findings += findings_of(scrubbed, [each for each in scrubbed.found if each.trail[:1] != ("nodes",)])
    findings += _findings_of_workflow(workflow, credentials)
    active, on_error = workflow.get("active"), _text(_member(workflow, "settings").get("errorWorkflow"))
    return Manifest(
        source=Source(
            format=FORMAT,
            files=(file,),
            external_id=_text(workflow.get("id")),
            owner_hint=_owner_hint(workflow),
            platform_instance=_text(_member(workflow, "meta").get("instanceId")),
            content=_digest(file, place, scrubbed.content, budget),
        ),
        name=_name(workflow.get("name")) or display_label(fallback_name),
        kind=_kind(nodes, links),
        platform="n8n",
        enabled=False if workflow.get("isArchived") is True else active if isinstance(active, bool) else None,
        triggers=tuple(reading.triggers),
        privileges=tuple(reading.privileges),
        credentials=tuple(credentials),
        findings=tuple(findings),
        on_error="" if on_error == "DEFAULT" else on_error,  # n8n's value for none
    )


def _digest(file: str, place: str, workflow: dict[str, Any], budget: Budget | None) -> str:
    nodes = _nodes(file, place, workflow)
    tools = {source for source, kind, _ in _links(workflow) if kind == "ai_tool"} & {node["name"] for node in nodes}
    try:
        return n8n_content({**workflow, "nodes": nodes}, frozenset(tools), budget=budget)
    except TooAlike as error:
        raise ImportProblem(file, place, _ALIKE, _TELL_APART) from error


def _read_nodes(
    nodes: list[dict[str, Any]],
    links: list[tuple[str, str, str]],
    scrubbed: Scrubbed,
    trail: tuple[str | int, ...] = (),
    outer: str = "",
    *,
    is_code_read: bool,
    is_reached: bool = False,
) -> Reading:
    """Read the nodes below `trail`, with those of their inline sub-workflows; `outer` is the place of the node around."""
    reached = {node["name"] for node in nodes} if is_reached else _reached(links, nodes)
    places, alike = _node_places(nodes, outer)
    total = Reading()
    for index, raw in enumerate(nodes):
        node_trail = (*trail, "nodes", index)
        inner = raw["parameters"].get(MEMBER)
        occurrences = scrubbed.below(*node_trail)
        if isinstance(inner, dict):
            occurrences = [each for each in occurrences if MEMBER not in each.trail[len(node_trail) :]]
        total.findings += findings_of(scrubbed, occurrences)
        if raw["type"].endswith(".stickyNote"):
            continue
        node = _node(raw, reached, places[index], is_code_read=is_code_read)
        total.add(read_node(node, occurrences, is_inner=bool(outer)))
        if isinstance(inner, dict):
            inner_reading = _read_nodes(
                _nodes("", "", inner),
                _links(inner),
                scrubbed,
                (*node_trail, "parameters", MEMBER),
                places[index],
                is_code_read=is_code_read,
                is_reached=raw["name"] in reached,
            )
            total.add(inner_reading)
    total.findings += alike
    return total


def _node_places(nodes: list[dict[str, Any]], outer: str) -> tuple[list[str], list[Finding]]:
    """Place of each node in the manifest, with its position and a finding if an earlier name looks the same."""
    first: dict[str, int] = {}
    places: list[str] = []
    findings = []
    for index, node in enumerate(nodes):
        place = (f"{outer} / " if outer else "") + display_label(node["name"])
        other = first.setdefault(place, index)
        places.append(f"{place} (nodes/{index})" if place in places else place)
        if other != index:
            pair = f"The names of nodes/{other} and nodes/{index} look alike"
            detail = f"{pair} and differ by blanks or characters that show nothing"
            findings.append(Finding("unrecognised", places[index], "medium", detail))
    return places, findings


def _nodes(file: str, place: str, workflow: dict[str, Any]) -> list[dict[str, Any]]:
    """Nodes, each with text name and type and object members. Refuses other values, and duplicate names."""
    seen: dict[str, int] = {}
    nodes: list[dict[str, Any]] = []
    for index, node in enumerate(workflow["nodes"]):
        where = "/".join(filter(None, (place, f"nodes/{index}")))
        if not isinstance(node, dict) or not isinstance(node.get("type"), str) or not isinstance(node.get("name"), str):
            raise ImportProblem(file, where, "a node of this n8n workflow has no name or no type", _EXPORT_WORKFLOW)
        other = seen.setdefault(node["name"], index)
        if other != index:
            both = f"in this n8n workflow nodes/{other} and nodes/{index} have one name, so it is not known which of them is wired"
            raise ImportProblem(file, where, both, _NAME_APART)
        members = {name: node[name] for name in ("parameters", "credentials") if isinstance(node.get(name), dict)}
        nodes.append({**node, "parameters": {}, "credentials": {}, **members})
    return nodes


def _node(raw: dict[str, Any], reached: set[str], place: str, *, is_code_read: bool) -> Node:
    package, connector = split_type(raw["type"])
    version = raw.get("typeVersion")
    return Node(
        place=place,
        package=package,
        connector=connector,
        version=float(version) if isinstance(version, (int, float)) and abs(version) < 1000 else 1.0,
        parameters=raw["parameters"],
        credentials=raw["credentials"],
        disabled=raw.get("disabled") is True,
        is_reached=raw["name"] in reached,
        is_code_read=is_code_read,
    )


def _links(workflow: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(from, kind, to) of every wire."""
    return [(source, kind, wire["node"]) for source, kind, _, wire in wires_of(workflow.get("connections"))]


def _reached(links: list[tuple[str, str, str]], nodes: list[dict[str, Any]]) -> set[str]:
    """Nodes that a model decides to use: wired as a tool, or a store or retriever behind such a tool."""
    reached = {source for source, kind, _ in links if kind == "ai_tool"}
    behind: dict[str, list[str]] = {}
    for source, kind, target in links:
        if kind in _WORDS["passed_on"]:
            behind.setdefault(target, []).append(source)
    pending = list(reached)
    while pending:
        for source in behind.get(pending.pop(), ()):
            if source not in reached:
                reached.add(source)
                pending.append(source)
    return reached & {node["name"] for node in nodes}


def _kind(nodes: list[dict[str, Any]], links: list[tuple[str, str, str]]) -> Kind:
    """An agent if a node has tools or is one; an AI app with a model; otherwise a workflow."""
    connectors = [split_type(node["type"])[1] for node in nodes]
    wires = {kind for _, kind, _ in links}
    assistants = any(
        connector in ("openAi", "openAiAssistant") and node["parameters"].get("resource") == "assistant"
        for connector, node in zip(connectors, nodes, strict=True)
    )
    if "ai_tool" in wires or assistants or _WORDS["agents"] & set(connectors):
        return "agent"
    is_ai = "ai_languageModel" in wires or any(
        connector.startswith(_MODEL_NODES) or _WORDS["model_credentials"] & node["credentials"].keys()
        for connector, node in zip(connectors, nodes, strict=True)
    )
    return "ai_app" if is_ai else "workflow"


def _findings_of_workflow(workflow: dict[str, Any], credentials: list[Credential]) -> list[Finding]:
    findings = []
    if count := sum(map(bool, _member(workflow, "pinData").values())):
        detail = f"Captured data is pinned to {count} node{'s' if count > 1 else ''}; it was scanned and is not kept"
        findings.append(Finding("pinned_data", "pinData", "low", detail))
    for credential in credentials:
        if len(credential.at) > 1 and credential.where == "node":
            at = f"credentials/{credential.name or credential.external_id}"
            detail = f"Used by {len(credential.at)} nodes of this workflow"
            findings.append(Finding("shared_credential", at, "low", detail))
    if workflow.get("isArchived") is True:
        findings.append(Finding("dormant", "", "low", "The workflow is archived"))
    return findings


def _owner_hint(workflow: dict[str, Any]) -> str:
    """Owner on the platform: project or user of the REST shape. A hint; the portal decides about owners."""
    shares = workflow.get("shared")
    for share in shares if isinstance(shares, list) else ():
        if not isinstance(share, dict) or share.get("role") not in (None, "workflow:owner", "owner"):
            continue
        name, address = _project_name(_member(share, "project")), _address(share)
        if name or address:
            return _hint_of(name, address)
    return ""


def _hint_of(name: str, address: str) -> str:
    """Name followed by the account: a long name is cut, never the account."""
    lowered, account = name.lower(), address.lower()
    if not name or not address or lowered == account or lowered.endswith(f"<{account}>"):
        return name or address
    room = _HINT - len(address) - len(" <>")
    return f"{display_label(name, room)} <{address}>" if room > _LEAST else address


def _project_name(project: dict[str, Any]) -> str:
    """Name of the project. The platform names a personal one by its owner's account: "Rita Novak <rita@…>".

    A name typed by a person may look like an account, so it is rewritten.
    """
    name = _name(project.get("name"))
    if project.get("type") == "personal" or "@" not in name:
        return name
    return display_label(f"project {name.translate({ord('<'): '(', ord('>'): ')'})}")


def _address(share: dict[str, Any]) -> str:
    """Account of the owner: the share's user, or the owner of a personal project."""
    address = _name(_member(share, "user").get("email"))
    relations = _member(share, "project").get("projectRelations")
    for relation in relations if isinstance(relations, list) and not address else ():
        if isinstance(relation, dict) and relation.get("role") == "project:personalOwner":
            address = address or _name(_member(relation, "user").get("email"))
    return address


def _member(value: dict[str, Any], name: str) -> dict[str, Any]:
    member = value.get(name)
    return member if isinstance(member, dict) else {}


def _name(value: Any) -> str:
    """Name or address for people; no key."""
    return display_label(value) if isinstance(value, (str, int)) else ""


def _text(value: Any) -> str:
    return displayed(value) if isinstance(value, (str, int)) else ""
