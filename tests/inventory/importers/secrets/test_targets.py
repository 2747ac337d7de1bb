"""Secrets in what a privilege reaches, comes from and is limited to, and in what starts an automation (I6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.secrets.scrubber import scrub
from tests.inventory.importers.samples import bound, bring, node, server, workflow

PASSWORDS = ["hunter2", "Sommer2024", "Winter#1", "acme1234"]


def _in(kind: str, version: float, member: str, place: str, **parameters: Any) -> dict[str, Any]:
    return workflow(node(kind, "N", version, bound("anyApi", "1", "n"), **{member: place}, **parameters))


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("place", ["/in/password_{}/x.csv", "/in/pw-{}/x", "/in/token/{}/x.csv"])
def test_a_password_in_a_path_that_a_node_reads_is_not_shown(place: str, password: str) -> None:
    path = place.format(password)
    for document in (
        _in("ftp", 1, "path", path, operation="download"),
        _in("readWriteFile", 1, "fileSelector", path, operation="read"),
    ):
        assert [each.target for each in bring(document).manifest.privileges] == [place.format("secret-removed")]


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", PASSWORDS)
def test_password_in_target_is_hidden(password: str) -> None:
    for document in (
        _in("postgres", 2.3, "table", f"t_password_{password}", operation="select"),
        _in("slack", 2.3, "channelId", f"#pw-{password}"),
        _in("mqtt", 1, "topic", f"token/{password}"),
        _in("telegram", 1.2, "chatId", f"password {password}", text="x"),
    ):
        (privilege,) = bring(document).manifest.privileges
        assert "secret-removed" in privilege.target
        assert password not in repr(privilege)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", PASSWORDS)
def test_password_in_trigger_or_call_is_hidden(password: str) -> None:
    trigger = node("mqttTrigger", "T", 1, bound("mqtt", "1", "n"), topics=f"token/{password}")
    manifest = bring(workflow(trigger, settings={"errorWorkflow": f"password {password}"})).manifest
    assert manifest.on_error == "password secret-removed"
    assert password not in json.dumps(manifest.to_dict())


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", PASSWORDS)
def test_password_in_server_source_and_scope_is_hidden(password: str) -> None:
    for document in (
        server(command="node", args=[f"/srv/token-{password}/server.js"]),
        server(command="docker", args=["run", "-v", f"/srv/password-{password}:/data", "img:1"]),
    ):
        text = json.dumps(bring(document).manifest.to_dict())
        assert password not in text
        assert "secret-removed" in text


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", ["hunter2", "Sommer2024", "acme1234"])
def test_a_password_in_the_name_of_a_tool_is_not_shown(password: str) -> None:
    manifest = bring(server("srv", url="https://mcp.example/mcp", tools=[f"password_{password}"])).manifest
    (privilege,) = manifest.privileges
    assert (privilege.at, privilege.operation) == ("srv/password_secret-removed", "password_secret-removed")
    assert password not in json.dumps(manifest.to_dict())


@pytest.mark.rule("I6")
@pytest.mark.parametrize("text", ["pw: abc#12", "pw=Win#1x", "pass: a1b#2"])
def test_a_password_in_a_short_text_is_found(text: str) -> None:
    secrets = scrub(workflow(node("stickyNote", "N", 1, content=text))).found
    assert [each.what for each in secrets] == ["literal"]


@pytest.mark.parametrize(
    "place",
    ["/data/keys/server.pem", "/etc/token-refresh-v2/x.csv", "/in/password_reset/users.csv", "/auth/login/page2.html"],
)
def test_a_path_without_a_password_is_shown(place: str) -> None:
    (privilege,) = bring(_in("ftp", 1, "path", place, operation="download")).manifest.privileges
    assert privilege.target == place
    (privilege,) = bring(server(command="node", args=[place])).manifest.privileges
    assert place in repr(privilege)
