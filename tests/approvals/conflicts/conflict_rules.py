"""Conflict rules for tests: written as documents, in force from the start, and worked out against the register."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from approvals.conflicts import leg_members
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import Rule, legs_of
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import ConflictRule
from governance.core.models import Person
from tests.people import NOW
from tests.trigger_bypass import unguarded

Leg = dict[str, Any]


def conflict_in(rule: Rule, helds: Sequence[Held]) -> dict[int, list[Held]] | None:
    """By leg what fills it, if all of it is a conflict."""
    matched = {number: [held for held in helds if leg.matches(held)] for number, leg in legs_of(rule)}
    filled = {number: some for number, some in matched.items() if some}
    is_conflict = rule.is_conflict({number: {held.key for held in some} for number, some in filled.items()})
    return filled if is_conflict else None


def on(*resources: Any, **more: Any) -> Leg:
    """What is held on some resources."""
    return {"resources": [resource.pk for resource in resources], **more}


def document(*legs: Leg, code: str = "read-and-tell", **more: Any) -> dict[str, Any]:
    """A rule of so many legs, each of one selector."""
    fields = {
        "code": code,
        "title": "Read stock and tell of it",
        "process": "Plan to produce",
        "rating": "medium",
        "mode": "record",
        "scope": "automation",
        "reason": "What is read could be told to the wrong people.",
        "legs": [{"name": f"Leg {number}", "any": [leg]} for number, leg in enumerate(legs, 1)],
    }
    if isinstance(needs := more.pop("needs", None), dict):
        fields["needs"] = {"name": "What it needs", "any": [needs]}
    if isinstance(without := more.pop("without", None), dict):
        fields["without"] = {"name": "What has to be there", "any": [without]}
    return fields | more


def unsaved(document: dict[str, Any], now: datetime) -> ConflictRule:
    """Such a rule, in force from ``now`` once it is saved."""
    read = rule_language_rule.parse_rule(document)
    return ConflictRule(
        code=read.code,
        number=1,
        document=read.to_dict(),
        digest=read.digest,
        title=read.title,
        process=read.process,
        rating=read.rating,
        mode=read.mode,
        scope=read.scope,
        ships=True,
        effective_at=now,
    )


def rule(*legs: Leg, now: datetime = NOW, **more: Any) -> ConflictRule:
    """A rule of so many legs, in force."""
    made = unsaved(document(*legs, **more), now)
    made.save()
    leg_members.update_all(now)
    return made


def codes(conflicts: Sequence[Any]) -> list[str]:
    """Codes of the rules of some conflicts."""
    return [conflict.standing.rule.code for conflict in conflicts]


def no_other_rules(now: datetime = NOW) -> None:
    """Give up every rule there is, so that a test has its own alone."""
    first, second = Person.objects.order_by("pk")[:2]
    with unguarded(ConflictRule):
        leg_members.update_rules([_given_up(rule, first, second) for rule in list(ConflictRule.objects.in_force(now))])


def give_up(rule: ConflictRule, first: Person, second: Person) -> None:
    """Nobody asks for a rule any more: its next version says so, as if two had signed that."""
    with unguarded(ConflictRule):
        made = _given_up(rule, first, second)
    leg_members.update_rules([made])


def _given_up(rule: ConflictRule, first: Person, second: Person) -> ConflictRule:
    same = ("code", "document", "digest", "title", "process", "rating", "mode", "scope", "effective_at")
    made = ConflictRule(
        **{name: getattr(rule, name) for name in same},
        number=rule.number + 1,
        is_given_up=True,
        proposed_by=first,
        approved_by=second,
    )
    made.save()
    return made
