"""The index of rules answers as every rule asked of every thing does (S6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.conflicts.check.rule_index import Index
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import legs_of
from approvals.conflicts.rule_language.selectors import Held
from tests.approvals.conflicts import rule_strategies

pytestmark = pytest.mark.rule("S6")


@given(st.lists(rule_strategies.documents(), max_size=4), st.lists(rule_strategies.HELD, max_size=6))
def test_index_agrees_with_asking_every_rule(documents: list[dict[str, Any]], things: list[Held]) -> None:
    rules = [rule_language_rule.parse_rule(document) for document in documents]
    matches = {
        place: {
            number: tuple(thing for thing in things if leg.matches(thing))
            for number, leg in legs_of(rule)
            if any(map(leg.matches, things))
        }
        for place, rule in enumerate(rules)
    }
    assert Index(rules).fill(things) == {place: legs for place, legs in matches.items() if legs}
