"""n8n exports: what decides whether an import is right (import-formats.md), one sentence each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.manifest import Finding, Manifest, Privilege, Trigger
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import AI, bound, bring, codes, manifest_of, node, workflow


def _privileges(*nodes: dict[str, Any], **members: Any) -> list[Privilege]:
    return list(manifest_of(*nodes, **members).privileges)


def _only(*nodes: dict[str, Any], **members: Any) -> Privilege:
    (privilege,) = _privileges(*nodes, **members)
    return privilege


def _trigger(*nodes: dict[str, Any]) -> Trigger:
    (trigger,) = manifest_of(*nodes).triggers
    return trigger


def _findings(manifest: Manifest, code: str) -> list[Finding]:
    return [finding for finding in manifest.findings if finding.code == code]


# Defaults and levels


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("built", "resource", "operation", "access"),
    [
        (node("gmail", "A", 2.1, sendTo="a@b.example"), "message", "send", "write"),
        (node("slack", "A", 2.3), "message", "post", "write"),
        (node("telegram", "A", 1.2), "message", "sendMessage", "write"),
        (node("googleDrive", "A", 3), "file", "upload", "write"),
        (node("postgres", "A", 2.6), "database", "insert", "write"),
        (node("googleSheets", "A", 4.5), "sheet", "read", "read"),
        (node("airtable", "A", 2.1), "record", "get", "read"),
        (node("airtable", "A", 1), "", "read", "read"),
        (node("baserow", "A", 1), "row", "getAll", "read"),
        (node("slack", "A", 2.3, resource="channel"), "channel", "create", "write"),
        (node("notion", "A", 2.2, resource="databasePage"), "databasePage", "create", "write"),
    ],
)
def test_missing_setting_uses_default_of_node_version(
    built: dict[str, Any], resource: str, operation: str, access: str
) -> None:
    privilege = _only(built)
    assert (privilege.resource, privilege.operation, privilege.access) == (resource, operation, access)
    assert "operation" in privilege.assumed


@pytest.mark.rule("I8")
def test_exported_setting_is_not_assumed() -> None:
    privilege = _only(node("slack", "A", 2.3, resource="message", operation="update"))
    assert (privilege.operation, privilege.access, privilege.assumed) == ("update", "write", ())


@pytest.mark.parametrize(
    ("query", "access", "target"),
    [
        ("SELECT * FROM scm.stock", "read", "scm.stock"),
        ("DELETE FROM scm.stock", "write", "scm.stock"),
        ("=SELECT * FROM scm.stock", "execute", "{expression}"),
        ("SELECT * FROM {{ $json.table }}", "execute", "{expression}"),
        ("=SELECT * FROM {{ $fromAI('table') }}", "execute", "{model}"),
        ("", "execute", ""),
        ("DO $$ BEGIN EXECUTE 'DELETE FROM x'; END $$", "write", ""),
    ],
)
def test_a_literal_select_is_read_other_literal_sql_write_and_an_expression_execute(
    query: str, access: str, target: str
) -> None:
    privilege = _only(node("postgres", "A", 2.6, operation="executeQuery", query=query))
    assert (privilege.access, privilege.target) == (access, target)


def test_computed_operation_is_unknown_and_reported() -> None:
    manifest = manifest_of(node("slack", "A", 2.3, operation="={{ $json.op }}"))
    assert (manifest.privileges[0].operation, manifest.privileges[0].access) == ("*", "unknown")
    assert _findings(manifest, "unrecognised")


# Connectors and unknown types


@pytest.mark.parametrize(
    ("kind", "connector", "origin"),
    [
        ("slackTool", "slack", "base"),
        (AI + "lmChatOpenAi", "lmChatOpenAi", "langchain"),
        ("n8n-nodes-mcp.mcpClientTool", "mcpClient", "n8n-nodes-mcp"),
    ],
)
def test_the_connector_is_the_last_part_without_a_final_tool(kind: str, connector: str, origin: str) -> None:
    privilege = _only(node(kind, "A", 1, bound("someApi")))
    assert (privilege.connector, privilege.origin) == (connector, origin)


@pytest.mark.rule("I8")
def test_node_with_credential_is_privilege() -> None:
    manifest = manifest_of(node("noOp", "Rewritten", 1, bound("openAiApi", "o1")))
    (privilege,) = manifest.privileges
    assert (privilege.connector, privilege.instance, privilege.access) == ("noOp", "o1", "unknown")
    assert _findings(manifest, "unrecognised")
    assert manifest.kind == "ai_app"


@pytest.mark.rule("I8")
def test_an_unknown_type_is_shown_as_not_recognised_and_not_dropped() -> None:
    manifest = manifest_of(
        node("n8n-nodes-acme.acme", "A", 1, bound("acmeApi"), resource="order", operation="cancelOrder"),
        node("unheardOf"),
    )
    assert [(p.connector, p.operation, p.access) for p in manifest.privileges] == [
        ("acme", "cancelOrder", "write"),
        ("unheardOf", "*", "unknown"),
    ]
    assert "access" in manifest.privileges[0].assumed
    assert [f.at for f in _findings(manifest, "unrecognised")] == ["A", "unheardOf"]
    assert [f.at for f in _findings(manifest, "unpinned_component")] == ["A"]


def test_nodes_that_only_reshape_and_branch_are_no_privileges() -> None:
    inert = [node(kind) for kind in ("set", "if", "merge", "switch", "noOp", "filter", "splitInBatches", "stickyNote")]
    assert _privileges(*inert, node(AI + "agent"), node(AI + "outputParserStructured")) == []


# HTTP


@pytest.mark.parametrize(
    ("built", "operation", "access", "instance", "target"),
    [
        (
            node("httpRequest", "A", 4.2, url="https://api.example/v1/orders?key=1#x"),
            "get",
            "read",
            "api.example",
            "/v1/orders",
        ),
        (node("httpRequest", "A", 4.2, method="POST", url="https://api.example"), "post", "write", "api.example", ""),
        (
            node("httpRequest", "A", 1, requestMethod="DELETE", url="http://api.example:8080/a"),
            "delete",
            "write",
            "api.example:8080",
            "/a",
        ),
        (
            node("httpRequest", "A", 4.2, method="HEAD", url="https://API.Example:443/"),
            "head",
            "read",
            "api.example",
            "/",
        ),
        (
            node("httpRequest", "A", 4.2, url="=https://api.example/{{ $json.a }}/x"),
            "get",
            "read",
            "api.example",
            "/{expression}/x",
        ),
        (node("httpRequest", "A", 4.2, url="https://user@api.example/x"), "get", "read", "api.example", "/x"),
        (
            node(AI + "toolHttpRequest", "A", 1.1, url="https://api.example/{city}"),
            "get",
            "read",
            "api.example",
            "/{expression}",
        ),
        (node("httpRequest", "A", 4.2, url="api.example/x"), "get", "read", "api.example", "/x"),
    ],
)
def test_an_http_node_is_its_method_and_its_host(
    built: dict[str, Any], operation: str, access: str, instance: str, target: str
) -> None:
    privilege = _only(built)
    assert (privilege.operation, privilege.access, privilege.instance, privilege.target) == (
        operation,
        access,
        instance,
        target,
    )


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("url", "severity"),
    [
        ("={{ $json.url }}", "medium"),
        ("=https://{{ $json.tenant }}.example/x", "medium"),
        ("{{ $env.BASE_URL }}/x", "medium"),
        ("=https://{{ $fromAI('host') }}/x", "high"),
        ("{PLACEHOLDER}", "medium"),
    ],
)
def test_a_host_that_is_computed_is_dynamic_and_has_no_instance(url: str, severity: str) -> None:
    manifest = manifest_of(node("httpRequest", "A", 4.2, url=url))
    assert manifest.privileges[0].instance == ""
    assert [f.severity for f in _findings(manifest, "dynamic_host")] == [severity]


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "built", [node("rssFeedRead", "A", 1, url="={{ $json.feed }}"), node("graphql", "A", 1, endpoint="{{ $env.API }}")]
)
def test_a_feed_or_endpoint_that_is_computed_is_dynamic_too(built: dict[str, Any]) -> None:
    manifest = manifest_of(built)
    assert manifest.privileges[0].instance == ""
    assert _findings(manifest, "dynamic_host")


@pytest.mark.rule("I8")
def test_a_request_without_an_address_is_not_recognised() -> None:
    assert _findings(manifest_of(node("httpRequest", "A", 4.2)), "unrecognised")


def test_predefined_credential_names_connector() -> None:
    privilege = _only(
        node(
            "httpRequest",
            "A",
            4.2,
            bound("gmailOAuth2"),
            url="https://www.googleapis.com/gmail/v1/users/me/drafts",
            authentication="predefinedCredentialType",
            nodeCredentialType="gmailOAuth2",
        )
    )
    assert (privilege.connector, privilege.instance) == ("gmail", "www.googleapis.com")


def test_token_like_path_parts_are_hidden_and_distinct() -> None:
    privilege, other = (
        _only(node("httpRequest", "A", 4.2, url=f"https://hook.example/h/{c * 3}")) for c in ("a1bk2x9q", "c3dm4z7w")
    )
    assert "a1bk2x9q" not in privilege.target
    assert privilege.target.startswith("/h/{opaque ")
    assert privilege.target != other.target


# Credentials


def test_credentials_come_by_id_by_name_and_typed_in_place() -> None:
    manifest = manifest_of(
        node("slack", "By id", 2.3, bound("slackApi", "s1", "Ours")),
        node("slack", "By name", 1, {"slackApi": "Old one"}),
        node(
            "httpRequest",
            "In place",
            1,
            {"httpBasicAuth": {"user": "robot", "password": "5d0f9b77"}},
            url="https://a.example",
        ),
        node("slack", "Nothing", 1, {"slackApi": ""}),
        node("slack", "Hollow", 2.3, bound("slackApi", "REPLACE_WITH_YOUR_CRED", "Slack")),
        node("slack", "Absent", 2.3),
    )
    refs = [p.credential for p in manifest.privileges]
    assert [(r.external_id, r.name, r.bound) for r in refs if r] == [
        ("s1", "Ours", True),
        ("", "Old one", True),
        ("", "", True),
        ("", "", False),
        ("", "Slack", False),
        ("", "", False),
    ]
    assert [f.at for f in _findings(manifest, "unbound_credential")] == ["Nothing", "Hollow", "Absent"]
    assert [(c.type, c.where) for c in manifest.credentials] == [
        ("slackApi", "node"),
        ("slackApi", "node"),
        ("httpBasicAuth", "inline"),
        ("slackApi", "node"),
    ]


def test_selected_credential_is_used() -> None:
    both = {"httpBasicAuth": {"id": "b1", "name": "B"}, "httpHeaderAuth": {"id": "h1", "name": "H"}}
    manifest = manifest_of(
        node(
            "httpRequest",
            "A",
            4.2,
            both,
            url="https://a.example",
            authentication="genericCredentialType",
            genericAuthType="httpHeaderAuth",
        )
    )
    assert manifest.privileges[0].credential
    assert manifest.privileges[0].credential.external_id == "h1"
    assert [c.external_id for c in manifest.credentials] == ["b1", "h1"]


def test_an_expected_credential_that_is_absent_is_named_by_its_type() -> None:
    privilege = _only(node("googleDrive", "A", 3, authentication="oAuth2"))
    assert privilege.credential
    assert (privilege.credential.type, privilege.credential.bound) == ("googleDriveOAuth2Api", False)


@pytest.mark.rule("I6")
def test_a_secret_in_a_header_is_the_credential_of_its_request() -> None:
    headers = {"parameters": [{"name": "X-Api-Key", "value": "5d0f9b77a1c24e33"}]}
    manifest = manifest_of(node("httpRequest", "A", 4.2, url="https://a.example/x", headerParameters=headers))
    assert manifest.privileges[0].credential
    assert manifest.privileges[0].credential.key == ("embedded", "header/X-Api-Key@a.example")
    assert [f.at for f in _findings(manifest, "embedded_secret")] == ["nodes/A/headerParameters/X-Api-Key"]


@pytest.mark.rule("I5")
def test_one_id_in_several_nodes_is_shared() -> None:
    manifest = manifest_of(*(node("slack", name, 2.3, bound("slackApi", "s1")) for name in ("A", "B")))
    assert [f.at for f in _findings(manifest, "shared_credential")] == ["credentials/Ours"]
    assert manifest.credentials[0].at == ("A", "B")


# Triggers


@pytest.mark.parametrize(
    ("built", "kind", "detail", "authenticated"),
    [
        (node("webhook", "A", 2, httpMethod="POST", path="orders"), "webhook", "POST /orders", False),
        (node("webhook", "A", 2, path="/orders", authentication="none"), "webhook", "GET /orders", False),
        (
            node("webhook", "A", 2, bound("httpHeaderAuth"), path="o", authentication="headerAuth"),
            "webhook",
            "GET /o",
            True,
        ),
        (node("webhook", "A", 2, httpMethod=["GET", "POST"], path="o"), "webhook", "GET, POST /o", False),
        (node("formTrigger", "A", 2.2, options={"path": "new"}), "form", "/new", False),
        (node("formTrigger", "A", 2.2, formTitle="New supplier"), "form", "New supplier", False),
        (node(AI + "chatTrigger", "A", 1.1), "chat", "in the editor", True),
        (node(AI + "chatTrigger", "A", 1.1, public=True), "chat", "public", False),
        (node(AI + "chatTrigger", "A", 1.1, public=True, authentication="n8nUserAuth"), "chat", "public", True),
        (node(AI + "mcpTrigger", "A", 1, path="tools"), "mcp", "/tools", False),
        (node("manualTrigger", "A"), "manual", "", True),
        (node("executeWorkflowTrigger", "A"), "workflow", "", True),
        (node("emailReadImap", "A", 2), "email", "INBOX", True),
        (node("gmailTrigger", "A", 1.2), "email", "", True),
        (node("googleDriveTrigger", "A", 1, event="fileCreated"), "event", "fileCreated", True),
        (node("telegramTrigger", "A", 1.2, updates=["message"]), "event", "message", True),
        (node("interval", "A", 1, unit="minutes", interval=30), "schedule", "every 30 minutes", True),
        (
            node("cron", "A", 1, triggerTimes={"item": [{"hour": 11, "mode": "everyWeek", "weekday": "5"}]}),
            "schedule",
            "every week at 11:00, weekday 5",
            True,
        ),
        (node("scheduleTrigger", "A", 1.2), "schedule", "every day at 00:00", True),
        (
            node("scheduleTrigger", "A", 1.2, rule={"interval": [{"field": "minutes"}]}),
            "schedule",
            "every 5 minutes",
            True,
        ),
        (
            node("scheduleTrigger", "A", 1.2, rule={"interval": [{"field": "weeks"}]}),
            "schedule",
            "every week on Sunday at 00:00",
            True,
        ),
        (
            node("scheduleTrigger", "A", 1.2, rule={"interval": [{"field": "hours", "hoursInterval": 6}]}),
            "schedule",
            "every 6 hours",
            True,
        ),
        (
            node(
                "scheduleTrigger", "A", 1.2, rule={"interval": [{"field": "cronExpression", "expression": "0 4 * * *"}]}
            ),
            "schedule",
            "cron 0 4 * * *",
            True,
        ),
    ],
)
def test_triggers_and_public_access_are_read(
    built: dict[str, Any], kind: str, detail: str, authenticated: bool
) -> None:
    trigger = _trigger(built)
    assert (trigger.type, trigger.detail, trigger.authenticated) == (kind, detail, authenticated)


@pytest.mark.rule("I8")
def test_an_entry_point_that_is_open_is_a_finding_and_one_that_is_switched_off_is_not() -> None:
    assert [f.at for f in _findings(manifest_of(node("webhook", "A", 2, path="x")), "open_webhook")] == ["A"]
    off = manifest_of({**node("webhook", "A", 2, path="x"), "disabled": True})
    assert not _findings(off, "open_webhook")
    assert not off.triggers[0].active


def test_a_trigger_that_signs_in_somewhere_reads_there() -> None:
    privilege = _only(node("gmailTrigger", "A", 1.2, bound("gmailOAuth2", "g1")))
    assert (privilege.operation, privilege.access, privilege.instance) == ("watch", "read", "g1")


# Models, agents, code


def test_model_reachable_access_is_model_controlled() -> None:
    manifest = manifest_of(
        node(AI + "agent", "Agent", 2),
        node(AI + "lmChatOpenAi", "Model", 1.2, bound("openAiApi"), model={"__rl": True, "value": "gpt-4.1"}),
        node("slackTool", "Tool", 2.3, bound("slackApi")),
        node(AI + "toolVectorStore", "Search"),
        node(AI + "vectorStoreQdrant", "Store", 1, bound("qdrantApi"), qdrantCollection="docs"),
        node(AI + "memoryPostgresChat", "Memory", 1, bound("postgres")),
        node("gmail", "Mail", 2.1, bound("gmailOAuth2"), message="={{ $fromAI('m') }}"),
        node("gmail", "Plain", 2.1, bound("gmailOAuth2"), message="Hello"),
        links=(
            ("Model", "ai_languageModel", "Agent"),
            ("Tool", "ai_tool", "Agent"),
            ("Search", "ai_tool", "Agent"),
            ("Store", "ai_vectorStore", "Search"),
            ("Memory", "ai_memory", "Agent"),
        ),
    )
    assert manifest.kind == "agent"
    assert {p.at: p.model_controlled for p in manifest.privileges} == {
        "Model": False,
        "Tool": True,
        "Store": True,
        "Memory": False,
        "Mail": True,
        "Plain": False,
    }
    assert {p.at: (p.operation, p.access, p.target) for p in manifest.privileges}["Store"] == (
        "retrieve",
        "read",
        "docs",
    )
    assert {p.at: (p.operation, p.access, p.target) for p in manifest.privileges}["Model"] == (
        "call",
        "execute",
        "gpt-4.1",
    )


@pytest.mark.parametrize(
    ("nodes", "kind"),
    [
        ([node("slack")], "workflow"),
        ([node(AI + "chainLlm"), node(AI + "lmChatOpenAi")], "ai_app"),
        ([node(AI + "agent")], "agent"),
        ([node(AI + "openAi", "A", 1.4, resource="assistant")], "agent"),
        ([node("openAi", "A", 1, bound("openAiApi"))], "ai_app"),
    ],
)
def test_kind_is_agent_ai_app_or_workflow(nodes: list[dict[str, Any]], kind: str) -> None:
    assert manifest_of(*nodes).kind == kind


@pytest.mark.parametrize("kind", ["code", "function", "functionItem", "executeCommand", AI + "toolCode", AI + "code"])
def test_code_is_executed_on_the_platform_and_opaque_where_it_imports(kind: str) -> None:
    imports = "return require('fs')"
    manifest = manifest_of(
        node(kind, "A", 1, jsCode=imports, functionCode=imports, command="ls", code={"execute": {"code": imports}})
    )
    (privilege,) = manifest.privileges
    assert (privilege.access, privilege.instance, privilege.target) == ("execute", "n8n", "")
    assert [f.at for f in _findings(manifest, "opaque_code")] == ["A"]


def test_a_command_on_another_machine_is_opaque_too() -> None:
    manifest = manifest_of(node("ssh", "A", 1, bound("sshPassword", "m1"), command="systemctl restart x", cwd="/srv"))
    assert (manifest.privileges[0].access, manifest.privileges[0].instance) == ("execute", "m1")
    assert _findings(manifest, "opaque_code")


@pytest.mark.parametrize(
    ("workflow_id", "target"),
    [
        ({"__rl": True, "mode": "list", "value": "w1", "cachedResultName": "Pay"}, "w1"),
        ("w1", "w1"),
        ("={{ $workflow.id }}", "{itself}"),
        ("={{ $json.which }}", "{expression}"),
    ],
)
def test_calling_another_workflow_is_a_privilege(workflow_id: Any, target: str) -> None:
    privilege = _only(node("executeWorkflow", "A", 1.2, workflowId=workflow_id))
    assert (privilege.access, privilege.instance, privilege.target) == ("execute", "n8n", target)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (
            {"include": "selected", "includeTools": ["create_issue", "list_issues"]},
            [("create_issue", "write"), ("list_issues", "read")],
        ),
        ({}, [("*", "unknown")]),
        ({"include": "except", "excludeTools": ["delete_repo"]}, [("*", "unknown")]),
        ({"operation": "executeTool", "toolName": "add_memory"}, [("add_memory", "write")]),
        ({"operation": "executeTool", "toolName": "={{ $json.tool }}"}, [("*", "unknown")]),
        ({"tool": {"__rl": True, "value": "frobnicate"}}, [("frobnicate", "execute")]),
        ({"operation": "listTools"}, [("listTools", "read")]),
    ],
)
def test_tools_of_an_mcp_server_are_named_one_by_one_or_all_of_them(
    parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    manifest = manifest_of(node(AI + "mcpClientTool", "A", 1.1, endpointUrl="https://mcp.example/mcp", **parameters))
    assert [(p.operation, p.access) for p in manifest.privileges] == expected
    assert {p.instance for p in manifest.privileges} == {"mcp.example"}
    assert ("wildcard" in codes(manifest)) == (expected == [("*", "unknown")])


# The rest of a workflow


def test_a_node_that_is_switched_off_is_kept_and_dormant() -> None:
    manifest = manifest_of({**node("slack", "A", 2.3, bound("slackApi")), "disabled": True})
    assert not manifest.privileges[0].active
    assert [f.at for f in _findings(manifest, "dormant")] == ["A"]


def test_values_from_the_environment_are_named() -> None:
    manifest = manifest_of(node("slack", "A", 2.3, text="={{ $env.GREETING }} {{ $env['NAME'] }}"))
    assert [f.detail for f in _findings(manifest, "env_reference")] == [
        "Takes values from the platform's environment: GREETING, NAME"
    ]


@pytest.mark.rule("I6")
def test_pinned_data_is_reported_and_not_kept() -> None:
    manifest = manifest_of(node("webhook", "A", 2, path="x"), pinData={"A": [{"json": {"customer": "Ada Lovelace"}}]})
    assert [f.at for f in _findings(manifest, "pinned_data")] == ["pinData"]
    assert "Lovelace" not in json.dumps(manifest.to_dict())


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (workflow(node("noOp"), name="  Trailing \n"), ["Trailing"]),
        ({k: v for k, v in workflow(node("noOp")).items() if k != "name"}, ["sample"]),
        ([workflow(node("noOp"), name="A"), workflow(node("noOp"), name="B")], ["A", "B"]),
        ({"workflow": workflow(node("noOp"), name="Inner")}, ["Inner"]),
        ({"data": [workflow(node("noOp"), name="Rest")], "nextCursor": None}, ["Rest"]),
        (workflow(node("noOp"), name="Emoji 🧊"), ["Emoji 🧊"]),
    ],
)
def test_all_export_shapes_are_read(document: Any, names: list[str]) -> None:
    assert [each.manifest.name for each in read_export("sample.json", json.dumps(document).encode())] == names


def test_platform_statements_are_hints() -> None:
    shared = [
        {"role": "workflow:editor", "project": {"name": "No"}},
        {"role": "workflow:owner", "project": {"name": "Finance"}},
    ]
    source = manifest_of(node("noOp"), id="w1", meta={"instanceId": "i1"}, shared=shared).source
    assert (source.external_id, source.platform_instance, source.owner_hint) == ("w1", "i1", "Finance")


@pytest.mark.parametrize(
    ("share", "hint"),
    [
        ({"user": {"email": "rita@example.org"}}, "rita@example.org"),
        (
            {"project": {"type": "personal", "name": "Rita Novak <rita@example.org>"}},
            "Rita Novak <rita@example.org>",
        ),
        (
            {"project": {"name": "Finance"}, "user": {"email": "rita@example.org"}},
            "Finance <rita@example.org>",
        ),
        (
            {
                "project": {
                    "type": "personal",
                    "name": "Rita",
                    "projectRelations": [
                        {"role": "project:viewer", "user": {"email": "no@example.org"}},
                        {"role": "project:personalOwner", "user": {"email": "rita@example.org"}},
                    ],
                }
            },
            "Rita <rita@example.org>",
        ),
        ({"project": {"type": "team", "name": "Rita <rita@example.org>"}}, "project Rita (rita@example.org)"),
        ({"project": {"name": "rita@example.org"}}, "project rita@example.org"),
        (
            {"project": {"name": "To rita@example.org"}, "user": {"email": "rita@example.org"}},
            "project To rita@example.org <rita@example.org>",
        ),
        (
            {"project": {"type": "personal", "name": "R <r@old.example>"}, "user": {"email": "rita@example.org"}},
            "R <r@old.example> <rita@example.org>",
        ),
        ({"project": {"name": ["no"], "projectRelations": "no"}, "user": 7}, ""),
    ],
)
def test_account_comes_from_platform_only(share: dict[str, Any], hint: str) -> None:
    source = manifest_of(node("noOp"), shared=[{"role": "workflow:owner", **share}]).source
    assert source.owner_hint == hint


@pytest.mark.rule("S1")
def test_a_long_name_of_a_project_does_not_hide_the_account_behind_it() -> None:
    share = {"role": "workflow:owner", "project": {"name": "f" * 250}, "user": {"email": "rita@example.org"}}
    hint = manifest_of(node("noOp"), shared=[share]).source.owner_hint
    assert hint.endswith(" <rita@example.org>")
    assert len(hint) <= 200
    share["user"] = {"email": f"{'r' * 250}@example.org"}
    assert len(manifest_of(node("noOp"), shared=[share]).source.owner_hint) <= 200


@pytest.mark.parametrize(
    ("members", "enabled"),
    [
        ({"active": True}, True),
        ({"active": False}, False),
        ({"active": None}, None),
        ({"active": True, "isArchived": True}, False),
    ],
)
def test_active_flag_comes_from_export(members: dict[str, Any], enabled: bool | None) -> None:
    assert bring({**workflow(node("noOp")), **members}).manifest.enabled is enabled


@pytest.mark.rule("I8")
def test_target_is_complete_and_long_display_is_distinct() -> None:
    whole = "#" + "a" * 1_000
    assert _only(node("slack", "A", 2.3, channelId=whole)).target == whole
    privilege, other = (_only(node("slack", "A", 2.3, channelId="#" + "a" * 4_000 + end)) for end in ("x", "y"))
    assert len(privilege.target) <= 2_000
    assert privilege.target != other.target


def test_a_target_is_the_id_and_its_label_is_for_people() -> None:
    privilege = _only(
        node("slack", "A", 2.3, channelId={"__rl": True, "mode": "list", "value": "C01", "cachedResultName": "finance"})
    )
    assert (privilege.target, privilege.target_name) == ("C01", "finance")
