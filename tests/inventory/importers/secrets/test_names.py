"""Secrets in names, paths and addresses: only the secret is masked, and what only looks like one stays (I6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from inventory.importers.addresses import path_shown
from inventory.importers.reader import ReadResult, file_shown, read_export
from inventory.importers.secrets.scrubber import scrub
from tests.inventory.importers.samples import bound, bring, codes, node, server, workflow

TOKEN, OTHER = "K7x9Qp2LmZ4vT8wB3nY6", "bR5tW8zN1cV6mH3kJ9sD"
#: A name, and how it is shown.
MASKED = (
    ("Login with password hunter2", "Login with password secret-removed"),
    ("Login with password Summer2024! daily", "Login with password secret-removed daily"),
    ("Password hunter2 (prod)", "Password secret-removed (prod)"),
    ("Flow (pw: Winter#1)", "Flow (pw: secret-removed)"),
    ("pw=correcthorse", "pw=secret-removed"),
    ("Password is s3cret", "Password is secret-removed"),
    (f"Call {TOKEN}", "Call secret-removed"),
    (f"srv-{TOKEN} daily", "srv-secret-removed daily"),
    ("Call 5d0f9b77a1c24e335d0f9b77", "Call secret-removed"),
    ("Call qX_Zr7tYw-eB2mKp9vLsD4hNc6J", "Call secret-removed"),
    ("Call 9f86d081-884c-4d65-9a2f-eaa0c55ad015", "Call secret-removed"),
    ("token Sommer2024", "token secret-removed"),
    ("Call with token hunter2", "Call with token secret-removed"),
    ("PIN: 4711", "PIN: secret-removed"),
    ("pin 4711", "pin secret-removed"),
    ("password=4711", "password=secret-removed"),
    ("api key: Rosebud7", "api key: secret-removed"),
    ("API-Key Sommer2024 (prod)", "API-Key secret-removed (prod)"),
    ("secret: Winter#1", "secret: secret-removed"),
    ("Token: swordfish", "Token: secret-removed"),
    ("Post (password: swordfish)", "Post (password: secret-removed)"),
    ("db_password: Sommer2024", "db_password: secret-removed"),
    ("dbPassword: hunter2", "dbPassword: secret-removed"),
    ("db-password_Sommer2024", "db-password_secret-removed"),
    ("password -> Sommer2024", "password -> secret-removed"),
    ("token => swordfish", "token => secret-removed"),
    ("Kennwort (Sommer2024)", "Kennwort (secret-removed)"),
    ("password 'Sommer2024'", "password 'secret-removed'"),
    ("Password - Summer2024!", "Password - secret-removed"),
    ("srv-token-Sommer2024-eu", "srv-token-secret-removed-eu"),
    ("pw=correct-horse", "pw=secret-removed"),
    ("Login with password hunter2 daily", "Login with password secret-removed daily"),
    ("secret key->Sommer2024", "secret key->secret-removed"),
    ("login: Sommer2024", "login: secret-removed"),
    ("Password: correct-horse", "Password: secret-removed"),
    ("Token: Blue-Sky-42", "Token: secret-removed"),
    ("bob:Sommer2024@erp", "bob:secret-removed@erp"),
    ("Sync bob:hunter2@erp.example daily", "Sync bob:secret-removed@erp.example daily"),
    ("ERP mot de passe: hunter2", "ERP mot de passe: secret-removed"),
    ("mot de passe Sommer2024", "mot de passe secret-removed"),
    ("mdp: Winter#1", "mdp: secret-removed"),
    ("admin:hunter2", "admin:secret-removed"),
    ("robot:Sommer2024", "robot:secret-removed"),
    ("erp.robot:Winter#1", "erp.robot:secret-removed"),
    ("ERP pass Sommer2024", "ERP pass secret-removed"),
    ("Password: Geheim", "Password: secret-removed"),
    ("Token: admin2024", "Token: secret-removed"),
)
SHOWN = (
    "Password: reset2 flow",
    "pass: step-2",
    "Reset password quickly",
    "Hash password sha256",
    "Step-2",
    "oauth2",
    "python3",
    "Get user profile by email 2024-11-29",
    "Sync-HubSpot-CRM2-To-S3-V2-EU1",
    "getUserProfileByEmailAddress2",
    "Pass json2csv",
    "Pass gpt-4o-mini output on",
    "Password Reset!",
    "Hash password bcrypt12",
    "Password: required",
    "API key: read-only",
    "Token Splitter1",
    "Refresh token step2",
    "Get token refresh",
    "Token: Slack",
    "API Key: HubSpot",
    "Token: GitHub2",
    "Token -> Slack",
    "API Key (OpenAI)",
    "API key: {{ $json.apiKey }}",
    "API KEY 1",
    "Password geändert!",
    "Key Findings**",
    "docker/login-action@v3",
    "Header Auth account 2",
    "Login Office365",
    "Login page2",
    "Key account 7",
    "Password for mail5 users",
    "Max tokens: 4096",
    "Secret Santa draw",
    "Pin message 2024",
    "Compass2024 report",
    "Keyword1",
    "Mail to:rita@example.com",
    "mailto:rita2024@example.com",
    "Email:rita2024@example.com",
    "lead2crm",
    "Token: Bitcoin",
    "Token: Calendly",
    "API key: Pipedrive",
    "API key: Shopify-EU",
    "Password: KeePass",
    "Password: Bitwarden",
    "Secret: AWS-SM",
    "Key: SKU-1234",
    "Token: JWT-RS256",
    "Kennwort: vergessen",
    "Ski pass Season2025",
    "Pass order123 on",
    "Slack:step2",
    "mistral:7b-instruct",
    "Report:weekly",
    "waf:List*",
)


def _named(name: str) -> dict[str, Any]:
    """A workflow, a node, a credential, a wire and a reference with one name."""
    reader = node(
        "set", "Set", 3.4, assignments={"assignments": [{"name": "x", "value": f"={{{{ $('{name}').item }}}}"}]}
    )
    caller = node("slack", name, 2.3, bound("slackApi", "1", name), channelId="#a")
    caller["id"] = "n1"
    return workflow(caller, reader, name=name, links=((name, "main", "Set"),))


def _everything(result: ReadResult) -> str:
    return "\n".join([json.dumps(result.manifest.to_dict()), repr(result), str(result.secrets)])


def _call(url: str) -> dict[str, Any]:
    return workflow(node("httpRequest", "Call", 4.2, url=url))


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("name", "shown"), MASKED)
def test_secret_in_name_is_masked_and_wires_follow(name: str, shown: str) -> None:
    result = bring(_named(name))
    manifest = result.manifest
    assert (manifest.name, manifest.privileges[0].at) == (shown, shown)
    assert {each.name for each in manifest.credentials if each.where == "node"} == {shown}
    assert "embedded_secret" in codes(manifest)
    clean = scrub(_named(name)).document
    assert list(clean["connections"]) == [shown]
    assert clean["nodes"][1]["parameters"]["assignments"]["assignments"][0]["value"] == f"={{{{ $('{shown}').item }}}}"


@pytest.mark.rule("I6")
@pytest.mark.parametrize("name", SHOWN)
def test_a_name_without_a_secret_stays(name: str) -> None:
    assert scrub(_named(name)).document == _named(name)
    assert bring(_named(name)).secrets == ()
    assert bring(server(name, command="thing")).manifest.privileges[0].at == name


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("name", "shown"), MASKED)
def test_a_secret_in_the_name_of_a_server_is_masked(name: str, shown: str) -> None:
    result = bring(server(name, command="thing"))
    assert result.manifest.privileges[0].at == shown
    assert "embedded_secret" in codes(result.manifest)


@pytest.mark.rule("I2", "I6")
def test_nodes_with_two_secrets_stay_distinct() -> None:
    def flow(*secrets: str) -> dict[str, Any]:
        names = [f"Call with password {each}" for each in secrets]
        nodes = [node("slack", name, 2.3, channelId=f"#a{at}") for at, name in enumerate(names)]
        for at, each in enumerate(nodes):
            each["id"] = f"n{at}"
        return workflow(*nodes, links=((names[0], "main", names[1]),))

    first, second = bring(flow("hunter2", "Winter#1")), bring(flow("s3cret", "letmein99"))
    shown = {each.at for each in first.manifest.privileges}
    assert shown == {"Call with password secret-removed", "Call with password secret-removed-2"}
    assert first.manifest.source.content == second.manifest.source.content
    assert first.digest == second.digest


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("exports/flow password hunter2.json", "exports/flow password secret-removed.json"),
        ("a/password_Summer2024!.json", "a/password_secret-removed.json"),
        ("pw-hunter2/x.json", "pw-secret-removed/x.json"),
        (f"{TOKEN}.json", "secret-removed.json"),
        ("password-reset2-flow.json", "password-reset2-flow.json"),
        ("reset-password.json", "reset-password.json"),
        ("password(Sommer2024).json", "password(secret-removed).json"),
        ("token-Sommer2024.json", "token-secret-removed.json"),
        ("x/api_key_Sommer2024.json", "x/api_key_secret-removed.json"),
        ("db-password=swordfish.json", "db-password=secret-removed.json"),
        ("bob:Sommer2024@erp.json", "bob:secret-removed@erp.json"),
        ("token-refresh-v2.json", "token-refresh-v2.json"),
        ("pass-json2csv.json", "pass-json2csv.json"),
        ("api-key-rotation.json", "api-key-rotation.json"),
    ],
)
def test_a_secret_in_the_name_of_a_file_is_masked(name: str, shown: str) -> None:
    assert file_shown(name) == shown
    document = server("srv", command="thing")
    (result,) = read_export(name, json.dumps(document).encode())
    assert result.manifest.source.files == (shown,)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", ["correcthorse", "hunter2", "Summer2024!", "swordfish"])
@pytest.mark.parametrize(
    "holder", ["token", "key", "api-key", "secret", "password", "access_token", "pass", "passwort", "pin"]
)
def test_a_part_of_a_path_after_a_word_for_a_secret_is_not_shown(holder: str, password: str) -> None:
    assert path_shown(f"/{holder}/{password}/send") == f"/{holder}/{{opaque}}/send"
    for document in (
        workflow(node("webhook", "Hook", 2, path=f"{holder}/{password}/send")),
        workflow(node("formTrigger", "Form", 2.2, path=f"{holder}/{password}")),
        _call(f"https://a.example/{holder}/{password}/send"),
    ):
        assert password not in _everything(bring(document))


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", ["Sommer2024", "hunter2", "Summer2024!", "s3cret", "letmein99"])
@pytest.mark.parametrize(
    "path",
    [
        "auth/{}/send",
        "token-{}/send",
        "v1/api_key={}/send",
        "v1/password:{}",
        "{}/orders",
        "in/{}/orders",
        "orders/{}",
        "orders-secret-{}",
        "hook_token_{}",
        "in_key_{}/x",
        "crm-pass-{}",
        "in-apikey-{}",
    ],
)
def test_a_password_anywhere_in_the_path_of_a_webhook_is_not_shown(path: str, password: str) -> None:
    written = path.format(password)
    assert path_shown(written, is_entry=True) == path.format("{opaque}")
    assert password not in _everything(bring(workflow(node("webhook", "Hook", 2, path=written))))
    for entry in ("webhook", "webhook-test", "form", "mcp"):
        assert path_shown(f"/{entry}/{written}") == f"/{entry}/" + path.format("{opaque}")


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/auth/Sommer2024", "/auth/{opaque}"),
        ("/token-Sommer2024/x", "/token-{opaque}/x"),
        ("/v1/api_key=swordfish/x", "/v1/api_key={opaque}/x"),
        ("/v1/api_key%3Dswordfish/x", "/v1/api_key={opaque}/x"),
        ("/pin/4711", "/pin/{opaque}"),
        ("/pin=4711/x", "/pin={opaque}/x"),
        ("/key/Sömmer2024", "/key/{opaque}"),
        ("/webhook/in/Sommer2024/x", "/webhook/in/{opaque}/x"),
        ("/hook-secret-hunter2", "/hook-secret-{opaque}"),
        ("/x/in_key_Sommer2024/y", "/x/in_key_{opaque}/y"),
        ("/webhook/admin2024", "/webhook/{opaque}"),
    ],
)
def test_only_secret_part_of_path_is_masked(path: str, shown: str) -> None:
    assert path_shown(path) == shown


@pytest.mark.parametrize(
    "path",
    [
        "lead2crm",
        "stripe2",
        "orders/order2",
        "slack/events",
        "v2/json2csv",
        "getUser2",
        "bitrix24/x",
        "sap-s4hana",
        "hooks/orders2024",
        "shopifyOrdersPaid2",
        "v1/tokens/usage",
    ],
)
def test_a_plain_word_in_the_path_of_a_webhook_is_shown(path: str) -> None:
    assert path_shown(path, is_entry=True) == path
    assert path_shown(f"/webhook/{path}") == f"/webhook/{path}"


@pytest.mark.parametrize(
    "path",
    [
        "/services/oauth2",
        "/auth/google",
        "/auth/v1/token",
        "/token-refresh/x",
        "/api-key-rotation",
        "/pass-through2",
        "/token/refresh",
        "/oauth/token/revoke",
        "/password/reset-v2",
        "/v1/tokens/me",
        "/keys/45",
        "/secret/list-all",
        "/customer-key-accounts",
        "/my-token-refresh-v2",
    ],
)
def test_a_part_of_a_path_about_secrets_is_shown(path: str) -> None:
    assert path_shown(path) == path


@pytest.mark.rule("I6")
@pytest.mark.parametrize("value", ["hunter2", "Summer2024!", "8f14e45f", "correcthorse"])
def test_password_in_path_has_no_digest(value: str) -> None:
    shown = path_shown(f"/token/{value}")
    assert shown == "/token/{opaque}"
    text = _everything(bring(_call(f"https://a.example/token/{value}")))
    assert hashlib.sha256(value.encode()).hexdigest()[:8] not in text


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://hooks.slack.com/services/T1/B2/hunter2", "hunter2"),
        ("https://discord.com/api/webhooks/12345/hunter2", "hunter2"),
        ("https://discord.com/api/webhooks/123/words-words", "words-words"),
        ("=https://{{ $json.host }}/api/webhooks/123/words-words", "words-words"),
        ("https://hooks.zapier.com/hooks/catch/1/ab12/", "ab12"),
        ("https://hooks.zapier.com/hooks/catch/1/wordish", "wordish"),
        ("={{ $json.zapier }}/hooks/catch/1/wordish", "wordish"),
        ("https://hook.eu1.make.com/hunter2", "hunter2"),
        ("https://maker.ifttt.com/trigger/x/with/key/swordfish", "swordfish"),
        ("https://api.telegram.org/bot123:hunter2/sendMessage", "hunter2"),
        ("https://a.example/x?token=swan", "swan"),
    ],
)
def test_a_short_secret_of_an_address_that_opens_to_its_holder_is_found(url: str, secret: str) -> None:
    result = bring(_call(url))
    assert "embedded_secret" in codes(result.manifest)
    assert secret not in _everything(result)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", ["Sommer2024", "hunter2", "Summer2024!", "s3cret", "letmein99"])
def test_a_password_in_a_label_or_a_feed_is_not_shown(password: str) -> None:
    by_name = {"__rl": True, "mode": "name", "value": f"#x token: {password}"}
    for document in (
        workflow(node("formTrigger", "Form", 2.2, formTitle=f"Ask (PIN: {password})")),
        workflow(node("slack", "Post", 2.3, bound("slackApi"), channelId=by_name)),
        workflow(node("rssFeedReadTrigger", "Feed", 1, feedUrl=f"https://a.example/token-{password}/f.xml")),
    ):
        assert password not in _everything(bring(document))


@pytest.mark.rule("I6")
@pytest.mark.parametrize("secret", ["swordfish", "Sommer2024", TOKEN])
def test_a_user_alone_before_a_host_is_a_token(secret: str) -> None:
    for document in (
        _call(f"https://{secret}@a.example/x"),
        server("srv", command="uvx", args=["--from", f"git+https://{secret}@a.example/x.git", "thing"]),
    ):
        result = bring(document)
        assert "embedded_secret" in codes(result.manifest)
        assert secret not in _everything(result)


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "url",
    ["git+https://git@a.example/x.git", "git+ssh://robot@a.example/x.git", "git+https://acme@a.example/acme/x.git"],
)
def test_harmless_user_stays(url: str) -> None:
    result = bring(server("srv", command="uvx", args=["--from", url, "thing"]))
    assert result.secrets == ()
    assert url in _everything(result)
