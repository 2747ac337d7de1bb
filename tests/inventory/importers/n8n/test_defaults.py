"""Our table of n8n's defaults, against a reference where one is beside the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inventory.importers.n8n import defaults as table
from inventory.importers.operation_words import access_of
from tests.inventory.importers.samples import AI, bound, codes, manifest_of, node


@pytest.fixture(scope="module")
def reference(real_exports: Path) -> dict[str, list[dict[str, Any]]]:
    """By node type: versions, default resource, default operation by resource, credential types."""
    loaded: dict[str, list[dict[str, Any]]] = json.loads(
        (real_exports / "reference" / "n8n_operation_defaults.json").read_bytes()
    )
    return loaded


def _known(reference: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str, table.NodeFacts, dict[str, Any]]]:
    rows = []
    for full, blocks in reference.items():
        package, _, connector = full.rpartition(".")
        for block in blocks:
            for version in block["versions"]:
                facts = table.facts_of(connector, float(version), "langchain" if "langchain" in package else "base")
                if facts is not None:
                    rows.append((connector, version, facts, block))
    return rows


@pytest.mark.rule("I8")
def test_the_table_agrees_with_the_reference_for_every_version(reference: dict[str, list[dict[str, Any]]]) -> None:
    rows = _known(reference)
    wrong = []
    for connector, version, facts, block in rows:
        operations = {
            resource: operation for resource, operation in block["operation_by_resource"].items() if operation
        }
        if operations and (block["resource"] or "") != facts.resource:
            wrong.append((connector, version, "resource", block["resource"], facts.resource))
        wrong += [
            (connector, version, resource, operation, facts.operations.get(resource))
            for resource, operation in operations.items()
            if facts.operations.get(resource) != operation
        ]
        if (
            not set(block["credentials"]) <= set(facts.credentials) and connector != "graphql"
        ):  # graphql asks as HTTP does
            wrong.append((connector, version, "credentials", block["credentials"], facts.credentials))
    assert len(rows) > 300
    assert wrong == []


def test_every_default_has_a_level() -> None:
    unknown = [
        (connector, operation)
        for _, connector in table._nodes()
        for package in ("base", "langchain")
        for version in (1, 2, 3, 4)
        if (facts := table.facts_of(connector, version, package)) is not None
        for resource, operation in facts.operations.items()
        if f"{connector}/{operation}" not in table.ACCESS and access_of(operation, resource) == "unknown"
    ]
    assert unknown == []


def test_the_most_used_connectors_are_in_the_table() -> None:
    assert len({connector for _, connector in table._nodes()}) >= 150


def test_inert_settings_are_not_in_table() -> None:
    assert {connector for _, connector in table._nodes()} & (
        table.WORDS["inert"] - {"spreadsheetFile", "readPDF"}
    ) == set()


@pytest.mark.parametrize(
    ("connector", "version", "operation"),
    [
        ("gmail", 2.1, "send"),
        ("slack", 2.3, "post"),
        ("telegram", 1.2, "sendMessage"),
        ("googleDrive", 3, "upload"),
        ("postgres", 2.6, "insert"),
        ("googleSheets", 4.5, "read"),
        ("airtable", 2.1, "get"),
        ("airtable", 1, "read"),
        ("baserow", 1, "getAll"),
    ],
)
def test_common_default_traps_are_covered(connector: str, version: float, operation: str) -> None:
    facts = table.facts_of(connector, version)
    assert facts is not None
    resource = "message" if connector == "gmail" else facts.resource
    assert facts.operations[resource] == operation


def test_the_credential_that_is_asked_for_by_default_stands_first(reference: dict[str, list[dict[str, Any]]]) -> None:
    wrong = [
        (connector, version, block["authentication"], facts.credentials[:1])
        for connector, version, facts, block in _known(reference)
        if block["authentication"] in block["credentials"] and facts.credentials[0] != block["authentication"]
    ]
    wrong += [
        (connector, version, "serviceAccount", facts.credentials[:1])
        for connector, version, facts, block in _known(reference)
        if (block["authentication"] == "serviceAccount") != (facts.credentials[:1] == ("googleApi",))
    ]
    assert wrong == []


def test_a_trigger_asks_for_a_credential_that_the_reference_names(reference: dict[str, list[dict[str, Any]]]) -> None:
    blocks = {full.rpartition(".")[2]: block for full, of_type in reference.items() for block in of_type}
    assert {
        name for name, needs in table.TRIGGER_CREDENTIALS.items() if needs not in blocks[name]["credentials"]
    } == set()


@pytest.mark.rule("I8")
def test_every_node_type_of_the_reference_is_recognised(reference: dict[str, list[dict[str, Any]]]) -> None:
    unknown = []
    for full, blocks in reference.items():
        versions = max(float(version) for block in blocks for version in block["versions"])
        manifest = manifest_of(node(full, "A", versions))
        unknown += [full for each in manifest.findings if "does not know the type" in each.detail]
    assert len(reference) > 400
    assert unknown == []


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("kind", "resource", "operation", "level"),
    [
        ("clockify", "timeEntry", "create", "write"),
        ("clockify", "workspace", "getAll", "read"),
        ("ghost", "post", "delete", "write"),
        ("magento2", "order", "cancel", "write"),
        ("misp", "event", "publish", "write"),
        ("onfleet", "admin", "create", "admin"),
        ("npm", "package", "getMetadata", "read"),
        ("theHiveProject", "query", "executeQuery", "read"),
        ("cortex", "analyzer", "execute", "execute"),
        ("yourls", "url", "shorten", "write"),
        ("awsElb", "loadBalancer", "delete", "write"),
        ("filemaker", "", "performscript", "execute"),
        ("grist", "", "delete", "write"),
        ("Brandfetch", "", "logo", "read"),
        (AI + "minimax", "audio", "textToSpeech", "execute"),
    ],
)
def test_operations_of_rarer_nodes_have_their_level(kind: str, resource: str, operation: str, level: str) -> None:
    chosen = {"action": operation} if kind == "filemaker" else {"operation": operation}
    (privilege,) = manifest_of(
        node(kind, "A", 2, bound("someApi"), **({"resource": resource} if resource else {}), **chosen)
    ).privileges
    assert privilege.access == level


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("kind", "version", "parameters", "operation", "level"),
    [
        ("mailchimp", 1, {"resource": "member", "operation": "create"}, "create", "write"),
        ("mailchimp", 1, {}, "create", "write"),
        ("mailchimp", 1, {"resource": "member", "operation": "delete"}, "delete", "write"),
        ("intercom", 1, {"resource": "user", "operation": "create"}, "create", "write"),
        ("intercom", 1, {"resource": "user", "operation": "update"}, "update", "write"),
        ("slack", 2.3, {"resource": "channel", "operation": "replies"}, "replies", "read"),
        ("git", 1, {"operation": "commit"}, "commit", "write"),
        ("spotify", 1, {"resource": "player", "operation": "previousSong"}, "previousSong", "write"),
        ("coinGecko", 1, {"resource": "coin", "operation": "price"}, "price", "read"),
        ("coinGecko", 1, {"resource": "coin", "operation": "candlestick"}, "candlestick", "read"),
        ("n8n-nodes-mcp.mcpClient", 1, {}, "listTools", "read"),
        ("n8n-nodes-mcp.mcpClient", 1, {"operation": "listResourceTemplates"}, "listResourceTemplates", "read"),
        ("n8n-nodes-mcp.mcpClientTool", 1, {"operation": "executeTool", "toolName": "get_page"}, "get_page", "read"),
        (AI + "mcpClient", 1, {"tool": {"__rl": True, "value": "list_pages"}}, "list_pages", "read"),
        (AI + "mcpClient", 1, {"tool": {"__rl": True, "value": "delete_page"}}, "delete_page", "write"),
        (AI + "mcpClient", 1, {"tool": {"__rl": True, "value": "frobnicate"}}, "frobnicate", "execute"),
    ],
)
def test_operations_that_were_overstated_or_unknown(
    kind: str, version: float, parameters: dict[str, Any], operation: str, level: str
) -> None:
    manifest = manifest_of(node(kind, "A", version, bound("someApi"), **parameters))
    (privilege,) = manifest.privileges
    assert (privilege.operation, privilege.access) == (operation, level)
    assert not {"unrecognised", "wildcard"} & set(codes(manifest))


@pytest.mark.rule("I4")
def test_members_elsewhere_are_still_admin() -> None:
    (privilege,) = manifest_of(
        node("discord", "A", 2, bound("discordBotApi"), resource="member", operation="roleAdd")
    ).privileges
    assert privilege.access == "admin"
