"""Secrets in names, paths and addresses: only the secret is masked, and what only looks like one stays (I6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from inventory.importers import ReadResult, read
from inventory.importers.addresses import path_shown
from inventory.importers.reading import file_shown
from inventory.importers.secrets import scrub
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
def test_only_the_secret_in_a_name_is_masked_and_wires_follow(name: str, shown: str) -> None:
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
def test_nodes_whose_names_hold_two_secrets_stay_two_nodes_of_one_source() -> None:
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
    ],
)
def test_a_secret_in_the_name_of_a_file_is_masked(name: str, shown: str) -> None:
    assert file_shown(name) == shown
    document = server("srv", command="thing")
    (result,) = read(name, json.dumps(document).encode())
    assert result.manifest.source.files == (shown,)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("password", ["correcthorse", "hunter2", "Summer2024!", "swordfish"])
@pytest.mark.parametrize("holder", ["token", "key", "api-key", "secret", "password", "access_token", "pass"])
def test_a_part_of_a_path_after_a_word_for_a_secret_is_not_shown(holder: str, password: str) -> None:
    assert path_shown(f"/{holder}/{password}/send") == f"/{holder}/{{opaque}}/send"
    for document in (
        workflow(node("webhook", "Hook", 2, path=f"{holder}/{password}/send")),
        workflow(node("formTrigger", "Form", 2.2, path=f"{holder}/{password}")),
        _call(f"https://a.example/{holder}/{password}/send"),
    ):
        assert password not in _everything(bring(document))


@pytest.mark.parametrize(
    "path",
    ["/token/refresh", "/oauth/token/revoke", "/password/reset-v2", "/v1/tokens/me", "/keys/45", "/secret/list-all"],
)
def test_a_part_of_a_path_about_secrets_is_shown(path: str) -> None:
    assert path_shown(path) == path


@pytest.mark.rule("I6")
@pytest.mark.parametrize("value", ["hunter2", "Summer2024!", "8f14e45f", "correcthorse"])
def test_no_digest_of_a_password_stands_for_a_part_of_a_path(value: str) -> None:
    shown = path_shown(f"/token/{value}")
    assert shown == "/token/{opaque}"
    said = _everything(bring(_call(f"https://a.example/token/{value}")))
    assert hashlib.sha256(value.encode()).hexdigest()[:8] not in said


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://hooks.slack.com/services/T1/B2/hunter2", "hunter2"),
        ("https://discord.com/api/webhooks/12345/hunter2", "hunter2"),
        ("https://hooks.zapier.com/hooks/catch/1/ab12/", "ab12"),
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
