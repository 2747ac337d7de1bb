"""By what the register finds things again: bindings, entitlement codes, privilege keys, shared credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.manifest import (
    CredentialRef,
    Privilege,
    binding_key,
    entitlement_code,
    privilege_key,
    with_shared_credentials,
)
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import AI, bound, bring, codes, manifest_of, node, server, workflow


def _only(*nodes: dict[str, Any], **members: Any) -> Privilege:
    (privilege,) = manifest_of(*nodes, **members).privileges
    return privilege


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("built", "key"),
    [
        (node("slack", "A", 2.3, bound("slackApi", "s1"), channelId="#a"), ("slack", "s1")),
        (node("postgres", "A", 2.6, bound("postgres", "p1"), table="t"), ("postgres", "p1")),
        (node(AI + "memoryPostgresChat", "A", 1.3, bound("postgres", "p1")), ("postgres", "p1")),
        (node(AI + "vectorStorePGVector", "A", 1.3, bound("postgres", "p1"), tableName="t"), ("postgres", "p1")),
        (node("googleDriveTrigger", "A", 1, bound("googleDriveOAuth2Api", "g1")), ("googleDrive", "g1")),
        (node(AI + "lmChatOpenAi", "A", 1.2, bound("openAiApi", "o1")), ("openAi", "o1")),
        (node(AI + "embeddingsOpenAi", "A", 1.2, bound("openAiApi", "o1")), ("openAi", "o1")),
        (node("httpRequest", "A", 4.2, url="https://API.example:443/x"), ("httpRequest", "api.example")),
        (node(AI + "toolHttpRequest", "A", 1.1, url="https://api.example/x"), ("httpRequest", "api.example")),
        (node(AI + "mcpClientTool", "A", 1.1, endpointUrl="https://mcp.example/mcp"), ("mcp", "mcp.example")),
        (node("code", "A", 2, jsCode="x"), ("code", "n8n")),
        (node("executeWorkflow", "A", 1, workflowId="w"), ("workflow", "n8n")),
        (node("httpRequest", "A", 4.2, url="={{ $json.url }}"), ("httpRequest", "")),
        (node("slack", "A", 2.3, channelId="#a"), ("slack", "")),
    ],
)
def test_privilege_key_is_fixed(built: dict[str, Any], key: tuple[str, str]) -> None:
    assert binding_key(_only(built)) == key


@pytest.mark.rule("I8")
def test_one_mcp_server_has_one_binding_from_n8n_and_from_a_client() -> None:
    tool = _only(node(AI + "mcpClientTool", "A", 1.1, endpointUrl="https://mcp.example/mcp"))
    (client,) = bring(server(url="https://mcp.example/mcp")).manifest.privileges
    assert binding_key(tool) == binding_key(client)


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("privilege", "code"),
    [
        (Privilege("x", "slack", resource="message", operation="post", access="write"), "message:post"),
        (Privilege("x", "mcp", operation="create_issue", access="write"), "create_issue"),
        (Privilege("x", "mcp", resource="issues", operation="*"), "issues:*"),
        (Privilege("x", "mcp", operation="*"), "*"),
        (Privilege("x", "mcp", operation="*", access="read"), "*/read"),
        (
            Privilege("x", "postgres", resource="database", operation="executeQuery", access="execute"),
            "database:executeQuery",
        ),
        (
            Privilege("x", "postgres", resource="database", operation="executeQuery", access="read"),
            "database:executeQuery/read",
        ),
        (
            Privilege("x", "postgres", resource="database", operation="executeQuery", access="write"),
            "database:executeQuery/write",
        ),
    ],
)
def test_the_code_of_an_entitlement_has_one_level(privilege: Privilege, code: str) -> None:
    assert entitlement_code(privilege) == code


@pytest.mark.rule("I7")
def test_several_nodes_with_one_key_are_one_privilege_and_a_name_is_no_part_of_it() -> None:
    credentials = bound("slackApi", "s1", "Old label")
    first = _only(node("slack", "First", 2.3, credentials, channelId="#a"))
    second = _only(node("slack", "Second", 2.1, bound("slackApi", "s1", "New label"), channelId="#a"))
    assert privilege_key(first, "r1") == privilege_key(second, "r1")
    other = [
        _only(node("slack", "First", 2.3, credentials, channelId="#b")),
        _only(node("slack", "First", 2.3, bound("slackApi", "s2"), channelId="#a")),
        _only(node("slack", "First", 2.3, credentials, channelId="#a", operation="update")),
    ]
    keys = {privilege_key(each, "r1") for each in [first, *other]} | {privilege_key(first, "r2")}
    assert len(keys) == 5


@pytest.mark.rule("I7", "I8")
def test_the_same_through_another_connection_is_another_privilege() -> None:
    privilege, other = (
        _only(node("httpRequest", "Ask", 4, bound("httpHeaderAuth", "k1"), url=f"https://{host}.example/orders"))
        for host in ("one", "two")
    )
    assert (privilege.target, privilege.credential) == (other.target, other.credential)
    for resource in ("", "r1"):
        assert privilege_key(privilege, resource) != privilege_key(other, resource)


@pytest.mark.rule("I7")
def test_a_read_only_switch_that_is_dropped_makes_another_privilege() -> None:
    (narrow,) = bring(server(command="npx", args=["thing@1.0.0", "--read-only"])).manifest.privileges
    (wide,) = bring(server(command="npx", args=["thing@1.0.0"])).manifest.privileges
    assert (narrow.access, wide.access) == ("read", "unknown")
    assert privilege_key(narrow, "r") != privilege_key(wide, "r")


def test_a_credential_is_known_by_its_id_and_only_without_one_by_its_name() -> None:
    assert CredentialRef("slackApi", "Ours", "s1").key == ("slackApi", "s1")
    assert CredentialRef("slackApi", "Ours").key == ("slackApi", "Ours")


@pytest.mark.rule("I5")
def test_a_credential_in_several_workflows_of_a_batch_is_found() -> None:
    def exported(name: str, **members: Any) -> dict[str, Any]:
        return workflow(node("slack", "Post", 2.3, bound("slackApi", "s1")), name=name, **members)

    results = read_export(
        "all.json", json.dumps([exported("A"), exported("B"), exported("C", meta={"instanceId": "elsewhere"})]).encode()
    )
    assert [each.manifest.name for each in results] == ["A", "B", "C"]
    assert [codes(each.manifest).count("shared_credential") for each in results] == [1, 1, 0]
    alone = [bring(exported(name)).manifest for name in ("A", "B")]
    assert [codes(each).count("shared_credential") for each in alone] == [0, 0]
    assert [codes(each).count("shared_credential") for each in with_shared_credentials(alone)] == [1, 1]


def test_credentials_without_an_id_are_not_compared_across_workflows() -> None:
    old = workflow(node("slack", "Post", 1, {"slackApi": "Slack"}))
    results = read_export("all.json", json.dumps([old, old]).encode())
    assert all("shared_credential" not in codes(each.manifest) for each in results)
