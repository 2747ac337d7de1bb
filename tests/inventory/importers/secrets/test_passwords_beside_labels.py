"""Passwords that people write beside a word for one: in names of everything, in notes and in the path of a webhook (I6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.addresses import path_shown
from inventory.importers.secrets.scrubber import scrub
from tests.inventory.importers.samples import bound, bring, codes, node, server, workflow

#: Something before the password, the password, something after it.
BESIDE = (
    ("token ", "Rosebud7", ""),
    ("ERP token ", "Rosebud7", " (prod)"),
    ("Token ", "Rosebud7", ""),
    ("login ", "hunter2", ""),
    ("secret ", "Rosebud7", ""),
    ("pin ", "Rosebud7", ""),
    ("API key ", "Rosebud7", ""),
    ("key ", "Winter2024", ""),
    ("key ", "Rosebud7", ""),
    ("login ", "Rosebud7", ""),
    ("login ", "Sommer2024!", ""),
    ("Login: ", "Sommer2024!", ""),
    ("credential ", "Rosebud7", ""),
    ("passphrase ", "Rosebud7", ""),
    ("ERP login (", "Rosebud7", ")"),
    ("ERP Login (", "hunter2", ")"),
    ("Login - ", "Rosebud7", ""),
    ("ERP token [", "Rosebud7", "]"),
    ("key/", "Rosebud7", ""),
    ("Login with password ", "swordfish", ""),
    ("Login using pass ", "swordfish", ""),
    ("ERP, password ", "swordfish", ""),
    ("ERP pw ", "swordfish", ""),
    ("ERP (pw ", "swordfish", ")"),
    ('Password "', "Swordfish", '" daily'),
    ("Password is ", "swordfish", ""),
    ("Kennwort ist ", "geheimnis", ""),
    ("Password: ", "swordfish", " (prod)"),
)
#: Names that speak about passwords and have none, and names of services.
SHOWN = (
    "Reset password",
    "check_password_breach",
    "srv-password-gateway",
    "Check password strength",
    "Decrypt password payload",
    "Password agent",
    "Password Is Correct",
    "If password is hashed",
    "Pass 'orders'",
    "Log in with password authentication",
    "Protect PDF with password protection",
    "Wrong password given",
    "Ask for the password again",
    "Enter password here",
    "Password is correct?",
    "Password is wrong",
    "Send password reset email",
    "Password Generator",
    "Pass everything",
    "Hash password argon2",
    "Pass data1",
    "Token Splitter1",
    "Refresh Token Request2",
    "Extract key points1",
    "Get login form2",
    "Key Findings**",
    "Login Office365",
    "docker/login-action@v3",
    "API Key (OpenAI)",
    "API key: Office365 (EU)",
    "Password: check strength",
    "Password: 1Password",
    "Password: LastPass",
    "password: keycloak",
    "Password (1Password)",
    "Password in 1Password",
    "pw: Vaultwarden",
    "Token: Okta",
    "Secret: Doppler",
)
#: User and password in the name of a credential.
PAIRS = (("robot / ", "Rosebud7"), ("robot/", "hunter2"), ("ERP robot / ", "Sommer2024!"), ("robot | ", "Rosebud7"))


def _said(document: Any) -> str:
    result = bring(document)
    return "\n".join([json.dumps(result.manifest.to_dict()), repr(result), str(result.secrets)])


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("before", "password", "after"), BESIDE)
def test_password_beside_label_is_masked(before: str, password: str, after: str) -> None:
    name, shown = before + password + after, f"{before}secret-removed{after}"
    choice = {"__rl": True, "mode": "list", "value": "C1", "cachedResultName": f"#{name}"}
    named = node("slack", name, 2.3, bound("slackApi", "1", name), channelId=choice)
    for document in (workflow(named, name=name), server(name, command="thing")):
        assert password not in _said(document)
        result = bring(document)
        assert result.manifest.privileges[0].at == shown
        assert "embedded_secret" in codes(result.manifest)
    assert bring(workflow(named, name=name)).manifest.name == shown


@pytest.mark.rule("I6")
@pytest.mark.parametrize("name", SHOWN)
def test_a_name_about_passwords_and_the_name_of_a_service_stay(name: str) -> None:
    document = workflow(node("slack", name, 2.3, bound("slackApi", "1", name), channelId="#a"), name=name)
    assert scrub(document).document == document
    assert bring(document).secrets == ()
    assert bring(server(name, command="thing")).manifest.privileges[0].at == name


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("user", "password"), PAIRS)
def test_a_password_after_its_user_is_masked_in_the_name_of_a_credential(user: str, password: str) -> None:
    new = node("slack", "Post", 2.3, bound("slackApi", "1", user + password), channelId="#a")
    old = node("slack", "Post", 1, {"slackApi": user + password}, channel="#a")
    for document in (workflow(new), workflow(old)):
        manifest = bring(document).manifest
        assert [each.name for each in manifest.credentials if each.where == "node"] == [f"{user}secret-removed"]
        assert password not in _said(document)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("name", ["Create / Summarize2", "orders/acme2", "Slack / Teams2"])
def test_two_words_with_a_slash_are_no_password_in_the_name_of_a_node(name: str) -> None:
    document = workflow(node("slack", name, 2.3, bound("slackApi"), channelId="#a"))
    assert scrub(document).document == document


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("password/swordfish", "password/{opaque}"),
        ("pw/swordfish/orders", "pw/{opaque}/orders"),
        ("orders?pw=swordfish", "orders"),
        ("Rosebud7-orders", "{opaque}-orders"),
        ("orders_Rosebud7.eu", "orders_{opaque}.eu"),
        ("in/orders-Sommer2024!", "in/orders-{opaque}"),
        ("orders-v2-json2csv", "orders-v2-json2csv"),
        ("shopify-orders2-paid", "shopify-orders2-paid"),
        ("lead-step2", "lead-step2"),
        ("job-step1of2", "job-step1of2"),
    ],
)
def test_a_password_within_a_part_of_the_path_of_a_webhook_is_masked(path: str, shown: str) -> None:
    assert path_shown(path, is_entry=True) == shown
    hook = node("webhook", "secret webhook", 2, path=path)
    called = node("httpRequest", "Call", 4.2, url=f"https://n8n.example/webhook/{path}")
    text = _said(workflow(hook, called))
    for password in ("swordfish", "Rosebud7", "Sommer2024"):
        assert password not in text
    assert f"/webhook/{shown}" in text


@pytest.mark.rule("I6")
def test_a_short_name_for_a_password_in_the_query_of_an_address_tells() -> None:
    result = bring(workflow(node("httpRequest", "Call", 4.2, url="https://a.example/hook?pw=swordfish&page=1")))
    assert "embedded_secret" in codes(result.manifest)
    assert "swordfish" not in repr(result)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("note", ["token: Rosebud7", "password swordfish", "robot / Rosebud7", "Rosebud7"])
def test_note_text_is_never_shown(note: str) -> None:
    post = node("slack", "Post", 2.3, bound("slackApi"), channelId="#a") | {"notes": note, "notesInFlow": True}
    text = _said(workflow(node("stickyNote", "N", 1, content=f"## Setup\n{note}\nThen run it."), post))
    assert "Rosebud7" not in text
    assert "swordfish" not in text


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "note",
    [
        "Pass the token count to gpt-4o-mini and keep the key order123.",
        "Login with your Office365 account, step1 first.",
        "Add a password (at least 8 characters!) and a token.",
        "Password: 1Password. Token: see the vault.",
    ],
)
def test_a_note_about_passwords_has_none(note: str) -> None:
    assert scrub(workflow(node("stickyNote", "N", 1, content=note))).found == ()


@pytest.mark.rule("I6")
@pytest.mark.parametrize("is_first", [True, False])
def test_a_pair_that_names_a_credential_and_a_node_is_masked_in_both(is_first: bool) -> None:
    name = "robot / Rosebud7"
    nodes = [node("slack", "Post", 2.3, bound("slackApi", "1", name)), node("noOp", name, 1)]
    text = _said(workflow(*(nodes if is_first else reversed(nodes))))
    assert "Rosebud7" not in text
