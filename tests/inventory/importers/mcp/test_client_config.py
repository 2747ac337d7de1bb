"""Configurations of MCP clients: shapes, launches, narrowing, credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.manifest import Identity, Manifest, Privilege
from inventory.importers.mcp.launch import launch_of
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import bring, codes, server


def _manifest(**config: Any) -> Manifest:
    return bring(server(**config)).manifest


def _only(**config: Any) -> Privilege:
    (privilege,) = _manifest(**config).privileges
    return privilege


@pytest.mark.rule("I8")
def test_missing_tool_list_gives_unknown_level() -> None:
    manifest = _manifest(url="https://mcp.example/mcp")
    (privilege,) = manifest.privileges
    assert (privilege.operation, privilege.access, privilege.model_controlled) == ("*", "unknown", True)
    assert "wildcard" in codes(manifest)
    assert manifest.kind == "agent"


@pytest.mark.parametrize(
    "document",
    [
        {"mcpServers": {"srv": {"command": "npx", "args": ["thing"]}}},
        {"servers": {"srv": {"type": "stdio", "command": "npx", "args": ["thing"]}}, "inputs": []},
        {"mcp": {"servers": {"srv": {"url": "https://a.example"}}}, "editor.fontSize": 12},
        {"context_servers": {"srv": {"command": "npx"}}},
        {"projects": {"/home/x": {"mcpServers": {"srv": {"url": "https://a.example"}}}}},
        {"srv": {"command": "npx", "args": ["thing"]}},
        {"srv": {"httpUrl": "https://a.example"}},
        {"name": "x", "version": "1", "mcpServers": {"srv": {"httpUrl": "https://a.example"}}},
        {"mcpServers": [{"name": "srv", "url": "https://a.example"}]},
        {"mcpServers": {"srv": {"serverUrl": "https://a.example"}}},
        {"mcpServers": {"srv": {}}},
    ],
)
def test_the_places_where_clients_keep_their_servers(document: dict[str, Any]) -> None:
    (privilege,) = bring(document).manifest.privileges
    assert privilege.at == "srv"


def test_comments_and_trailing_commas_are_read_over() -> None:
    text = (
        '{ // one\n "servers": { /* two */ "srv": {"url": "https://a.example/x//y", "headers": {"A": "/* b */"},}, }, }'
    )
    (result,) = read_export("mcp.json", text.encode())
    assert result.manifest.platform == "vscode"
    assert result.manifest.privileges[0].instance == "a.example"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("campaign.mcp.json", "campaign"),
        ("campaign.json", "campaign"),
        ("triage/.mcp.json", "triage"),
        ("triage/.vscode/mcp.json", "triage"),
        (".mcp.json", "MCP client configuration"),
        ("C:\\Users\\x\\triage\\.mcp.json", "triage"),
        ("../../etc/mcp.json", "etc"),
    ],
)
def test_a_configuration_is_named_by_its_file_or_its_folder(name: str, expected: str) -> None:
    manifest = bring(server(url="https://a.example"), name).manifest
    assert manifest.name == expected
    assert ".." not in manifest.source.files[0]


@pytest.mark.parametrize(
    ("config", "instance", "finding"),
    [
        ({"url": "https://mcp.example/mcp?x=1"}, "mcp.example", ""),
        ({"type": "sse", "url": "http://127.0.0.1:3845/mcp"}, "127.0.0.1:3845", ""),
        ({"command": "npx", "args": ["-y", "mcp-remote", "https://mcp.example/mcp"]}, "mcp.example", ""),
        ({"command": "npx", "args": ["thing"]}, "srv", ""),
        ({"type": "http", "url": ""}, "srv", "unrecognised"),
        ({}, "srv", "unrecognised"),
        ({"url": "https://${input:app}.example/mcp"}, "", "dynamic_host"),
        ({"url": "https://<tenant>/mcp"}, "", "dynamic_host"),
    ],
)
def test_the_instance_is_the_host_or_else_the_servers_name(config: dict[str, Any], instance: str, finding: str) -> None:
    manifest = _manifest(**config)
    assert manifest.privileges[0].instance == instance
    assert [code for code in codes(manifest) if code in ("unrecognised", "dynamic_host")] == (
        [finding] if finding else []
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"args": ["thing", "--tools=list_a,delete_b"]}, [("", "list_a", "read"), ("", "delete_b", "write")]),
        ({"args": ["thing", "--tools", "list_a"]}, [("", "list_a", "read")]),
        ({"args": ["thing"], "tools": ["get_a", "frobnicate"]}, [("", "get_a", "read"), ("", "frobnicate", "unknown")]),
        ({"args": ["thing"], "includeTools": ["get_a"]}, [("", "get_a", "read")]),
        ({"args": ["thing"], "env": {"ENABLED_TOOLS": "get_a"}}, [("", "get_a", "read")]),
        ({"args": ["thing"], "tools": ["*"]}, [("", "*", "unknown")]),
        ({"args": ["thing", "--toolsets=issues,repos"]}, [("issues", "*", "unknown"), ("repos", "*", "unknown")]),
        ({"args": ["thing", "--toolsets=all"]}, [("", "*", "unknown")]),
        ({"args": ["thing"], "env": {"GITHUB_TOOLSETS": "issues"}}, [("issues", "*", "unknown")]),
        ({"args": ["thing", "--read-only"]}, [("", "*", "read")]),
        ({"args": ["thing", "--readOnly"]}, [("", "*", "read")]),
        ({"args": ["thing"], "env": {"READ_ONLY": "true"}}, [("", "*", "read")]),
        ({"args": ["thing"], "env": {"GITHUB_READ_ONLY": "1"}}, [("", "*", "read")]),
        ({"args": ["thing", "--read-only=false"]}, [("", "*", "unknown")]),
        ({"args": ["thing"], "env": {"READ_ONLY": "false"}}, [("", "*", "unknown")]),
        ({"args": ["thing", "--toolsets=issues", "--read-only"]}, [("issues", "*", "read")]),
        (
            {"args": ["thing", "--read-only"], "tools": ["frobnicate", "delete_b"]},
            [("", "frobnicate", "read"), ("", "delete_b", "write")],
        ),
    ],
)
def test_configured_restrictions_narrow_access(config: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    manifest = _manifest(command="npx", **config)
    assert [(p.resource, p.operation, p.access) for p in manifest.privileges] == expected
    assert all(("access" in p.assumed) == (p.access != "unknown") for p in manifest.privileges)


def test_tools_left_out_and_folders_let_in_are_the_scope() -> None:
    privilege = _only(command="npx", args=["thing@1.0.0", "/srv/photos"], excludeTools=["delete_all"])
    assert privilege.scope == "/srv/photos; except delete_all"


def test_tools_that_run_unasked_are_counted() -> None:
    manifest = _manifest(url="https://a.example", autoApprove=["a", "b"])
    assert any("2 of them without asking" in finding.detail for finding in manifest.findings)


@pytest.mark.parametrize(
    ("command", "arguments", "component", "pin"),
    [
        ("npx", ["-y", "@scope/thing@1.2.3"], "@scope/thing@1.2.3", "exact"),
        ("npx", ["-y", "@scope/thing"], "@scope/thing", "none"),
        ("npx", ["thing@latest"], "thing@latest", "none"),
        ("npx", ["thing@^1.2.0"], "thing@^1.2.0", "none"),
        ("npx", ["-p", "thing@1.2.3", "run-thing"], "thing@1.2.3", "exact"),
        ("npx", ["--package=thing@1.2.3", "run-thing"], "thing@1.2.3", "exact"),
        ("C:\\node\\npx.cmd", ["thing@1.2.3"], "thing@1.2.3", "exact"),
        ("cmd", ["/c", "npx", "-y", "thing"], "thing", "none"),
        ("bunx", ["thing@2.0.0-beta.1"], "thing@2.0.0-beta.1", "exact"),
        ("pnpm", ["dlx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("uvx", ["thing==1.2.3"], "thing==1.2.3", "exact"),
        ("uvx", ["thing@1.2.3"], "thing@1.2.3", "exact"),
        ("uvx", ["thing"], "thing", "none"),
        ("uvx", ["--from", "thing-server@latest", "thing"], "thing-server@latest", "none"),
        ("uvx", ["--python", "3.13", "thing"], "thing", "none"),
        (
            "uvx",
            ["--from", "git+https://git.example/x@" + "a1" * 20, "thing"],
            "git+https://git.example/x@" + "a1" * 20,
            "exact",
        ),
        ("uv", ["tool", "run", "thing==1.2.3"], "thing==1.2.3", "exact"),
        ("pipx", ["run", "thing"], "thing", "none"),
        ("docker", ["run", "-i", "--rm", "-e", "TOKEN", "reg.example/thing:1.2"], "reg.example/thing:1.2", "tag"),
        ("docker", ["run", "reg.example:5000/thing"], "reg.example:5000/thing", "none"),
        ("docker", ["run", "thing:latest"], "thing:latest", "none"),
        ("podman", ["run", "thing@sha256:" + "0f" * 32], "thing@sha256:" + "0f" * 32, "exact"),
        ("python", ["server.py"], "server.py", "local"),
        ("/opt/bin/thing", [], "thing", "local"),
        ("npx -y thing@1.2.3", [], "thing@1.2.3", "exact"),
        ("", [], "", "local"),
    ],
)
def test_launched_package_and_pin_are_read(command: str, arguments: list[str], component: str, pin: str) -> None:
    launch = launch_of(command, arguments)
    assert (launch.component, launch.pin) == (component, pin)


@pytest.mark.parametrize(
    ("config", "severity"),
    [
        ({"command": "npx", "args": ["thing"]}, ["medium"]),
        ({"command": "docker", "args": ["run", "thing:1.2"]}, ["low"]),
        ({"command": "python", "args": ["server.py"]}, ["low"]),
        ({"command": "npx", "args": ["thing@1.2.3"]}, []),
        ({"url": "https://a.example"}, []),
    ],
)
def test_missing_pin_is_a_finding(config: dict[str, Any], severity: list[str]) -> None:
    manifest = _manifest(**config)
    assert [f.severity for f in manifest.findings if f.code == "unpinned_component"] == severity


@pytest.mark.parametrize(
    "config", [{"command": "sh", "args": ["-c", "x | y"]}, {"command": "python", "args": ["-c", "import x"]}]
)
def test_code_in_the_command_line_is_opaque(config: dict[str, Any]) -> None:
    assert "opaque_code" in codes(_manifest(**config))


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("config", "credential", "finding"),
    [
        ({"env": {"A_TOKEN": "5d0f9b77a1c2"}}, ("embedded", "env/A_TOKEN@srv", True), "embedded_secret"),
        ({"env": {"A_TOKEN": "${A_TOKEN}"}}, ("environment_variable", "env:A_TOKEN", True), "env_reference"),
        ({"env": {"A_TOKEN": "${input:a}"}}, ("input", "input:a", True), ""),
        ({"env": {"A_TOKEN": "<your-token>"}}, ("environment_variable", "", False), "placeholder_secret"),
        ({"env": {"A_TOKEN": ""}}, ("environment_variable", "", False), "unbound_credential"),
        ({"env": {"A_TOKEN": "op://vault/item/field"}}, ("secret_store", "env/A_TOKEN@srv", True), ""),
        ({"env": {"LOG_LEVEL": "debug", "PORT": "8080"}}, None, ""),
        ({"args": ["thing@1.0.0", "--api-key", "$KEY"]}, ("environment_variable", "env:KEY", True), "env_reference"),
        ({"env": {"DB_URL": "mongodb://localhost:27017/x"}}, None, ""),
    ],
)
def test_a_slot_holds_a_reference_a_placeholder_or_a_secret(
    config: dict[str, Any], credential: tuple[str, str, bool] | None, finding: str
) -> None:
    manifest = _manifest(**{"command": "npx", "args": ["thing@1.0.0"], **config})
    ref = manifest.privileges[0].credential
    assert (ref and (ref.type, ref.external_id, ref.bound)) == credential
    assert [code for code in codes(manifest) if code != "wildcard"] == ([finding] if finding else [])


def test_a_variable_handed_on_to_a_container_is_a_credential() -> None:
    manifest = _manifest(command="docker", args=["run", "-e", "A_TOKEN", "thing@sha256:" + "0f" * 32])
    assert manifest.privileges[0].credential
    assert manifest.privileges[0].credential.external_id == "env:A_TOKEN"
    assert "env_reference" in codes(manifest)


@pytest.mark.rule("I5")
def test_an_oauth_client_is_an_identity() -> None:
    manifest = _manifest(url="https://mcp.example/mcp", oauth={"clientId": "1234.5678", "callbackPort": 3118})
    assert manifest.identities == (Identity("oauth_client", "1234.5678", "mcp.example"),)
    assert [(c.type, c.lifetime) for c in manifest.credentials] == [("oauth", "long")]


@pytest.mark.rule("I5")
def test_one_variable_that_opens_two_servers_is_shared() -> None:
    document = {
        "mcpServers": {
            name: {"url": f"https://{name}.example", "headers": {"Authorization": "Bearer ${T}"}} for name in "ab"
        }
    }
    assert [f.at for f in bring(document).manifest.findings if f.code == "shared_credential"] == ["credentials/T"]


@pytest.mark.parametrize("switch", [{"disabled": True}, {"enable": False}, {"enabled": False}])
def test_a_server_that_is_switched_off_is_kept_and_dormant(switch: dict[str, bool]) -> None:
    manifest = _manifest(url="https://a.example", **switch)
    assert not manifest.privileges[0].active
    assert codes(manifest) == ["dormant"]


def test_a_file_of_variables_is_a_reference() -> None:
    assert "env_reference" in codes(_manifest(command="npx", args=["thing@1.0.0"], envFile="${workspaceFolder}/.env"))


def test_odd_values_of_members_do_no_harm() -> None:
    manifest = bring(
        server(command="npx", args=[1, None, {"a": 1}, "thing"], env={"A": None, "B": 1, "C": True}, headers=[])
    ).manifest
    assert manifest.privileges[0].operation == "*"
    assert json.dumps(manifest.to_dict())
