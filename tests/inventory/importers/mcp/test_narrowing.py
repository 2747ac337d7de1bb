"""What counts as a read-only switch and as a list of tools in an MCP client's configuration; anything doubtful narrows nothing."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.importers.manifest import Privilege
from tests.inventory.importers.samples import bring, server

NPX = {"command": "npx"}


def _privileges(**config: Any) -> tuple[Privilege, ...]:
    return bring(server(**{**NPX, **config})).manifest.privileges


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-read-only"],
        ["--no-readonly"],
        ["--not-read-only"],
        ["--non-read-only"],
        ["--disable-read-only"],
        ["--disable-read-only=true"],
        ["--without-read-only"],
        ["--noReadOnly"],
        ["--read-only=false"],
        ["--read-only=False"],
        ["--read-only=n"],
        ["--read-only=f"],
        ["--read-only=0"],
        ["--read-only=00"],
        ["--read-only=off"],
        ["--read-only=no"],
        ["--read-only=never"],
        ["--read-only=none"],
        ["--read-only=null"],
        ["--read-only=disabled"],
        ["--read-only=${RO}"],
        ["--read-only=$RO"],
        ["--read-only=<true|false>"],
        ["--read-only="],
        ["--read-only", "false"],
        ["--read-only", "n"],
        ["--read-only", "${RO}"],
        ["--read-only", "%RO%"],
        ["--read-only", "never"],
        ["--read-only", "--no-read-only"],
        ["--read-only=true", "--read-only=false"],
        ["--read-only=false", "--read-only=true"],
        ["--read-only-replica"],
        ["--description", "--read-only=maybe"],
    ],
)
def test_a_switch_that_is_negated_computed_or_false_is_not_read_only(arguments: list[str]) -> None:
    (privilege,) = _privileges(args=["thing", *arguments])
    assert (privilege.operation, privilege.access) == ("*", "unknown")


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("READ_ONLY", "n"),
        ("READ_ONLY", "N"),
        ("READ_ONLY", "f"),
        ("READ_ONLY", "0"),
        ("READ_ONLY", "off"),
        ("READ_ONLY", "no"),
        ("READ_ONLY", " false "),
        ("READ_ONLY", "none"),
        ("READ_ONLY", "disabled"),
        ("READ_ONLY", "${RO}"),
        ("READ_ONLY", "${input:ro}"),
        ("READ_ONLY", "<true or false>"),
        ("NO_READ_ONLY", "true"),
        ("DISABLE_READ_ONLY", "1"),
        ("READ_ONLY_DISABLED", "1"),
        ("GITHUB_READ_ONLY", "nope"),
    ],
)
def test_a_variable_or_header_that_is_negated_computed_or_false_is_not_read_only(name: str, value: str) -> None:
    (privilege,) = _privileges(args=["thing"], env={name: value})
    assert privilege.access == "unknown"
    (privilege,) = _privileges(command=f"{name}={value.strip()} npx thing")
    assert privilege.access == "unknown"
    (remote,) = bring(
        server(url="https://a.example", headers={f"X-{name.replace('_', '-')}": value})
    ).manifest.privileges
    assert remote.access == "unknown"


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    "config",
    [
        {"args": ["thing", "--read-only"]},
        {"args": ["thing", "--readonly"]},
        {"args": ["thing", "--read-only-mode"]},
        {"args": ["thing", "--read-only", "/srv/data"]},
        {"args": ["thing", "--read-only", "postgresql://db.example/x"]},
        {"args": ["thing", "--read-only", "--verbose"]},
        {"args": ["thing", "--read-only=true"]},
        {"args": ["thing", "--read-only=yes"]},
        {"args": ["thing", "--read-only", "on"]},
        {"args": ["thing"], "env": {"READ_ONLY": "TRUE"}},
        {"args": ["thing"], "env": {"GITHUB_READ_ONLY_MODE": "1"}},
        {"args": ["thing"], "env": {"MCP_READONLY": "y"}},
    ],
)
def test_a_switch_that_is_on_is_read_only(config: dict[str, Any]) -> None:
    (privilege,) = _privileges(**config)
    assert privilege.access == "read"


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    "config",
    [
        {"env": {"ENABLE_TOOLS": "true"}},
        {"env": {"ENABLE_TOOLS": "1"}},
        {"env": {"MAX_TOOLS": "40"}},
        {"env": {"ALLOWED_TOOLS": "${TOOLS}"}},
        {"env": {"ALLOWED_TOOLS": "<comma-separated list>"}},
        {"env": {"ENABLED_TOOLS": "get_a,${MORE}"}},
        {"env": {"TOOLSETS": "${SETS}"}},
        {"env": {"ENABLE_TOOLSETS": "true"}},
        {"args": ["thing", "--tools=$TOOLS"]},
        {"args": ["thing", "--enable-tools"]},
        {"args": ["thing", "--enable-tools=yes"]},
        {"args": ["thing", "--tools"]},
        {"tools": ["${input:tool}"]},
        {"env": {"EXCLUDE_TOOLS": "get_a"}},
        {"env": {"BLOCKED_TOOLS": "get_a"}},
        {"env": {"DENIED_TOOLS": "get_a"}},
        {"env": {"HIDDEN_TOOLS": "get_a"}},
        {"env": {"AUTO_APPROVE_TOOLS": "get_a"}},
    ],
)
def test_a_switch_number_or_computed_value_is_no_list_of_tools(config: dict[str, Any]) -> None:
    privileges = _privileges(**{"args": ["thing"], **config})
    assert [(each.resource, each.operation, each.access) for each in privileges] == [("", "*", "unknown")]


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    "config",
    [
        {"env": {"ENABLE_TOOLS": "get_a"}},
        {"env": {"GITHUB_TOOLS": "get_a"}},
        {"env": {"MCP_ALLOWED_TOOLS": "get_a"}},
        {"args": ["thing", "--enable-tools=get_a"]},
    ],
)
def test_a_list_of_tools_still_narrows(config: dict[str, Any]) -> None:
    privileges = _privileges(**{"args": ["thing"], **config})
    assert [each.operation for each in privileges] == ["get_a"]


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    "config",
    [
        {"command": "docker", "args": ["run", "-i", "mcp/postgres"], "env": {"READ_ONLY": "true"}},
        {"command": "docker", "args": ["run", "-i", "-e", "TOKEN", "mcp/postgres"], "env": {"READ_ONLY": "true"}},
        {"command": "READ_ONLY=true docker", "args": ["run", "-i", "mcp/postgres"]},
        {"command": "env", "args": ["READ_ONLY=true", "docker", "run", "mcp/postgres"]},
        {"command": "docker", "args": ["exec", "-i", "box", "thing"], "env": {"READ_ONLY": "true"}},
        {"command": "docker", "args": ["run", "--read-only", "mcp/postgres"]},
        {"command": "docker", "args": ["run", "-e", "TOOLS", "mcp/postgres"], "env": {"ALLOWED_TOOLS": "get_a"}},
        {"args": ["mcp-remote", "https://x.example/mcp"], "env": {"READ_ONLY": "true"}},
        {"args": ["mcp-remote", "https://x.example/mcp", "--read-only"]},
        {"args": ["mcp-remote", "https://x.example/mcp", "--tools=get_a"]},
        {"args": ["mcp-remote@1.2.3", "$URL", "--read-only"]},
        {"args": ["-y", "supergateway", "--stdio", "npx thing", "--read-only"]},
        {"command": "", "url": "https://x.example/mcp", "env": {"READ_ONLY": "true"}},
        {"command": "", "url": "https://x.example/mcp", "args": ["--read-only"]},
        {"url": "https://x.example/mcp", "args": ["thing", "--read-only"]},
        {"args": ["thing"], "headers": {"X-MCP-Readonly": "true"}},
        {"command": "sudo", "args": ["npx", "thing"], "env": {"READ_ONLY": "true"}},
        {"command": "wsl", "args": ["npx", "thing"], "env": {"READ_ONLY": "true"}},
        {"command": "env", "args": ["-i", "npx", "thing"], "env": {"READ_ONLY": "true"}},
        {"command": "env", "args": ["-u", "READ_ONLY", "npx", "thing"], "env": {"READ_ONLY": "true"}},
        {"command": "bash", "args": ["-c", "npx thing | tee x", "--read-only"]},
        {"command": "bash", "args": ["-c", "READ_ONLY=false npx thing | tee x"], "env": {"READ_ONLY": "true"}},
    ],
)
def test_switch_outside_server_narrows_nothing(config: dict[str, Any]) -> None:
    privileges = _privileges(**config)
    assert [(each.operation, each.access) for each in privileges] == [("*", "unknown")]


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    "config",
    [
        {"command": "docker", "args": ["run", "-e", "READ_ONLY", "mcp/postgres"], "env": {"READ_ONLY": "true"}},
        {"command": "docker", "args": ["run", "-e", "READ_ONLY=true", "mcp/postgres"]},
        {"command": "docker", "args": ["run", "-i", "mcp/postgres", "--read-only"]},
        {"command": "docker", "args": ["run", "node:22", "env", "READ_ONLY=1", "npx", "thing"]},
        {"command": "env", "args": ["READ_ONLY=true", "docker", "run", "-e", "READ_ONLY", "mcp/postgres"]},
        {"command": "sudo", "args": ["READ_ONLY=true", "npx", "thing"]},
        {"command": "sudo", "args": ["-E", "npx", "thing"], "env": {"READ_ONLY": "true"}},
        {"args": ["-y", "supergateway", "--stdio", "npx thing --read-only"]},
        {"command": "", "url": "https://x.example/mcp", "headers": {"X-MCP-Readonly": "true"}},
    ],
)
def test_a_switch_that_reaches_the_server_is_read_only(config: dict[str, Any]) -> None:
    (privilege,) = _privileges(**config)
    assert privilege.access == "read"


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    "config",
    [
        {"args": ["thing", "--dont-read-only"]},
        {"args": ["thing", "--ignore-read-only"]},
        {"args": ["thing", "--bypass-read-only"]},
        {"args": ["thing", "--override-read-only"]},
        {"args": ["thing", "--unset-read-only"]},
        {"args": ["thing", "--log-read-only"]},
        {"args": ["thing", "--cache-read-only"]},
        {"args": ["thing", "--read-only-off"]},
        {"args": ["thing", "--read-only", "--ignore-read-only"]},
        {"args": ["thing", "--read-only", "--allow-write"]},
        {"args": ["thing", "--read-only", "--enable-writes=true"]},
        {"args": ["thing", "--read-only", "--access-mode=unrestricted"]},
        {"args": ["thing", "--read-only", "--mode", "read-write"]},
        {"args": ["thing", "--read-only", "off."]},
        {"args": ["thing", "--read-only", "no/"]},
        {"args": ["thing", "--read-only", "0:0"]},
        {"args": ["thing", "--read-only", "@off/x"]},
        {"args": ["thing"], "env": {"IGNORE_READ_ONLY": "true"}},
        {"args": ["thing"], "env": {"CACHE_READ_ONLY": "true"}},
        {"args": ["thing"], "env": {"READ_ONLY": "true", "ALLOW_WRITE": "true"}},
        {"args": ["thing"], "env": {"READ_ONLY": "true", "DISABLE_WRITES": "false"}},
        {"args": ["thing", "--allow-write"], "env": {"READ_ONLY": "true"}},
    ],
)
def test_a_switch_that_is_contradicted_or_for_something_else_is_not_read_only(config: dict[str, Any]) -> None:
    (privilege,) = _privileges(**config)
    assert (privilege.operation, privilege.access) == ("*", "unknown")


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    "config",
    [
        {"args": ["thing", "--read-only"], "env": {"ALLOW_WRITE": "false"}},
        {"args": ["thing", "--read-only", "--no-write"]},
        {"args": ["thing"], "env": {"READ_ONLY": "true", "DISABLE_WRITES": "true"}},
        {"args": ["thing"], "env": {"MDB_MCP_READ_ONLY": "true"}},
    ],
)
def test_write_forbidding_switch_is_consistent(config: dict[str, Any]) -> None:
    (privilege,) = _privileges(**config)
    assert privilege.access == "read"


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    "name",
    [
        "DEBUG_TOOLS",
        "WRITE_TOOLS",
        "RISKY_TOOLS",
        "PREFERRED_TOOLS",
        "CACHED_TOOLS",
        "NEW_TOOLS",
        "LOG_EXCLUDE_TOOLS",
        "CACHED_TOOLSETS",
    ],
)
def test_list_of_foreign_tools_narrows_nothing(name: str) -> None:
    (privilege,) = _privileges(args=["thing"], env={name: "get_a"})
    assert (privilege.operation, privilege.access, privilege.scope) == ("*", "unknown", "")
    (privilege,) = _privileges(args=["thing", f"--{name.lower().replace('_', '-')}=get_a"])
    assert (privilege.operation, privilege.access, privilege.scope) == ("*", "unknown", "")


@pytest.mark.rule("I4", "I8")
def test_further_tools_beside_list_void_narrowing() -> None:
    (privilege,) = _privileges(args=["thing"], env={"ALLOWED_TOOLS": "get_a", "ADDITIONAL_TOOLS": "delete_b"})
    assert (privilege.operation, privilege.access) == ("*", "unknown")


@pytest.mark.rule("I4", "I8")
def test_tools_and_toolsets_are_combined() -> None:
    privileges = _privileges(args=["thing"], env={"GITHUB_TOOLSETS": "repos", "GITHUB_TOOLS": "get_a"})
    assert [(each.resource, each.operation) for each in privileges] == [("", "get_a"), ("repos", "*")]
