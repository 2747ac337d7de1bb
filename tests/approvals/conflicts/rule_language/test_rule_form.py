"""A rule comes back from its form as it was, whatever its parts (S6)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from hypothesis import given

from approvals.conflicts.default_rules import default_rules
from approvals.conflicts.rule_language import form
from approvals.conflicts.rule_language.rule import InvalidDocument, Rule, parse_rule, parse_text, write_text
from approvals.conflicts.views import rule_form
from tests.approvals.conflicts import rule_strategies

pytestmark = pytest.mark.rule("S6")


class Fields(HTMLParser):
    """What a browser sends of a form: filled inputs, ticked boxes and chosen options."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one control."""
        values = dict(attrs)
        if tag == "select":
            self._select = values["name"] or ""
        self._area = values["name"] or "" if tag == "textarea" else ""
        is_chosen = "checked" in values if values.get("type") == "checkbox" else tag == "input" or "selected" in values
        if tag in ("input", "option") and is_chosen:
            name = values.get("name") or self._select
            self.sent.setdefault(name, []).append(values.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        """End an area."""
        self._area = ""

    def handle_data(self, data: str) -> None:
        """Note the text of an area."""
        if self._area:
            self.sent[self._area] = [data.removeprefix("\n")]


def sent(rule: Rule) -> dict[str, list[str]]:
    """Return what the form of a rule sends unchanged."""
    document = rule.to_dict()
    sections = rule_form.sections(document, {}, {})
    context = {"request": RequestFactory().get("/")}
    reader = Fields()
    for section in sections:
        reader.feed(render_to_string("approvals/conflicts/rule_section.html", {**context, "section": section}))
    top = {field: [document[name]] for name, field in form.TOP_FIELDS.items() if name in document}
    return {**reader.sent, **top}


@pytest.mark.parametrize("rule", default_rules(), ids=lambda rule: rule.code)
def test_shipped_rule_comes_back_from_form_and_text_as_it_was(rule: Rule) -> None:
    from_form = parse_rule(form.document_of(sent(rule)))
    assert from_form == rule
    assert parse_text(write_text(from_form.to_dict())) == rule


@given(document=rule_strategies.documents())
def test_any_rule_comes_back_from_form(document: dict[str, Any]) -> None:
    rule = parse_rule(document)
    assert parse_rule(form.document_of(sent(rule))) == rule


def test_buttons_add_and_remove_parts() -> None:
    rule = default_rules()[0]
    fields: Any = sent(rule)
    added = form.document_of(form.edited(fields, f"add legs {len(rule.legs) + 1}, any 1, outbound"))
    assert added["legs"] == [*rule.to_dict()["legs"], {"name": "", "any": [{}]}]
    fewer = form.document_of(form.edited(fields, "remove legs 1"))
    assert fewer["legs"] == rule.to_dict()["legs"][1:]
    assert form.document_of(form.edited(fields, "look")) == rule.to_dict()


def test_unknown_fields_and_junk_are_left_out() -> None:
    document = form.document_of(
        {"legs 1, any 1, colour": ["red"], "legs x, name": ["x"], "legs 2, any 1, opaque": ["maybe"]}
    )
    assert document == {"legs": [{"name": "", "any": [{}]}]}


def test_error_of_text_names_its_line() -> None:
    text = write_text(default_rules()[0].to_dict()).replace("legs:", "legs:\n- {name: A, any: [{levels: [some]}]}", 1)
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "levels: [some]" in row)
    with pytest.raises(InvalidDocument) as caught:
        parse_text(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.where) == (line, "legs 1, any 1, levels")
