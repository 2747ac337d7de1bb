"""A secret's value hides no other part of a source (I2, I6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from inventory.importers.secrets.scrubber import scrub
from tests.inventory.importers.samples import bound, bring, node, server, workflow

Build = Callable[[str], Any]
TOKEN, OTHER = "K7x9Qp2LmZ4vT8wB3nY6", "bR5tW8zN1cV6mH3kJ9sD"


def _with_password(value: str, *nodes: Any, **members: Any) -> dict[str, Any]:
    return workflow(
        node("set", "Set", 3.4, assignments={"assignments": [{"name": "password", "value": value}]}), *nodes, **members
    )


REPEATED: dict[str, tuple[Build, str, str]] = {
    "package": (
        lambda v: server(command="npx", args=["-y", v], env={"A_PASSWORD": v}, tools=["read_x1"]),
        "@good/srv-1",
        "@evil/srv-1",
    ),
    "tool": (
        lambda v: server(command="npx", args=["-y", "@good/srv-1"], env={"A_PASSWORD": v}, tools=[v]),
        "read_x1",
        "delete_x1",
    ),
    "command": (lambda v: server(command=v, env={"A_PASSWORD": v}), "good-srv1", "evil-srv1"),
    "code": (lambda v: _with_password(v, node("code", "Run", 2, jsCode=v)), "return items1", "return items2"),
    "query": (
        lambda v: _with_password(v, node("postgres", "Ask", 2.5, bound("postgres"), operation="executeQuery", query=v)),
        "SELECT * FROM a1",
        "DELETE FROM a1",
    ),
    "bucket": (
        lambda v: _with_password(v, node("awsS3", "Get", 2, bound("aws"), operation="getAll", bucketName=v)),
        "good-bucket1",
        "evil-bucket1",
    ),
    "path": (
        lambda v: workflow(
            node("code", "Run", 2, jsCode=f"// password = '{v}'"),
            node("httpRequest", "Call", 4.2, url=f"https://a.example/{v}"),
        ),
        "good1-list",
        "evil1-list",
    ),
    "host": (
        lambda v: _with_password(v, node("httpRequest", "Call", 4.2, url=f"https://{v}/x")),
        "api1.good.example",
        "api1.evil.example",
    ),
    "package with a token": (
        lambda v: server(command="npx", args=["-y", v], env={"A_PASSWORD": v}),
        f"@good/{TOKEN}",
        f"@good/{OTHER}",
    ),
    "code with a token": (lambda v: _with_password(v, node("code", "Run", 2, jsCode=f"return '{v}'")), TOKEN, OTHER),
}


@pytest.mark.rule("I2")
@pytest.mark.parametrize(("build", "value", "other"), REPEATED.values(), ids=REPEATED)
def test_sources_that_differ_outside_a_secret_slot_have_different_digests(build: Build, value: str, other: str) -> None:
    first, second = bring(build(value)), bring(build(other))
    assert first.manifest.source.content != second.manifest.source.content
    assert first.digest != second.digest


@pytest.mark.rule("I6")
def test_package_and_tool_that_are_also_a_password_keep_origin_and_level() -> None:
    env = {"A_PASSWORD": "@evil/srv-1", "B_PASSWORD": "delete_x1"}
    document = server(command="npx", args=["-y", "@evil/srv-1"], env=env, tools=["delete_x1"])
    usual = server(
        command="npx", args=["-y", "@evil/srv-1"], env=dict.fromkeys(env, "quiet-lantern7"), tools=["delete_x1"]
    )
    assert bring(document).manifest.privileges == bring(usual).manifest.privileges
    assert "delete_x1" in json.dumps(bring(document).manifest.to_dict())


@pytest.mark.rule("I6")
@pytest.mark.parametrize("value", ["Step-2", "oauth2", "api.ex.com", "python3", "Summer2024!"])
def test_a_password_that_a_person_made_is_masked_in_its_own_slot_only(value: str) -> None:
    document = _with_password(
        value,
        node("httpRequest", value, 4.2, bound("httpBasicAuth", "7", value), url="https://api.ex.com/python3"),
        name=value,
    )
    clean = scrub(document).document
    assert clean["nodes"][0]["parameters"]["assignments"]["assignments"][0]["value"] == "secret-removed"
    assert clean["nodes"][1] == document["nodes"][1]


@pytest.mark.rule("I6")
def test_interpreter_that_is_also_a_password_stays() -> None:
    document = server(command="python3", args=["-m", "thing"], env={"DB_PASSWORD": "python3"})
    clean = scrub(document).document["mcpServers"]["srv"]
    assert (clean["command"], clean["env"]["DB_PASSWORD"]) == ("python3", "secret-removed")


@pytest.mark.rule("I6")
def test_servers_with_password_names_stay_distinct() -> None:
    names = (f"srv password={TOKEN}", f"srv password={OTHER}")
    document = {"mcpServers": {name: {"command": "thing"} for name in names}}
    assert len(bring(document).manifest.privileges) == 2
