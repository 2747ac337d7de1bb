"""Privileges in sentences that a person would say."""

from __future__ import annotations

import pytest

from inventory.importers import sentences

SENTENCES = [
    ("slack", "message:post", "#finance", "", "Slack", "Post messages to #finance in Slack"),
    ("slack", "message:post", "C07X", "stock", "Slack", "Post messages to stock in Slack"),
    ("slack", "message:post", "", "", "Slack", "Post messages in Slack"),
    ("postgres", "database:executeQuery/read", "a.b, a.c", "", "ERP", "Read a.b and a.c in ERP"),
    ("postgres", "database:executeQuery", "{model}", "", "ERP", "Run any SQL in ERP (chosen by a model)"),
    (
        *("postgres", "database:executeQuery", "{expression}", "", "postgres (not known which)"),
        "Run any SQL in postgres (not known which, chosen at run time)",
    ),
    ("pipedrive", "person:search", "", "", "CRM", "Search for people in CRM"),
    ("postgres", "database:insert", "scm.rows", "", "ERP", "Add rows to scm.rows in ERP"),
    ("gmail", "message:send", "{expression}", "", "Mail", "Send mail to recipients chosen at run time from Mail"),
    ("httpRequest", "request:get", "/v2/{expression}/x", "", "Shop", "Read /v2/…/x from Shop"),
    ("lmChatOpenAi", "model:call", "gpt-4.1", "", "Gateway", "Send prompts to gpt-4.1 through Gateway"),
    ("mcp", "create_issue", "", "", "GitHub", "Create issues through GitHub"),
    ("mcp", "delete_repository", "", "", "GitHub", "Delete repositories through GitHub"),
    ("mcp", "*", "", "", "GitHub", "Use every tool of GitHub"),
    ("mcp", "issues:*", "", "", "GitHub", "Do anything with issues through GitHub"),
    ("mcp", "frobnicate", "", "", "GitHub", "Use the tool frobnicate through GitHub"),
    ("hubspot", "contact:getAll", "", "", "CRM", "Read contacts in CRM"),
    ("hubspot", "userGroup:update", "42", "Sales", "CRM", "Update user groups of Sales in CRM"),
]


@pytest.mark.parametrize(
    ("instance", "label"),
    [("n8n 3617a2b4c5d6a60c", "n8n"), ("n8n 3617…a60c0", "n8n"), ("Power Automate", "Power Automate"), ("mcp", "MCP")],
)
def test_a_platform_is_called_by_its_name_and_not_by_an_id(instance: str, label: str) -> None:
    assert sentences.platform_label(instance) == label


@pytest.mark.rule("I4")
@pytest.mark.parametrize(("connector", "code", "target", "label", "resource", "sentence"), SENTENCES)
def test_an_entitlement_with_its_target_is_a_sentence(
    connector: str, code: str, target: str, label: str, resource: str, sentence: str
) -> None:
    phrase = sentences.phrase_of(connector, code)
    assert sentences.sentence_for(phrase.words, phrase.form, resource, target, label) == sentence


def test_words_of_a_persons_own_are_kept_as_they_are() -> None:
    assert sentences.sentence_for("Pay suppliers", "", "Bank", "EUR 500") == "Pay suppliers: EUR 500, in Bank"


@pytest.mark.rule("I4", "A7")
@pytest.mark.parametrize(
    ("connector", "target", "scope", "expected"),
    [
        ("postgres", "a.b, a.c", "", ("tables", ["a.b", "a.c"])),
        ("slack", "#one", "", ("set", ["#one"])),
        ("ftp", "/out/x.csv", "", ("path", ["/out/x.csv"])),
        ("slack", "{expression}", "", ("none", [])),
        ("ftp", "/out/{expression}.csv", "", ("none", [])),
        ("kubernetes", "", "namespace x", ("text", ["namespace x"])),
        ("slack", "", "", ("none", [])),
    ],
)
def test_narrowable_scope_is_named_by_source(
    connector: str, target: str, scope: str, expected: tuple[str, list[str]]
) -> None:
    assert sentences.scope_of(connector, target, scope) == expected


@pytest.mark.rule("T1")
def test_data_carrying_actions_are_outbound() -> None:
    assert sentences.is_outbound("slack", "write")
    assert not sentences.is_outbound("slack", "read")
    assert sentences.is_outbound("httpRequest", "read")
    assert not sentences.is_outbound("postgres", "write")
