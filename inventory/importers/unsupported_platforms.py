"""Detect the platform of an unsupported file, so that the refusal can name it and a next step (I8).

A few member names of JSON, or the first lines of other text, determine the platform. YAML and XML are not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from inventory.importers.facts import facts

_FACTS = facts("platforms")


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


_PLATFORMS = {
    name: Platform(what, _FACTS["advice"][advice], is_ours=name == "part_of_n8n")
    for name, (what, advice) in _FACTS["platforms"].items()
}
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
        return _PLATFORMS["power_automate_part"]
    return next((_PLATFORMS[name] for name, test in _FACTS["documents"] if _passes(document, name, test)), None)


def _passes(document: dict[str, Any], name: str, test: str) -> bool:
    """Whether a document has all members of a test; without members, the test of this name."""
    return document.keys() >= {*test.split()} if test else _TESTS[name](document)


def _by_entries(name: str, entries: list[dict[str, Any]], *, is_empty: bool) -> Platform | None:
    if is_empty:
        return _PLATFORMS["tools"] if name == "tools.json" else None
    if not entries:
        return None
    if any("wires" in each or each.get("type") == "tab" for each in entries):
        return _PLATFORMS["node_red"]
    if all("roleName" in each and "permissions" in each for each in entries):
        return _PLATFORMS["azure_role"]
    if all("includedPermissions" in each for each in entries):
        return _PLATFORMS["google_role"]
    return _PLATFORMS["tools"] if all({"name", "description"} <= each.keys() for each in entries) else None


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


_TESTS = {
    "power_automate": _is_power_automate,
    "logic_app": _is_logic_app,
    "definition": _is_definition,
    "flowise": _nodes_hold("inputParams", "inputAnchors"),
    "langflow": _nodes_hold("node"),
    "make": _is_make,
    "dify": _is_dify,
    "aws_policy": _is_aws_policy,
    "google_policy": _is_google_policy,
    "server": _is_registry_server,
    "tools": _is_list_of_tools,
    "part_of_n8n": _is_part_of_n8n,
    "claude_settings": _is_claude_settings,
}


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
    ".gitlab-ci.yml": _PLATFORMS["gitlab"],
    "azure-pipelines.yml": _PLATFORMS["azure_pipeline"],
}


def platform_of_text(file: str, data: bytes) -> Platform | None:
    """Platform of a file that is no JSON.

    Args:
        file: its name.
        data: its bytes, or their beginning.
    """
    if data.startswith(b"PK\x03\x04"):
        return _PLATFORMS["power_automate_package"] if b"Microsoft.Flow/" in data[:HEAD] else None
    text = data[:HEAD].decode("utf-8-sig", errors="replace")
    name = PurePosixPath(file).name.lower()
    if name.endswith((".yaml", ".yml")):
        return _CI_FILES.get(name) or _by_keys(name, text)
    if name.endswith((".md", ".mdc")) and text.startswith("---"):
        return _by_front_matter(text)
    if name.endswith((".xml", ".bpmn")):
        return _by_root(text)
    if name.endswith(".py"):
        return _PLATFORMS["airflow"] if _AIRFLOW.search(text) else None
    if name.endswith(".toml"):
        return _PLATFORMS["codex"] if _CODEX.search(text) else None
    return _by_header(text.partition("\n")[0]) if name.endswith(".csv") else None


def _by_keys(name: str, text: str) -> Platform | None:
    """Platform from the first-level keys of YAML."""
    keys = {match.group(1) for match, _ in zip(_KEY.finditer(text), range(_KEYS), strict=False)}
    if "jobs" in keys and keys & {"on", "true"}:
        return _PLATFORMS["github_workflow"]
    if "runs" in keys and name.startswith("action."):
        return _PLATFORMS["github_action"]
    if {"apiVersion", "kind"} <= keys:
        return _PLATFORMS["kubernetes"]
    if "app" in keys and _KIND.search(text):
        return _PLATFORMS["dify"]
    if name.startswith("server.") and _SERVER_TYPE.search(text):
        return _PLATFORMS["server"]
    if {"trigger", "steps"} <= keys or {"trigger", "stages"} <= keys:
        return _CI_FILES["azure-pipelines.yml"]
    if keys & {"openapi", "swagger"}:
        return _PLATFORMS["openapi"]
    return _PLATFORMS["compose"] if "services" in keys else None


def _by_front_matter(text: str) -> Platform | None:
    head = text[3:].partition("\n---")[0]
    keys = {match.group(1) for match, _ in zip(_KEY.finditer(head), range(_KEYS), strict=False)}
    is_agent = {"name", "description"} <= keys and keys & {"tools", "model", "color"}
    return _PLATFORMS["claude_agent"] if is_agent else None


def _by_root(text: str) -> Platform | None:
    if "midpoint.evolveum.com" in text or _MIDPOINT.search(text[:8192]):
        return _PLATFORMS["midpoint"]
    if "omg.org/spec/BPMN" in text:
        return _PLATFORMS["bpmn"]
    return None


def _by_header(line: str) -> Platform | None:
    if _RULES_IN_CSV.search(line[:1000]):
        return _PLATFORMS["duties"]
    return _PLATFORMS["people"] if _ROLES_IN_CSV.match(line) else None
