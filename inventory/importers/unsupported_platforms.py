"""Detect the platform of an unsupported file, so that the refusal can name it and a next step (I8).

A few member names of JSON, or the first lines of other text, determine the platform. YAML and XML are not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_FORM = "Register the automation with the form; its exports are planned."
_CLIENT = "Bring in the configuration of the client that uses it."
_RIGHTS = "Name the role in the form of the automation that has it, as its identity."
_RULES = "Its rules can be brought in as conflict rules, on their own page."
_MATRIX = "Its rules can be imported as a matrix: write them as CSV, and use the page for conflict rules."
_NOTHING = "It describes no automation: leave it out, or register the automation with the form."


@dataclass(frozen=True, slots=True)
class Platform:
    """Recognised platform of a file. `is_ours`: a broken part of a supported format, so a folder import must not skip it."""

    what: str
    what_to_do: str
    is_ours: bool = False

    @property
    def reason(self) -> str:
        """Reason of the refusal, a clause without a full stop."""
        return f"this is {self.what}; not read yet"


_SERVER = Platform("the description of an MCP server for a registry", _CLIENT)
_TOOLS = Platform("a list of tools of an MCP server", _CLIENT)
_POWER_AUTOMATE = Platform("a Power Automate definition", _FORM)
_PART = Platform(
    "a part of a Power Automate package", "The flow stands in definition.json; register it with the form for now."
)
_PACKAGE = Platform("a Power Automate package", _FORM)
_DIFY = Platform("a Dify app", _FORM)
_KUBERNETES = Platform("a Kubernetes manifest", _RIGHTS)
_NODE_RED = Platform("a Node-RED flow", _FORM)
_AZURE_ROLE = Platform("an Azure role", _RIGHTS)
_CLOUD_ROLE = Platform("a Google Cloud role", _RIGHTS)
_FLOW = Platform("a flow of an unknown platform", _FORM)
_OPENAPI = Platform("an OpenAPI description", _NOTHING)
_CLAUDE_SETTINGS = frozenset({"permissions", "hooks", "statusLine", "env", "model", "outputStyle", "enabledPlugins"})
_CLAUDE_WORDS = frozenset({"permissions", "hooks", "statusLine", "env"})
_POWER_AUTOMATE_FILES = frozenset({"apismap.json", "connectionsmap.json"})


def platform_of_document(file: str, document: Any) -> Platform | None:
    """Platform of a JSON document without a supported format.

    Args:
        file: its name.
        document: the parsed document.
    """
    name = PurePosixPath(file).name.lower()
    if isinstance(document, list):
        return _by_entries(name, [each for each in document if isinstance(each, dict)], is_empty=not document)
    if not isinstance(document, dict):
        return None
    if name in _POWER_AUTOMATE_FILES:
        return _PART
    return next((platform for is_it, platform in _DOCUMENTS if is_it(document)), None)


def _by_entries(name: str, entries: list[dict[str, Any]], *, is_empty: bool) -> Platform | None:
    if is_empty:
        return _TOOLS if name == "tools.json" else None
    if not entries:
        return None
    if any("wires" in each or each.get("type") == "tab" for each in entries):
        return _NODE_RED
    if all("roleName" in each and "permissions" in each for each in entries):
        return _AZURE_ROLE
    if all("includedPermissions" in each for each in entries):
        return _CLOUD_ROLE
    return _TOOLS if all({"name", "description"} <= each.keys() for each in entries) else None


def _has(*names: str) -> Callable[[dict[str, Any]], bool]:
    wanted = frozenset(names)
    return lambda document: wanted <= document.keys()


def _is_power_automate(document: dict[str, Any]) -> bool:
    properties = document.get("properties")
    return isinstance(properties, dict) and isinstance(properties.get("definition"), dict)


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_logic_app(document: dict[str, Any]) -> bool:
    resources = document.get("resources")
    if any(isinstance(each, dict) and each.get("type") == "Microsoft.Logic/workflows" for each in _entries(resources)):
        return True
    definition = document.get("definition")
    return isinstance(definition, dict) and _is_definition(definition)


def _is_definition(document: dict[str, Any]) -> bool:
    return "Microsoft.Logic" in str(document.get("$schema"))


def _nodes_hold(*names: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the nodes of a drawn flow have such a member in their data."""

    def holds(document: dict[str, Any]) -> bool:
        flow = document.get("data") if isinstance(document.get("data"), dict) else document
        nodes = flow.get("nodes") if isinstance(flow, dict) else None
        data = [each.get("data") for each in nodes if isinstance(each, dict)] if isinstance(nodes, list) else []
        return any(isinstance(each, dict) and not each.keys().isdisjoint(names) for each in data)

    return holds


def _is_part_of_n8n(document: dict[str, Any]) -> bool:
    nodes = document.get("nodes")
    types = [each.get("type") for each in nodes if isinstance(each, dict)] if isinstance(nodes, list) else []
    return any(str(each).startswith(("n8n-nodes-", "@n8n/")) for each in types)


def _is_make(document: dict[str, Any]) -> bool:
    flow = document.get("flow")
    return isinstance(flow, list) and any(isinstance(each, dict) and "module" in each for each in flow)


def _is_claude_settings(document: dict[str, Any]) -> bool:
    members = document.keys() - {"description", "$schema"}
    return bool(members & _CLAUDE_WORDS) and members <= _CLAUDE_SETTINGS


def _is_google_policy(document: dict[str, Any]) -> bool:
    bindings = document.get("bindings")
    return isinstance(bindings, list) and any(isinstance(each, dict) and "role" in each for each in bindings)


def _is_aws_policy(document: dict[str, Any]) -> bool:
    inside = (document.get(name) for name in ("document", "Document", "PolicyDocument"))
    return (
        {"Version", "Statement"} <= document.keys()
        or "PolicyVersion" in document
        or str(document.get("arn")).startswith("arn:aws:iam:")
        or any(isinstance(each, dict) and "Statement" in each for each in inside)
    )


def _is_registry_server(document: dict[str, Any]) -> bool:
    return "name" in document and not document.keys().isdisjoint({"packages", "remotes", "version_detail"})


def _is_list_of_tools(document: dict[str, Any]) -> bool:
    tools = document.get("tools")
    return "inputSchema" in document or (
        isinstance(tools, list) and any(isinstance(each, dict) and "inputSchema" in each for each in tools)
    )


def _is_dify(document: dict[str, Any]) -> bool:
    return document.get("kind") == "app" and "app" in document


#: In this order: a later test may match an earlier platform's files too.
_DOCUMENTS: tuple[tuple[Callable[[dict[str, Any]], bool], Platform], ...] = (
    (_is_power_automate, _POWER_AUTOMATE),
    (_is_logic_app, Platform("a Logic Apps workflow", _FORM)),
    (_is_definition, Platform("a Power Automate or Logic Apps definition", _FORM)),
    (_has("StartAt", "States"), Platform("an AWS Step Functions state machine", _FORM)),
    (_has("packageSchemaVersion", "flowAssets"), _PART),
    (_has("schema", "details", "resources"), _PART),
    (_nodes_hold("inputParams", "inputAnchors"), Platform("a Flowise flow", _FORM)),
    (_has("func", "schema", "iconSrc"), Platform("a Flowise tool", _FORM)),
    (_nodes_hold("node"), Platform("a Langflow flow", _FORM)),
    (_is_make, Platform("a Make blueprint", _FORM)),
    (_has("zaps"), Platform("a Zapier export", _FORM)),
    (_is_dify, _DIFY),
    (_has("apiVersion", "kind"), _KUBERNETES),
    (_has("UserDetailList", "RoleDetailList"), Platform("an export of an AWS account", _RIGHTS)),
    (_is_aws_policy, Platform("an AWS policy", _RIGHTS)),
    (_has("includedPermissions"), _CLOUD_ROLE),
    (_is_google_policy, Platform("a Google Cloud policy", _RIGHTS)),
    (_has("roleName", "permissions"), _AZURE_ROLE),
    (_has("Actions", "NotActions", "AssignableScopes"), _AZURE_ROLE),
    (_is_registry_server, _SERVER),
    (_is_list_of_tools, _TOOLS),
    (_has("openapi"), _OPENAPI),
    (_has("swagger"), _OPENAPI),
    (_has("$schema", "properties"), Platform("a JSON schema", _NOTHING)),
    (_has("name", "version", "dependencies"), Platform("the description of an npm package", _NOTHING)),
    (
        _is_part_of_n8n,
        Platform(
            "a part of an n8n workflow",
            "Open the workflow in n8n, choose Download, and bring in that file.",
            is_ours=True,
        ),
    ),
    (_has("nodes"), _FLOW),
    (_has("flowData"), _FLOW),
    (_is_claude_settings, Platform("a file of Claude Code settings", _FORM)),
)


# --- text that is no JSON ---------------------------------------------------------------------------------------------

#: Bytes of a text, and number of its keys, that are read.
HEAD = 256 * 1024
_KEYS = 500
_KEY = re.compile(r"^(?:[\"']?)([A-Za-z$_][\w.$-]*)(?:[\"']?)[ \t]*:(?=\s|$)", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]*[\"']?app\b", re.MULTILINE)
_SERVER_TYPE = re.compile(r"^type:[ \t]*[\"']?(?:server|remote|poci)\b", re.MULTILINE)
_MIDPOINT = re.compile(
    r"<(?:\w+:)?(?:objects|role|org|user|service|archetype|objectTemplate|securityPolicy|resource)\b[^>]*\boid="
)
_RULES_IN_CSV = re.compile(r"role[_ ]?(?:a|1)\W+role[_ ]?(?:b|2)\b", re.IGNORECASE)
_ROLES_IN_CSV = re.compile(r"users?\W+role\w*", re.IGNORECASE)
_AIRFLOW = re.compile(r"^(?:from|import)[ \t]+airflow\b", re.MULTILINE)
_CODEX = re.compile(r"^\[mcp_servers\b", re.MULTILINE)
_CI_FILES = {
    ".gitlab-ci.yml": Platform("a GitLab pipeline", _FORM),
    "azure-pipelines.yml": Platform("an Azure pipeline", _FORM),
}


def platform_of_text(file: str, data: bytes) -> Platform | None:
    """Platform of a file that is no JSON.

    Args:
        file: its name.
        data: its bytes, or their beginning.
    """
    if data.startswith(b"PK\x03\x04"):
        return _PACKAGE if b"Microsoft.Flow/" in data[:HEAD] else None
    text = data[:HEAD].decode("utf-8-sig", errors="replace")
    name = PurePosixPath(file).name.lower()
    if name.endswith((".yaml", ".yml")):
        return _CI_FILES.get(name) or _by_keys(name, text)
    if name.endswith((".md", ".mdc")) and text.startswith("---"):
        return _by_front_matter(text)
    if name.endswith((".xml", ".bpmn")):
        return _by_root(text)
    if name.endswith(".py"):
        return Platform("an Airflow DAG", _FORM) if _AIRFLOW.search(text) else None
    if name.endswith(".toml"):
        return Platform("a Codex configuration", _FORM) if _CODEX.search(text) else None
    return _by_header(text.partition("\n")[0]) if name.endswith(".csv") else None


def _by_keys(name: str, text: str) -> Platform | None:
    """Platform from the first-level keys of YAML."""
    keys = {match.group(1) for match, _ in zip(_KEY.finditer(text), range(_KEYS), strict=False)}
    if "jobs" in keys and keys & {"on", "true"}:
        return Platform("a GitHub Actions workflow", _FORM)
    if "runs" in keys and name.startswith("action."):
        return Platform("a GitHub action", _FORM)
    if {"apiVersion", "kind"} <= keys:
        return _KUBERNETES
    if "app" in keys and _KIND.search(text):
        return _DIFY
    if name.startswith("server.") and _SERVER_TYPE.search(text):
        return _SERVER
    if {"trigger", "steps"} <= keys or {"trigger", "stages"} <= keys:
        return _CI_FILES["azure-pipelines.yml"]
    if keys & {"openapi", "swagger"}:
        return _OPENAPI
    return Platform("a Docker Compose file", _NOTHING) if "services" in keys else None


def _by_front_matter(text: str) -> Platform | None:
    head = text[3:].partition("\n---")[0]
    keys = {match.group(1) for match, _ in zip(_KEY.finditer(head), range(_KEYS), strict=False)}
    is_agent = {"name", "description"} <= keys and keys & {"tools", "model", "color"}
    return Platform("a Claude Code agent", _FORM) if is_agent else None


def _by_root(text: str) -> Platform | None:
    if "midpoint.evolveum.com" in text or _MIDPOINT.search(text[:8192]):
        return Platform("a midPoint export", _MATRIX)
    if "omg.org/spec/BPMN" in text:
        return Platform("a BPMN process", _FORM)
    return None


def _by_header(line: str) -> Platform | None:
    if _RULES_IN_CSV.search(line[:1000]):
        return Platform("a matrix of segregation of duties", _RULES)
    return Platform("a list of people and their roles", _NOTHING) if _ROLES_IN_CSV.match(line) else None
