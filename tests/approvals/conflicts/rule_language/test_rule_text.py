"""The text of a rule: what makes a short text endless is refused, and every document is read again from its text (S6)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from approvals.conflicts.rule_language.rule import parse_rule, parse_text
from approvals.policies import yaml_document
from approvals.policies.yaml_document import LARGEST_BYTES, InvalidDocument
from tests.approvals.conflicts import rule_strategies

pytestmark = pytest.mark.rule("S6")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "line 1: Anchors and aliases (& and *) are not read"),
        ("legs:\n  - {code: a, code: b}", "line 2: code stands here twice"),
        ("[" * 5000, "line 1: It is too deep or has too many parts"),
        ("a: " + "x" * LARGEST_BYTES, "line 1: It is larger than 64 KB"),
        ("a: 2024-99-99", "line 1: This can't be read"),
        ("\0", "line 1: This can't be read"),
        ("code: [", "line 1: This is no YAML"),
        ("a: !!python/object/apply:os.system [echo]", "line 1: Tags (!) are not read"),
        ("? [a]\n: b", "line 1: This is no YAML"),
    ],
)
def test_invalid_rule_text_is_refused_with_position(text: str, message: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_text(text)
    assert message in str(refused.value)


@given(st.text() | st.text("abc:-[]{}&*!?|>#%@`\"'\n\t ,<0.\u2028"))
@example("<<: [1]")
@example("=: =")
@example("? {a: 1}\n: 2")
@example("- " * 40)
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        yaml_document.parse(text)
    except InvalidDocument as refused:
        (problem,) = refused.problems
        assert problem.line
        assert problem.to_do


@given(rule_strategies.documents())
def test_a_rule_is_read_again_from_its_text(document: dict[str, Any]) -> None:
    rule = parse_rule(document)
    assert parse_text(json.dumps(rule.to_dict(), ensure_ascii=False)) == rule
    assert parse_text(yaml.safe_dump(rule.to_dict(), allow_unicode=True, sort_keys=False)) == rule
