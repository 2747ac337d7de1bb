"""A case for each kind of secret, and for each kind of text that only looks like one (I6)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from inventory.importers.reader import ReadResult
from inventory.importers.secrets.scrubber import scrub
from tests.inventory.importers.samples import bound, bring, codes, node, server, workflow

Plant = Callable[[str], Any]
LOW_ENTROPY = ("Summer2024!", "hunter2", "s3cret", "Winter#1", "letmein99")


def _command(text: str) -> dict[str, Any]:
    return workflow(node("executeCommand", "Run", 1, command=text))


def _call(url: str, **parameters: Any) -> dict[str, Any]:
    return workflow(node("httpRequest", "Call", 4.2, url=url, **parameters))


def _header(name: str, value: str) -> dict[str, Any]:
    return _call("https://api.example/v1", headerParameters={"parameters": [{"name": name, "value": value}]})


COMMANDS: dict[str, Plant] = {
    "mysql -p": lambda c: _command(f"mysql -u root -p{c} erp"),
    "mysqldump -p": lambda c: _command(f"mysqldump -uroot -p'{c}' erp > /tmp/x"),
    "curl -u": lambda c: _command(f"curl -u robot:{c} https://a.example"),
    "curl --user": lambda c: _command(f'curl -s --user "robot:{c}" https://a.example'),
    "sshpass -p": lambda c: _command(f"sshpass -p {c} ssh robot@a.example uptime"),
    "sshpass -p in quotes": lambda c: _command(f"sshpass -p '{c}' ssh robot@a.example"),
    "sudo -S by echo": lambda c: _command(f"echo {c} | sudo -S systemctl restart erp"),
    "sudo -S by here-string": lambda c: _command(f"sudo -S reboot <<< '{c}'"),
    "docker login -p": lambda c: _command(f"docker login -u robot -p {c} registry.example"),
    "--password": lambda c: _command(f"tool --password {c} --verbose"),
    "--password=": lambda c: _command(f"tool --password={c}"),
    "PGPASSWORD": lambda c: _command(f"PGPASSWORD={c} psql -h a.example erp"),
    "redis-cli -a": lambda c: _command(f"redis-cli -a {c} get x"),
    "over SSH": lambda c: workflow(node("ssh", "Run", 1, bound("sshPassword"), command=f"echo {c} | sudo -S reboot")),
    "in code": lambda c: workflow(node("code", "Run", 2, jsCode=f"exec('sshpass -p {c} ssh robot@a.example');")),
    "-p of a server": lambda c: server(command="mysql-mcp", args=["-u", "root", "-p", c]),
    "-p joined of a server": lambda c: server(command="mysql-mcp", args=["-u", "root", f"-p{c}"]),
    "-u of a server": lambda c: server(command="curl-mcp", args=["-u", f"robot:{c}"]),
    "--password of a server": lambda c: server(command="thing", args=["--password", c]),
    "shell of a server": lambda c: server(command="sh", args=["-c", f"sshpass -p {c} ssh a.example thing"]),
    "line of a server": lambda c: server(command=f"thing --password {c}"),
}
SLOTS: dict[str, Plant] = {
    "password": lambda c: workflow(node("extractFromFile", "Open", 1, options={"password": c})),
    "header": lambda c: _header("Authorization", f"Bearer {c}"),
    "basic credentials in an address": lambda c: _call(f"https://robot:{c}@a.example/x"),
    "query": lambda c: _call(f"https://a.example/x?password={c}&page=1"),
    "query parameter": lambda c: _call(
        "https://a.example", queryParameters={"parameters": [{"name": "apikey", "value": c}]}
    ),
    "JSON body": lambda c: _call("https://a.example", jsonBody=json.dumps({"password": c})),
    "code": lambda c: workflow(node("code", "Run", 2, jsCode=f"const password = '{c}';")),
    "note": lambda c: workflow(node("stickyNote", "Note", 1, content=f"password: {c}")),
    "assignment": lambda c: workflow(
        node("set", "Set", 3.4, assignments={"assignments": [{"name": "password", "value": c}]})
    ),
    "pinned": lambda c: workflow(node("noOp"), pinData={"noOp": [{"json": {"password": c}}]}),
    "static": lambda c: workflow(node("noOp"), staticData={"password": c}),
    "typed in place": lambda c: workflow(
        node("httpRequest", "Call", 4.2, {"httpBasicAuth": {"user": "robot", "password": c}}, url="https://a.example")
    ),
    "name of a node": lambda c: workflow(node("slack", f"Post, password: {c}", 2.3, bound("slackApi"), channelId="#a")),
    "name of a workflow": lambda c: workflow(
        node("slack", "Post", 2.3, bound("slackApi"), channelId="#a"), name=f"Flow (pw: {c})"
    ),
    "label of a target": lambda c: workflow(
        node(
            "slack",
            "Post",
            2.3,
            bound("slackApi"),
            channelId={"__rl": True, "value": "C1", "cachedResultName": f"x password={c}"},
        )
    ),
    "name of a credential": lambda c: workflow(node("slack", "Post", 2.3, bound("slackApi", "1", f"Ours, pass: {c}"))),
    "env": lambda c: server(command="thing", env={"DB_PASSWORD": c}),
    "argument": lambda c: server(command="thing", args=["--api-key", c]),
    "OAuth": lambda c: server(url="https://mcp.example/mcp", oauth={"clientSecret": c}),
    "name of a server": lambda c: server(f"srv password={c}", command="thing"),
}
#: Where a password is not shown, and where it may be no finding.
PLACES: dict[str, Plant] = {
    "name of a node, after a blank": lambda c: workflow(
        node("slack", f"Log in with password {c}", 2.3, bound("slackApi"), channelId="#a")
    ),
    "name of a credential, after a blank": lambda c: workflow(
        node("slack", "Post", 2.3, bound("slackApi", "1", f"Ours, password {c}"))
    ),
    "name of a credential, in brackets": lambda c: workflow(
        node("slack", "Post", 2.3, bound("slackApi", "1", f"ERP login ({c})"))
    ),
    "name of a credential, after a user": lambda c: workflow(
        node("slack", "Post", 2.3, bound("slackApi", "1", f"robot / {c}"))
    ),
    "path of a webhook": lambda c: workflow(node("webhook", "Hook", 2, path=f"in/{c}")),
    "path of a webhook, before a word": lambda c: workflow(node("webhook", "Hook", 2, path=f"{c}-orders")),
    "path of a webhook, after token": lambda c: workflow(node("webhook", "Hook", 2, path=f"token/{c}/send")),
    "path of a form, after key": lambda c: workflow(node("formTrigger", "Form", 2.2, path=f"key/{c}")),
    "path of an address, after secret": lambda c: _call(f"https://a.example/secret/{c}/x"),
    "address of a chat": lambda c: _call(f"https://hooks.slack.com/services/T1/B2/{c}"),
    "address of a bot": lambda c: _call(f"https://api.telegram.org/bot123:{c}/sendMessage"),
    "path of a server, after token": lambda c: server(url=f"https://mcp.example/token/{c}/mcp"),
    "joined user of a server": lambda c: server(command="thing", args=[f"-urobot:{c}"]),
    "user of a server": lambda c: server(command="thing", args=[f"--user=robot:{c}"]),
}
FORMS = ("random", *LOW_ENTROPY)


def _canary(form: str) -> str:
    return f"cnry{secrets.token_hex(14)}9Z" if form == "random" else form


def _everything(result: ReadResult) -> str:
    return "\n".join([json.dumps(result.manifest.to_dict()), repr(result), str(result.secrets)])


@pytest.mark.rule("I6")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("slot", [*COMMANDS, *SLOTS])
def test_a_secret_of_either_form_is_found_and_appears_nowhere(slot: str, form: str) -> None:
    canary = _canary(form)
    document = {**COMMANDS, **SLOTS}[slot](canary)
    result = bring(document)
    assert "embedded_secret" in codes(result.manifest)
    assert canary not in _everything(result)
    assert canary not in json.dumps(scrub(document).document)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_of_either_form_is_not_shown(place: str, form: str) -> None:
    canary = _canary(form)
    assert canary not in _everything(bring(PLACES[place](canary)))


@pytest.mark.rule("I6")
def test_a_machine_made_secret_is_removed_where_it_is_repeated() -> None:
    canary = _canary("random")
    document = workflow(
        node("extractFromFile", "Open", 1, options={"password": canary}),
        node("httpRequest", f"Call {canary}", 4.2, url=f"https://a.example/hooks/{canary}/x"),
        node("webhook", "Hook", 2, path=f"in/{canary}"),
        node(
            "slack",
            "Post",
            2.3,
            bound("slackApi", "7", f"Ours {canary}"),
            channelId={"value": "C1", "cachedResultName": f"#{canary}"},
        ),
        name=f"Flow {canary}",
        links=((f"Call {canary}", "main", "Post"),),
    )
    assert canary not in _everything(bring(document))


@pytest.mark.rule("I6")
@pytest.mark.parametrize("form", LOW_ENTROPY)
def test_a_password_in_the_path_of_a_webhook_is_not_shown(form: str) -> None:
    for document in (
        workflow(node("webhook", "Hook", 2, path=f"in/{form}")),
        _call(f"https://a.example/webhook/{form.replace('!', '%21').replace('#', '%23')}"),
    ):
        text = _everything(bring(document))
        assert form not in text
        assert form.rstrip("!") not in text


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T{n}AB/B{n}CD/{r}",
        "https://discord.com/api/webhooks/{n}{n}/{r}{r}{r}",
        "https://hooks.zapier.com/hooks/catch/{n}/{r8}/",
        "https://hook.eu1.make.com/{r}x8",
        "https://acme.webhook.office.com/webhookb2/{u}@{u}/IncomingWebhook/{r}/{u}",
        "https://maker.ifttt.com/trigger/x/with/key/{r}",
        "https://s3.amazonaws.example/x?X-Amz-Expires=60&X-Amz-Signature={r}{r}",
        "https://acme.blob.core.windows.net/x?sv=2024&sig={r}%3D",
        "https://chat.googleapis.com/v1/spaces/A/messages?key={r}&token={r}",
        "https://prod-1.westeurope.logic.azure.com/workflows/x/triggers/y?sp=z&sig={r}",
        "https://n8n.acme.example/webhook/{u}",
    ],
)
def test_an_address_that_opens_to_its_holder_is_a_secret(url: str) -> None:
    random = secrets.token_hex(12)
    filled = url.format(n="12345678", r=random, r8=secrets.token_hex(4), u="9f86d081-884c-4d65-9a2f-eaa0c55ad015")
    result = bring(_call(filled))
    assert "embedded_secret" in codes(result.manifest)
    assert random not in _everything(result)
    assert "9f86d081-884c" not in _everything(result)


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "document",
    [
        _header("X-Hub-Signature-256", "sha256=" + "5d0f9b77a1c24e33" * 4),
        _header("X-Acme-Signature", "EvtIS^EBViseie6svB@6xx"),
        _header("Content-MD5", "5d0f9b77a1c24e335d0f9b77a1c24e33"),
        _header("X-Content-Hash", "5d0f9b77a1c24e335d0f9b77a1c24e33"),
        _header("X-RapidAPI-Host", "youtube138data4.p.rapidapi.com"),
        _header("X-Forwarded-Host", "8f14e45fceea167a5a36dedd4bea2543.example.com"),
        _header("X-Session-Id", "5d0f9b77a1c24e335d0f9b77"),
        _call("https://a.example/x?hash=5d0f9b77a1c24e335d0f9b77a1c24e33"),
        workflow(node("noOp"), pinData={"noOp": [{"json": {"headers": {"x-acme-edge": "5d0f9b77a1c24e335d0f9b77"}}}]}),
        workflow(node("noOp"), pinData={"noOp": [{"json": {"md5": "5d0f9b77a1c24e33" * 2, "sha": "a1" * 20}}]}),
        workflow(node("noOp"), pinData={"noOp": [{"json": {"key": "5d0f9b77a1c24e335d0f9b77a1c2.jpg"}}]}),
        workflow(node("noOp"), pinData={"noOp": [{"json": {"hash_key": "9f86d081-884c-4d65-9a2f-eaa0c55ad015"}}]}),
        workflow(node("code", "Run", 2, jsCode="const signature = '5d0f9b77a1c24e335d0f9b77a1c24e33';")),
        workflow(node("webhook", "Hook", 2, path="9f86d081-884c-4d65-9a2f-eaa0c55ad015")),
        _command("cp -p /a/file1 /b/file2 && mkdir -p /srv/data1 && docker run -p 8080:80 -u 1000:1000 nginx"),
        _command("ssh -p 2222 robot@a.example && psql -U robot -p 5433 && sort -u names2.txt"),
        server(command="docker", args=["run", "-p", "8080:80", "-u", "1000:1000", "thing:1.2"]),
        server(command="npx", args=["-p", "thing@1.2.3", "thing"]),
        server(command="thing", args=["-p", "3000", "-u", "robot"]),
    ],
)
def test_lookalikes_are_not_reported(document: Any) -> None:
    assert bring(document).secrets == ()


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "value",
    [
        "act.example12345Example12345Example",
        "AKIAIOSFODNN7" + "EXAMPLE",
        "sk-proj-your-key-here-1234567890",
        "sk-1234567890abcdef1234567890abcdef",
        "abcdef1234567890abcdef",
        "YOUR_TOKEN_123456",
        "Bearer YOUR_KEY",
        "PASTE_TOKEN_HERE",
        "token_goes_here",
        "CAMBIAR_POR_TU_CLAVE",
        "{{API_KEY}}",
        "%%API_KEY%%",
    ],
)
def test_a_placeholder_is_reported_as_one(value: str) -> None:
    result = bring(_header("X-Api-Key", value))
    assert result.secrets == ()
    if "{{" not in value:
        assert "placeholder_secret" in codes(result.manifest)


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "word", ["admin", "slack", "slackApi", "Finance", "httpRequest", "postgres", "Call", "swordfish"]
)
def test_a_password_that_is_a_word_is_masked_in_its_slot_and_changes_no_name(word: str) -> None:
    document = workflow(
        node("extractFromFile", "Open", 1, options={"password": word}),
        node("slack", "Post to Finance", 2.3, bound("slackApi", "7", "Finance admin"), channelId="#admin-Call"),
        node("httpRequest", "Call postgres", 4.2, url="https://a.example/admin/swordfish"),
        name="Finance admin",
    )
    other = json.loads(json.dumps(document))
    other["nodes"][0]["parameters"]["options"]["password"] = "Zx81-quiet-lantern"
    manifest, usual = bring(document).manifest, bring(other).manifest
    assert [each.at for each in manifest.privileges] == [each.at for each in usual.privileges]
    assert [(each.type, each.name) for each in manifest.credentials if each.where == "node"] == [
        ("slackApi", "Finance admin")
    ]
    assert manifest.name == "Finance admin"
    assert scrub(document).document["nodes"][0]["parameters"]["options"]["password"] != word


@pytest.mark.rule("I6")
def test_only_value_is_masked() -> None:
    document = workflow(
        node(
            "httpRequest",
            "Call",
            4.2,
            {"httpHeaderAuth": {"id": "9", "name": "Acme v2Key2024"}},
            url="https://a.example",
            authentication="genericCredentialType",
            genericAuthType="httpHeaderAuth",
            headerParameters={"parameters": [{"name": "X-Api-Key", "value": "n8n-nodes-base.slackV2"}]},
        ),
        node("slackV2", "Post", 1),
        node("set", "Set", 3.4, assignments={"assignments": [{"name": "password", "value": "httpHeaderAuth"}]}),
    )
    result = bring(document)
    assert [each.type for each in result.manifest.credentials if each.where == "node"] == ["httpHeaderAuth"]
    clean = scrub(document).document
    assert [each["type"] for each in clean["nodes"]] == [each["type"] for each in document["nodes"]]
    assert clean["nodes"][0]["parameters"]["genericAuthType"] == "httpHeaderAuth"
