"""Rules that are not in force, asked as those are that are: with what others hold beside, and with waivers (S6, S8). To count whom they would catch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.conflicts import asked, finding, members, rules, scanning
from approvals.conflicts.finding import Found
from approvals.conflicts.scanning import Conflicts, Members
from approvals.conflicts.standing import Standing
from approvals.models import ConflictRule, Submission
from governance.controls.keyed import among
from inventory.models import Entitlement


def conflicts_of(
    submissions: Sequence[Submission], now: datetime, *rule_sets: Iterable[Mapping[str, Any]]
) -> list[list[list[Found]]]:
    """By each of some sets of rules, were it in force, the conflicts of each of some submissions: a fixed number of queries, however many there are.

    Args:
        submissions: what their versions would hold is asked.
        now: when; what others hold and what is waived is asked of that instant.
        rule_sets: the documents of each.
    """
    sets = [[_standing(number, one) for number, one in enumerate(each, 1)] for each in rule_sets]
    cases = asked.cases_now(submissions, [one for each in sets for one in each])
    return [finding.find_all(cases, now, each, beside=_beside) if each else [[] for _ in cases] for each in sets]


def _standing(number: int, document: Mapping[str, Any]) -> Standing:
    """A rule whose version is no row; it has a key of its own, which no row has."""
    rule = rules.read(document)
    said = {name: getattr(rule, name) for name in ("code", "digest", "title", "process", "rating", "mode", "scope")}
    return Standing(ConflictRule(pk=-number, **said), rule)


def _beside(rules: Sequence[Standing], subjects: Members, now: datetime) -> Conflicts:
    """What others hold of what rules mean that nobody has worked out against the register: of what is held there alone."""
    held = Entitlement.objects.filter(among(scanning.held_beside(rules, subjects, now)))
    return scanning.beside(rules, subjects, now, filled=list(members.rows_of(rules, held)))
