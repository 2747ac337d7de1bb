"""Help pages: every code has a rule in words, the glossary is the one in docs, the explanation on Home is closed for good."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.core.models import ClosedIntroduction
from governance.portal.help import queries
from tests.environment import ROOT
from tests.people import Northwind
from tests.signed_in_client import client_of

_CODE = re.compile(r"[ITAGSROELHXP]\d{1,2}|SOD-\d")
APPS = ("governance", "inventory", "approvals")


def codes() -> Iterator[str]:
    """Yield each rule code that is a string of the code, and the first argument of each refusal."""
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
                yield node.value
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Refusal", "Duty") and node.args:
                (first, *_) = node.args
                if isinstance(first, ast.Constant):
                    yield first.value
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.sql")):
        yield from re.findall(rf"'({_CODE.pattern}): ", path.read_text(encoding="utf-8"))


def test_every_code_of_a_refusal_or_duty_has_a_rule_in_words() -> None:
    expected = {*codes(), "PERMISSION", "DATABASE", "INPUT"}
    assert {"SOD-2", "A6", "STATE"} <= expected
    assert {code for code in expected if queries.find_rule(code) is None} == set()


def test_rules_are_short_sentences_without_codes() -> None:
    rules = [rule for group in queries.rule_groups().values() for rule in group]
    assert len({rule.code for rule in rules}) == len(rules)
    for rule in rules:
        sentences = re.split(r"(?<=[.:]) ", rule.words)
        assert len(sentences) <= 4, rule.code
        assert max(len(sentence.split()) for sentence in sentences) <= 20, rule.code
        assert not _CODE.search(rule.words), rule.code


def test_glossary_shows_every_entry_of_the_document(northwind: Northwind) -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    shown = [term.word for terms in queries.glossary().values() for term in terms]
    assert shown == [word.replace("**", "") for word in re.findall(r"^\| (\*\*.+?) \|", text, re.MULTILINE)]
    page = client_of(northwind.omar).get(reverse("glossary")).content.decode()
    assert "**" not in page
    assert "<dt>auto-approved</dt>" in page
    assert reverse("help_rule", args=["A13"]) in page


def test_unknown_rule_is_not_found(northwind: Northwind) -> None:
    assert client_of(northwind.omar).get(reverse("help_rule", args=["Z9"])).status_code == 404


def test_why_link_is_replaced_by_the_rule_in_words(northwind: Northwind) -> None:
    client, href = client_of(northwind.omar), reverse("help_rule", args=["SOD-1"])
    whole = client.get(href).content.decode()
    assert "<h1>Parties don&#x27;t decide</h1>" in whole
    part = client.get(href, headers={"HX-Request": "true", "HX-Target": "why-SOD-1"}).content.decode()
    assert part.startswith('<span class="why-words"')
    assert "approves nothing in it" in part
    assert "<h1>" not in part


def test_refusal_explains_its_rule_behind_a_link(northwind: Northwind) -> None:
    page = client_of(northwind.omar).get(reverse("ledger")).content.decode()
    assert reverse("help_rule", args=["PERMISSION"]) in page
    assert '<span class="code">' not in page


def test_introduction_is_closed_for_good_and_for_one_person(northwind: Northwind) -> None:
    client = client_of(northwind.omar)
    page = client.get(reverse("home")).content.decode()
    assert 0 < page.index('aria-label="Tasks"') < page.index('id="introduction"'), "tasks come first"
    for _ in range(2):
        assert client.post(reverse("introduction_close")).status_code == 302
    assert 'id="introduction"' not in client.get(reverse("home")).content.decode()
    assert 'id="introduction"' in client_of(northwind.rita).get(reverse("home")).content.decode()
    assert ClosedIntroduction.objects.get().person == northwind.omar


@pytest.mark.parametrize("name", ["help", "help_rules", "glossary"])
def test_help_pages_cost_few_queries(northwind: Northwind, name: str) -> None:
    client = client_of(northwind.omar)
    with CaptureQueriesContext(connection) as made:
        assert client.get(reverse(name)).status_code == 200
    assert len(made) <= 8
