"""A random secret planted in each kind of slot: found, reported by place, and nowhere in anything that comes out (I6)."""

from __future__ import annotations

import io
import json
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from inventory.importers.problem import ImportProblem
from inventory.importers.reader import ReadResult, read_export
from tests.inventory.importers.samples import AI, bound, bring, node, server, workflow

Plant = Callable[[str], Any]


def _assignment(name: str, value: str) -> dict[str, Any]:
    return {"assignments": {"assignments": [{"id": "a1", "name": name, "type": "string", "value": value}]}}


def _headers(name: str, value: str) -> dict[str, Any]:
    return {"url": "https://api.example/v1", "headerParameters": {"parameters": [{"name": name, "value": value}]}}


N8N: dict[str, Plant] = {
    "header": lambda c: workflow(node("httpRequest", "Call", 4.2, **_headers("X-Api-Key", c))),
    "authorization header": lambda c: workflow(
        node("httpRequest", "Call", 4.2, **_headers("Authorization", f"Bearer {c}"))
    ),
    "header within an expression": lambda c: workflow(
        node("httpRequest", "Call", 4.2, **_headers("Authorization", "={{ 'Bearer " + c + "' }}"))
    ),
    "header beside an expression": lambda c: workflow(
        node("httpRequest", "Call", 4.2, **_headers("Authorization", f"=Bearer {c}{{{{ $json.rest }}}}"))
    ),
    "header of a name that says nothing": lambda c: workflow(node("httpRequest", "Call", 4.2, **_headers("X-Acme", c))),
    "old headers": lambda c: workflow(
        node(
            "httpRequest",
            "Call",
            1,
            url="https://a.example",
            headerParametersUi={"parameter": [{"name": "token", "value": c}]},
        )
    ),
    "headers as JSON": lambda c: workflow(
        node("httpRequest", "Call", 1, url="https://a.example", headerParametersJson=json.dumps({"X-API-KEY": c}))
    ),
    "query parameter": lambda c: workflow(
        node(
            "httpRequest",
            "Call",
            4.2,
            url="https://a.example",
            queryParameters={"parameters": [{"name": "key", "value": c}]},
        )
    ),
    "query in the address": lambda c: workflow(
        node("httpRequest", "Call", 4.2, url=f"https://a.example/x?api_key={c}&page=1")
    ),
    "query in an address that is computed": lambda c: workflow(
        node("httpRequest", "Call", 4.2, url=f"=https://a.example/{{{{ $json.id }}}}?access_token={c}")
    ),
    "password in the address": lambda c: workflow(
        node("httpRequest", "Call", 4.2, url=f"https://robot:{c}@a.example/x")
    ),
    "body parameter": lambda c: workflow(
        node(
            "httpRequest",
            "Call",
            4.2,
            url="https://a.example",
            bodyParameters={"parameters": [{"name": "password", "value": c}]},
        )
    ),
    "body as JSON": lambda c: workflow(
        node(
            "httpRequest",
            "Call",
            4.2,
            url="https://a.example",
            jsonBody='={\n  "client_secret": "' + c + '", "a": {{ $json.a }} }',
        )
    ),
    "assignment": lambda c: workflow(node("set", "Keys", 3.4, **_assignment("apiKey", c))),
    "old assignment": lambda c: workflow(node("set", "Keys", 1, values={"string": [{"name": "password", "value": c}]})),
    "assignment of version 3.2": lambda c: workflow(
        node("set", "Keys", 3.2, fields={"values": [{"name": "accessToken", "stringValue": c}]})
    ),
    "parameter of a node": lambda c: workflow(node("extractFromFile", "Open", 1, options={"password": c})),
    "credential typed in place": lambda c: workflow(
        node(
            "httpRequest",
            "Call",
            4.2,
            credentials={"httpBasicAuth": {"user": "robot", "password": c}},
            url="https://a.example",
        )
    ),
    "code": lambda c: workflow(node("code", "Run", 2, jsCode=f"const apiKey = '{c}';\nreturn items;")),
    "code, as an argument": lambda c: workflow(
        node("code", "Run", 2, jsCode=f"request.setHeader('Authorization', 'Bearer {c}');")
    ),
    "command": lambda c: workflow(
        node("executeCommand", "Run", 1, command=f"curl -H 'Authorization: Bearer {c}' https://a.example")
    ),
    "note": lambda c: workflow(node("stickyNote", "Note", 1, content=f"API key: {c} (ask Rita)")),
    "pinned headers": lambda c: workflow(
        node("webhook", "Hook", 2, path="x"),
        pinData={"Hook": [{"json": {"headers": {"authorization": f"Bearer {c}"}}}]},
    ),
    "pinned body": lambda c: workflow(
        node("webhook", "Hook", 2, path="x"), pinData={"Hook": [{"json": {"body": {"login": {"password": c}}}}]}
    ),
    "static data": lambda c: workflow(node("noOp"), staticData={"node:Poll": {"refreshToken": c}}),
    "static data as text": lambda c: workflow(node("noOp"), staticData=json.dumps({"node:Poll": {"refreshToken": c}})),
    "settings": lambda c: workflow(node("noOp"), settings={"webhookSecret": c}),
    "metadata": lambda c: workflow(node("noOp"), meta={"apiToken": c}),
    "tool of an agent": lambda c: workflow(
        node(
            AI + "toolHttpRequest",
            "Tool",
            1.1,
            url="https://a.example",
            parametersHeaders={"values": [{"name": "x-api-key", "value": c}]},
        )
    ),
    "a sub-workflow typed in": lambda c: workflow(
        node("executeWorkflow", "Sub", 1, source="parameter", workflowJson=json.dumps({"nodes": [{"token": c}]}))
    ),
}

MCP: dict[str, Plant] = {
    "env": lambda c: server(command="npx", args=["-y", "thing@1.0.0"], env={"THING_API_KEY": c}),
    "env, any key": lambda c: server(command="npx", args=["thing@1.0.0"], env={"ACME_KEY": c}),
    "env, password": lambda c: server(command="thing", env={"DB_PASS": c}),
    "env, connection string": lambda c: server(
        command="thing", env={"DATABASE_URL": f"postgresql://robot:{c}@db.example/erp"}
    ),
    "env, DSN": lambda c: server(command="thing", env={"STORE_DSN": f"Server=db;User=robot;Password={c}"}),
    "env for a container": lambda c: server(
        command="docker", args=["run", "-i", "-e", f"THING_TOKEN={c}", "thing:1.2"]
    ),
    "header": lambda c: server(url="https://mcp.example/mcp", headers={"Authorization": f"Bearer {c}"}),
    "header of its own": lambda c: server(url="https://mcp.example/mcp", headers={"X-Acme-Key": c}),
    "argument": lambda c: server(command="npx", args=["thing", f"--api-key={c}"]),
    "argument and its value": lambda c: server(command="npx", args=["thing", "--token", c]),
    "one-letter argument": lambda c: server(command="npx", args=["thing", "-t", c]),
    "connection string": lambda c: server(command="uvx", args=["thing", f"postgres://robot:{c}@db.example:5432/erp"]),
    "header as an argument": lambda c: server(
        command="npx", args=["mcp-remote", "https://mcp.example", "--header", f"Authorization: Bearer {c}"]
    ),
    "query of the address": lambda c: server(url=f"https://mcp.example/mcp?token={c}&pro=1"),
    "password in the address": lambda c: server(url=f"https://robot:{c}@mcp.example/mcp"),
    "address to bridge to": lambda c: server(command="npx", args=["mcp-remote", f"https://mcp.example/mcp?apiKey={c}"]),
    "OAuth": lambda c: server(url="https://mcp.example/mcp", oauth={"clientId": "1234", "clientSecret": c}),
    "default of a prompt": lambda c: {
        "servers": {"srv": {"url": "https://mcp.example/mcp"}},
        "inputs": [{"id": "pin", "type": "promptString", "password": True, "default": c}],
    },
    "shell": lambda c: server(command="sh", args=["-c", f"THING_TOKEN={c} npx thing"]),
    "variable before the program": lambda c: server(command=f"FOO={c} npx", args=["-y", "thing"]),
    "second variable before the program": lambda c: server(command=f"A=1 FOO='{c}' npx -y thing"),
    "variable by env": lambda c: server(command=f"/usr/bin/env FOO={c} npx", args=["-y", "thing"]),
    "variable that is exported": lambda c: server(command=f"cd /srv && export FOO={c}; npx", args=["-y", "thing"]),
}
#: Where an opaque part is what it looks like in half of all exports: told apart, never shown, and no finding of its own.
OPAQUE: dict[str, Plant] = {
    "path of a webhook": lambda c: workflow(node("webhook", "Hook", 2, path=c)),
    "path of a form": lambda c: workflow(node("formTrigger", "Form", 2.2, path=f"ask/{c}")),
    "path of an address": lambda c: workflow(node("httpRequest", "Call", 4.2, url=f"https://a.example/hooks/{c}")),
    "path of a server": lambda c: server(url=f"https://mcp.example/{c}/mcp"),
    "folder of a server": lambda c: server(command="npx", args=["thing@1.0.0", f"/data/{c}"]),
}
PLANTS = [
    pytest.param(plant, id=f"{source}: {kind}")
    for source, kinds in (("n8n", N8N), ("mcp", MCP))
    for kind, plant in kinds.items()
]


def _canary() -> str:
    """Like a real one, of no provider, and never the same twice."""
    return f"cnry{secrets.token_hex(14)}9Z"


def _everything(result: ReadResult) -> str:
    return "\n".join([json.dumps(result.manifest.to_dict()), repr(result), str(result), result.digest])


@pytest.mark.rule("I6")
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_secret_is_found_and_appears_nowhere(plant: Plant) -> None:
    canary = _canary()
    result = bring(plant(canary), fingerprint_key=b"k" * 32)
    assert canary not in _everything(result)
    assert canary[4:-2] not in _everything(result)
    assert len(result.secrets) >= 1
    assert all(len(secret.fingerprint or "") == 64 for secret in result.secrets)
    assert {secret.at for secret in result.secrets} <= {
        f.at for f in result.manifest.findings if f.code == "embedded_secret"
    }


@pytest.mark.rule("I6")
@pytest.mark.parametrize("plant", PLANTS)
def test_command_prints_no_planted_secret(plant: Plant, tmp_path: Path) -> None:
    canary = _canary()
    path = tmp_path / "export.json"
    path.write_text(json.dumps(plant(canary)))
    out, err = io.StringIO(), io.StringIO()
    call_command("preview_import", str(path), stdout=out, stderr=err)
    assert out.getvalue().count("\n") == 1
    assert canary not in out.getvalue() + err.getvalue()


@pytest.mark.rule("I2", "I6")
@pytest.mark.parametrize("plant", PLANTS)
def test_another_secret_in_the_slot_is_the_same_version(plant: Plant) -> None:
    assert bring(plant(_canary())).digest == bring(plant(_canary())).digest


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-1], lambda text: text + " x", lambda text: text.replace(":", ";", 1)]
)
@pytest.mark.parametrize("plant", PLANTS)
def test_error_of_broken_file_shows_no_secret(plant: Plant, spoil: Callable[[str], str]) -> None:
    canary = _canary()
    with pytest.raises(ImportProblem) as refused:
        read_export("export.json", spoil(json.dumps(plant(canary))).encode())
    problem = refused.value
    text = "".join([*traceback.format_exception(problem), repr(problem), problem.place, problem.reason])
    assert canary not in text
    assert problem.__context__ is None  # a parser's exception carries the whole document
    assert problem.__cause__ is None


@pytest.mark.rule("I6")
@pytest.mark.parametrize("plant", OPAQUE.values(), ids=OPAQUE)
def test_an_opaque_part_of_a_path_is_not_shown(plant: Plant) -> None:
    for canary in (_canary(), secrets.token_hex(16)):
        assert canary not in _everything(bring(plant(canary)))


@pytest.mark.rule("I6")
def test_token_in_file_name_is_removed() -> None:
    for token in (_canary(), "sk" + "-proj-" + secrets.token_urlsafe(24)):
        name = f"exports/{token}/flow {token}.json"
        read_file = read_export(name, json.dumps(server(command="npx", args=["thing"])).encode())[0]
        assert token not in _everything(read_file)
        with pytest.raises(ImportProblem) as refused:
            read_export(name, b"{}")
        assert token not in str(refused.value)


@pytest.mark.rule("I6")
def test_environment_assignment_is_no_part_of_program() -> None:
    result = bring(server(command="LEVEL=debug npx", args=["-y", "thing@1.0.0"]))
    assert {each.origin for each in result.manifest.privileges} == {"thing@1.0.0"}
    assert result.secrets == ()


@pytest.mark.rule("I6")
def test_a_secret_that_is_repeated_where_things_are_shown_is_removed_there_too() -> None:
    canary = _canary()
    document = workflow(
        node("httpRequest", f"Call {canary}", 4.2, **_headers("X-Api-Key", canary)),
        node("slack", "Post", 2.3, bound("slackApi", canary, canary), channelId={"__rl": True, "value": canary}),
        node("webhook", "Hook", 2, path=canary),
        name=f"Flow {canary}",
        id=canary,
        meta={"instanceId": canary},
        shared=[{"role": "workflow:owner", "project": {"name": canary}}],
        links=((f"Call {canary}", "main", "Post"),),
    )
    result = bring(document)
    assert canary not in _everything(result)
    assert len(result.manifest.privileges) == 2


#: Tokens with long streaks of digits, of which `_canary` makes one in thirty.
STREAKS = (
    "cnryeba805903710754a44638d5bb5669Z",
    "cnryf178cb673524c3595256123360629Z",
    "cnry21900828123b495ba946fcaddf52c9Z",
)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("canary", [*STREAKS, ""])
def test_a_secret_in_the_name_of_a_server_or_variable_is_removed(canary: str) -> None:
    canary = canary or _canary()
    document = server(
        f"srv-{canary}", command="npx", args=["thing", f"--token={canary}", f"/data/{canary}"], env={canary: "x"}
    )
    assert canary not in _everything(bring(document))


@pytest.mark.rule("I6")
def test_the_same_secret_in_two_files_has_one_fingerprint_and_another_key_gives_another() -> None:
    canary = _canary()
    first = bring(N8N["header"](canary), fingerprint_key=b"a" * 32).secrets[0]
    second = bring(MCP["header"](canary), fingerprint_key=b"a" * 32).secrets[0]
    other = bring(MCP["header"](canary), fingerprint_key=b"b" * 32).secrets[0]
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert bring(MCP["header"](canary)).secrets[0].fingerprint is None


@pytest.mark.rule("I6")
def test_no_unkeyed_digest_of_secret_leaves_importer() -> None:
    import hashlib

    canary = _canary()
    text = _everything(bring(N8N["header"](canary)))
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        assert hashlib.new(algorithm, canary.encode()).hexdigest()[:8] not in text


@pytest.mark.rule("I6")
def test_provider_tokens_are_found_wherever_they_stand() -> None:
    github = "gh" + "p_" + secrets.token_hex(18)
    slack = "xox" + "b-" + secrets.token_hex(16)
    hook = (
        "https://hooks.slack.com/"
        + "services/T"
        + secrets.token_hex(4)
        + "/B"
        + secrets.token_hex(4)
        + "/"
        + secrets.token_hex(12)
    )
    bot = "123456789:AA" + secrets.token_hex(16) + "x"
    document = workflow(
        node("set", "Odd", 3.4, **_assignment("note", f"use {github} or {slack}")),
        node("httpRequest", "Hook", 4.2, method="POST", url=hook),
        node("httpRequest", "Bot", 4.2, url=f"https://api.telegram.org/bot{bot}/sendMessage"),
    )
    result = bring(document)
    text = _everything(result)
    for token in (github, slack, hook.rpartition("/")[2], bot):
        assert token not in text
    assert {secret.kind for secret in result.secrets} == {"github", "slack", "telegram"}
    assert [p.target for p in result.manifest.privileges] == ["/secret-removed", "/botsecret-removed/sendMessage"]
