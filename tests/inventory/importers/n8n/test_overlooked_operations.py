"""What a person sees in an n8n export and the importer once overlooked, one sentence each."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from inventory.importers.documents import Limits
from inventory.importers.manifest import Manifest, Privilege
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import AI, bound, bring, codes, manifest_of, node, workflow

CHAT = AI + "lmChatOpenAi"


def _only(*nodes: dict[str, Any], **members: Any) -> Privilege:
    (privilege,) = manifest_of(*nodes, **members).privileges
    return privilege


def _inner() -> dict[str, Any]:
    return workflow(
        node("executeWorkflowTrigger", "Start"),
        node("gmail", "Mail it", 2.1, bound("gmailOAuth2", "g1"), sendTo="a@b.example"),
        node("httpRequest", "Ask", 4.2, url="https://api.example/x", method="POST"),
    )


def _calling(inner: Any, kind: str = "executeWorkflow", **parameters: Any) -> dict[str, Any]:
    text = inner if isinstance(inner, str) else json.dumps(inner)
    return node(kind, "Call", 1.2, source="parameter", workflowJson=text, **parameters)


# Inline sub-workflows


@pytest.mark.rule("I8")
@pytest.mark.parametrize("kind", ["executeWorkflow", AI + "toolWorkflow", AI + "retrieverWorkflow"])
def test_an_inline_sub_workflow_is_read_with_its_nodes(kind: str) -> None:
    manifest = manifest_of(_calling(_inner(), kind))
    assert [(each.at, each.connector, each.operation, each.access) for each in manifest.privileges] == [
        ("Call", kind.rpartition(".")[2], "execute", "execute"),
        ("Call / Mail it", "gmail", "send", "write"),
        ("Call / Ask", "httpRequest", "post", "write"),
    ]
    assert [(each.external_id, each.at) for each in manifest.credentials] == [("g1", ("Call / Mail it",))]
    assert manifest.triggers == ()


@pytest.mark.rule("I8")
def test_an_inline_sub_workflow_within_another_is_read_too() -> None:
    manifest = manifest_of(_calling(workflow(_calling(_inner()))))
    assert [each.at for each in manifest.privileges] == [
        "Call",
        "Call / Call",
        "Call / Call / Mail it",
        "Call / Call / Ask",
    ]


@pytest.mark.rule("I4")
def test_a_model_that_calls_an_inline_sub_workflow_controls_its_nodes() -> None:
    nodes = (node(AI + "agent", "Agent"), _calling(_inner(), AI + "toolWorkflow"))
    manifest = manifest_of(*nodes, links=(("Call", "ai_tool", "Agent"),))
    assert all(each.model_controlled for each in manifest.privileges)


@pytest.mark.rule("I6")
def test_a_secret_in_a_slot_of_an_inline_sub_workflow_is_found_and_not_shown() -> None:
    canary = "Zx81-quiet-lantern-1987"
    headers = {"parameters": [{"name": "X-Api-Key", "value": canary}]}
    inner = workflow(node("httpRequest", "Ask", 4.2, url="https://api.example/x", headerParameters=headers))
    result = bring(workflow(_calling(inner)))
    assert "embedded_secret" in codes(result.manifest)
    assert len(result.secrets) == 1
    assert canary not in json.dumps(result.manifest.to_dict())


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "text", ['{"nodes": [', "={{ $json.workflow }}", "[]", '{"nodes": [{"type": 1}], "connections": {}}', "null"]
)
def test_unreadable_inline_workflow_is_reported(text: str) -> None:
    manifest = manifest_of(_calling(text))
    assert [each.at for each in manifest.privileges] == ["Call"]
    assert [each.detail for each in manifest.findings if each.code == "unrecognised"] == [
        "The workflow in this node could not be read; check what it does"
    ]


@pytest.mark.rule("I8")
@pytest.mark.parametrize("inner", [_inner(), {"nodes": 1}, {"no": "nodes"}, [1], 7])
def test_an_inline_sub_workflow_may_be_no_text(inner: Any) -> None:
    built = node("executeWorkflow", "Call", 1.2, source="parameter", workflowJson=inner)
    assert manifest_of(built).privileges[0].at == "Call"


@pytest.mark.rule("I8")
def test_inline_sub_workflows_are_read_three_levels_deep() -> None:
    inner = _inner()
    for _ in range(12):
        inner = workflow(_calling(inner))
    manifest = manifest_of(_calling(inner))
    assert [each.at for each in manifest.privileges] == ["Call", *(" / ".join(["Call"] * depth) for depth in (2, 3, 4))]
    assert [each.at for each in manifest.findings if each.code == "unrecognised"] == ["Call / Call / Call / Call"]


@pytest.mark.rule("I8")
def test_nodes_and_values_of_inline_sub_workflows_count_against_the_limits() -> None:
    document = json.dumps(workflow(_calling(_inner()), node("noOp")))
    assert read_export("a.json", document.encode(), limits=Limits(steps=5))
    with pytest.raises(ImportProblem, match="more than 4 nodes"):
        read_export("a.json", document.encode(), limits=Limits(steps=4))
    with pytest.raises(ImportProblem, match="more than 60 values"):
        read_export(
            "a.json",
            json.dumps(workflow(_calling(_inner()), _calling(_inner()) | {"name": "B"})).encode(),
            limits=Limits(values=60),
        )


@pytest.mark.rule("I2")
def test_the_layout_of_an_inline_sub_workflow_makes_no_new_version() -> None:
    moved, changed = copy.deepcopy(_inner()), copy.deepcopy(_inner())
    moved["nodes"][1]["position"] = [7, 7]
    changed["nodes"][1]["parameters"]["sendTo"] = "c@d.example"
    digests = [bring(workflow(_calling(inner))).digest for inner in (_inner(), moved, changed)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.rule("I8")
@pytest.mark.parametrize("inner", ["", "{}", {}, [], "[]", [{}]])
def test_an_empty_inline_sub_workflow_is_named_as_unread(inner: Any) -> None:
    manifest = manifest_of(node("executeWorkflow", "Call", 1.2, source="parameter", workflowJson=inner))
    assert [each.at for each in manifest.privileges] == ["Call"]
    assert "unrecognised" in codes(manifest)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("shape", ["=", "list", "text of a list"])
def test_an_inline_sub_workflow_behind_an_equals_sign_or_in_a_list_is_read(shape: str) -> None:
    text = json.dumps(_inner())
    inner = {"=": "=" + text, "list": [_inner()], "text of a list": f"[{text}]"}[shape]
    manifest = manifest_of(node("executeWorkflow", "Call", 1.2, source="parameter", workflowJson=inner))
    assert [each.at for each in manifest.privileges] == ["Call", "Call / Mail it", "Call / Ask"]


@pytest.mark.rule("I8")
def test_inner_nodes_without_a_name_or_of_one_name_are_read() -> None:
    inner = _inner()
    inner["nodes"][1]["name"] = inner["nodes"][2]["name"] = "Same"
    manifest = manifest_of(_calling(inner))
    assert [(each.at, each.connector) for each in manifest.privileges[1:]] == [
        ("Call / Same", "gmail"),
        ("Call / Same (nodes/2)", "httpRequest"),
    ]
    del inner["nodes"][1]["name"]
    manifest = manifest_of(_calling(inner))
    assert [(each.at, each.connector) for each in manifest.privileges[1:]] == [
        ("Call / gmail", "gmail"),
        ("Call / Same", "httpRequest"),
    ]


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "parameters", [{"source": "database"}, {"source": "url", "workflowUrl": "https://a.example"}, {}]
)
@pytest.mark.parametrize("inner", [_inner(), json.dumps(_inner())])
def test_an_inline_sub_workflow_that_is_not_the_source_is_not_read(inner: Any, parameters: dict[str, Any]) -> None:
    manifest = manifest_of(node("executeWorkflow", "Call", 1.2, workflowJson=inner, **parameters))
    assert not [each for each in manifest.privileges if each.at.startswith("Call /")]
    assert manifest.credentials == ()


# Sub-workflows from an address


@pytest.mark.rule("I8")
def test_a_sub_workflow_from_an_address_says_the_address() -> None:
    manifest = manifest_of(
        node("executeWorkflow", "Call", 1.2, source="url", workflowUrl="https://flows.example/pay.json")
    )
    assert [
        (each.connector, each.operation, each.access, each.instance, each.target) for each in manifest.privileges
    ] == [
        ("executeWorkflow", "execute", "execute", "n8n", "from flows.example/pay.json"),
        ("httpRequest", "get", "read", "flows.example", "/pay.json"),
    ]
    assert "unpinned_component" in codes(manifest)


@pytest.mark.rule("I8")
def test_a_sub_workflow_from_a_computed_address_is_a_dynamic_host() -> None:
    manifest = manifest_of(node("executeWorkflow", "Call", 1.2, source="url", workflowUrl="={{ $json.url }}"))
    assert [each.instance for each in manifest.privileges] == ["n8n", ""]
    assert "dynamic_host" in codes(manifest)


def test_a_sub_workflow_from_a_file_says_the_file() -> None:
    privilege = _only(node("executeWorkflow", "Call", 1.2, source="localFile", workflowPath="/data/pay.json"))
    assert privilege.target == "from /data/pay.json"


# Code


@pytest.mark.rule("I8")
def test_an_ai_transform_with_code_runs_code() -> None:
    manifest = manifest_of(node("aiTransform", "Shape", 1, instructions="sum up", jsCode="return items"))
    assert [(each.connector, each.operation, each.access, each.instance) for each in manifest.privileges] == [
        ("aiTransform", "run", "execute", "n8n")
    ]
    assert manifest_of(node("aiTransform", "Shape", 1, instructions="sum up")).privileges == ()


# Wait


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("parameters", "kind", "detail", "authenticated"),
    [
        ({"resume": "webhook"}, "webhook", "GET /webhook-waiting/…", False),
        (
            {"resume": "webhook", "httpMethod": "POST", "options": {"webhookSuffix": "paid"}},
            "webhook",
            "POST /webhook-waiting/…/paid",
            False,
        ),
        ({"resume": "webhook", "incomingAuthentication": "headerAuth"}, "webhook", "GET /webhook-waiting/…", True),
        ({"resume": "form", "formTitle": "Confirm"}, "form", "/form-waiting/…", False),
    ],
)
def test_a_wait_for_a_call_is_an_entry(parameters: dict[str, Any], kind: str, detail: str, authenticated: bool) -> None:
    manifest = manifest_of(node("wait", "Wait", 1.1, **parameters))
    assert [(each.type, each.at, each.detail, each.authenticated) for each in manifest.triggers] == [
        (kind, "Wait", detail, authenticated)
    ]
    assert ("open_webhook" in codes(manifest)) is not authenticated


@pytest.mark.parametrize("parameters", [{}, {"resume": "timeInterval"}, {"resume": "specificTime"}])
def test_a_wait_for_a_time_is_no_entry(parameters: dict[str, Any]) -> None:
    assert manifest_of(node("wait", "Wait", 1.1, **parameters)).triggers == ()


# Targets


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("built", "target"),
    [
        (node("gmail", "A", 1, resource="message", toList=["b@x.example", "a@x.example"]), "b@x.example, a@x.example"),
        (node("awsSes", "A", 1, toAddresses=["a@x.example"]), "a@x.example"),
        (node("github", "A", 1, owner=["acme"], repository={"__rl": True, "value": "site"}), "acme/site"),
        (
            node("googleDrive", "A", 3, resource="fileFolder", filter={"folderId": {"__rl": True, "value": "f1"}}),
            "f1",
        ),
        (
            node("googleDrive", "A", 3, resource="fileFolder", filter={"driveId": {"__rl": True, "value": "d1"}}),
            "d1",
        ),
        (
            node("gmail", "A", 2.1, sendTo="a@x.example", options={"ccList": "b@x.example", "bccList": "c@x.example"}),
            "a@x.example; cc b@x.example; bcc c@x.example",
        ),
        (
            node(
                "gmail",
                "A",
                1,
                resource="message",
                toList=["a@x.example"],
                additionalFields={"ccList": ["b@x.example"]},
            ),
            "a@x.example; cc b@x.example",
        ),
        (
            node("emailSend", "A", 1, toEmail="a@x.example", ccEmail="b@x.example", bccEmail="c@x.example"),
            "a@x.example; cc b@x.example; bcc c@x.example",
        ),
        (
            node("emailSend", "A", 2.1, toEmail="a@x.example", options={"ccEmail": "b@x.example"}),
            "a@x.example; cc b@x.example",
        ),
        (
            node(
                "microsoftOutlook",
                "A",
                2,
                toRecipients="a@x.example",
                additionalFields={"bccRecipients": "c@x.example"},
            ),
            "a@x.example; bcc c@x.example",
        ),
        (
            node("awsSes", "A", 1, toAddresses=["a@x.example"], additionalFields={"ccAddresses": ["b@x.example"]}),
            "a@x.example; cc b@x.example",
        ),
        (
            node("gmail", "A", 2.1, sendTo="a@x.example", options={"bccList": "={{ $json.b }}"}),
            "a@x.example; bcc {expression}",
        ),
        (
            node(
                "sendGrid", "A", 1, resource="mail", toEmail="a@x.example", additionalFields={"bccEmail": "c@x.example"}
            ),
            "a@x.example; bcc c@x.example",
        ),
    ],
)
def test_lists_folders_and_copies_are_part_of_the_target(built: dict[str, Any], target: str) -> None:
    assert _only(built).target == target


# Models, proxies, servers


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "built",
    [
        node(CHAT, "Model", 1.2, bound("openAiApi", "o1"), options={"baseURL": "https://llm.example/v1"}),
        node(
            AI + "embeddingsOpenAi",
            "Model",
            1.2,
            bound("openAiApi", "o1"),
            options={"baseURL": "https://llm.example/v1"},
        ),
        node(AI + "lmChatOllama", "Model", 1, bound("ollamaApi", "o1"), baseUrl="https://llm.example"),
        node(AI + "openAi", "Model", 1.8, bound("openAiApi", "o1"), options={"baseURL": "https://llm.example/v1"}),
    ],
)
def test_a_model_at_another_address_is_at_that_address(built: dict[str, Any]) -> None:
    privilege = _only(built)
    assert privilege.instance == "llm.example"
    assert privilege.credential
    assert privilege.credential.external_id == "o1"


@pytest.mark.rule("I8")
def test_a_model_at_a_computed_address_is_at_a_dynamic_host() -> None:
    manifest = manifest_of(node(CHAT, "Model", 1.2, bound("openAiApi", "o1"), options={"baseURL": "={{ $json.u }}"}))
    assert [each.instance for each in manifest.privileges] == [""]
    assert "dynamic_host" in codes(manifest)


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("proxy", "scope"),
    [
        ("http://proxy.example:3128", "through proxy proxy.example:3128"),
        ("http://user:Sommer2024@proxy.example:3128", "through proxy proxy.example:3128"),
        ("={{ $json.proxy }}", "through proxy {expression}"),
    ],
)
def test_a_proxy_is_part_of_the_scope(proxy: str, scope: str) -> None:
    privilege = _only(node("httpRequest", "Ask", 4.2, url="https://api.example/x", options={"proxy": proxy}))
    assert privilege.scope == scope


def _built_in(tools: Any) -> Manifest:
    return manifest_of(node(CHAT, "Model", 1.3, bound("openAiApi", "o1"), builtInTools=tools))


@pytest.mark.rule("I8")
def test_mcp_servers_among_the_tools_of_openai_are_privileges() -> None:
    servers = [
        {"serverLabel": "stock", "serverUrl": "https://mcp.example/acme/mcp", "allowedTools": "list_items, add_item"},
        {"serverLabel": "mail", "connectorId": "connector_gmail"},
        {"serverLabel": "any", "serverUrl": "={{ $json.url }}"},
    ]
    manifest = _built_in({"mcpServers": {"mcpServerOptions": servers}})
    privileges = [
        (each.connector, each.instance, each.operation, each.access, each.model_controlled)
        for each in manifest.privileges
        if each.connector == "mcp"
    ]
    assert privileges == [
        ("mcp", "mcp.example", "list_items", "read", True),
        ("mcp", "mcp.example", "add_item", "write", True),
        ("mcp", "connector_gmail", "*", "unknown", True),
        ("mcp", "", "*", "unknown", True),
    ]
    assert {"wildcard", "dynamic_host"} <= set(codes(manifest))


@pytest.mark.rule("I8")
def test_mcp_servers_among_the_tools_of_the_openai_node_are_privileges() -> None:
    tools = {"mcpServers": {"mcpServerOptions": [{"serverLabel": "stock", "serverUrl": "https://mcp.example/sse"}]}}
    manifest = manifest_of(
        node(AI + "openAi", "Ask", 2, bound("openAiApi", "o1"), operation="response", builtInTools=tools)
    )
    assert [(each.connector, each.instance) for each in manifest.privileges][1:] == [("mcp", "mcp.example")]


@pytest.mark.rule("I8")
def test_other_tools_that_openai_runs_are_privileges() -> None:
    tools = {
        "webSearch": {"searchContextSize": "medium"},
        "codeInterpreter": True,
        "fileSearch": {"vectorStoreIds": '["vs_1"]'},
    }
    manifest = _built_in(tools)
    assert [(each.resource, each.operation, each.access) for each in manifest.privileges][1:] == [
        ("web", "search", "read"),
        ("code", "run", "execute"),
        ("vectors", "retrieve", "read"),
    ]


# Names


ALIKE = ["Post ", "Post\u200b", " Post", "Po\u00adst", "Post\u2060"]


@pytest.mark.rule("I7", "I8")
@pytest.mark.parametrize("other", ALIKE)
def test_names_with_invisible_difference_are_two_nodes(other: str) -> None:
    nodes = (node("slack", "Post", 2.3, channelId="#a"), node("slack", other, 2.3, channelId="#b"))
    agent = node(AI + "agent", "Agent")
    manifest = bring(workflow(*nodes, agent, links=((other, "ai_tool", "Agent"),))).manifest
    first, second = manifest.privileges
    assert (first.at, first.target, first.model_controlled) == ("Post", "#a", False)
    assert (second.at, second.target, second.model_controlled) == ("Post (nodes/1)", "#b", True)
    assert [
        each.detail for each in manifest.findings if each.at == "Post (nodes/1)" and "look alike" in each.detail
    ] == ["The names of nodes/0 and nodes/1 look alike and differ by blanks or characters that show nothing"]


@pytest.mark.rule("I7", "I8")
def test_two_nodes_of_one_name_are_refused_and_both_are_named() -> None:
    with pytest.raises(ImportProblem, match="nodes/0 and nodes/2 have one name") as refused:
        bring(workflow(node("slack", "Post"), node("noOp", "X"), node("slack", "Post")))
    assert refused.value.place == "nodes/2"
