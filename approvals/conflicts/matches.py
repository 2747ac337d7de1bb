"""The subjects whose held access a rule matches now, also if the rule is not in force (S6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from approvals.conflicts import leg_members, rows, scan
from approvals.conflicts.queries import StoredRule, build_version
from approvals.conflicts.rule_language.rule import WITHOUT, Rule, legs_of
from approvals.models import Grant
from governance.core.access import Actor
from inventory.models import Entitlement


@dataclass(frozen=True)
class Match:
    """One subject that holds what the rule forbids.

    Args:
        scope, subject: the kind and id of the subject.
        legs: each leg by name, with its access in words.
    """

    scope: str
    subject: int
    legs: Sequence[tuple[str, list[str]]]


def find_matches(rule: Rule, actor: Actor, now: datetime, most: int) -> tuple[int, list[Match]]:
    """Return the number of subjects, and the first of them with their access as the reader may see it."""
    stored = StoredRule(build_version(rule, pk=-1), rule)  # no row has a negative key
    held = Entitlement.objects.filter(pk__in=Grant.objects.standing().values("entitlement")).select_related("resource")
    conflicts = scan.scan([stored], now, leg_members.compute_members([stored], held.iterator(leg_members.CHUNK)))
    shown = dict(islice(conflicts.items(), most))
    names = rows.names_of([part for parts in shown.values() for part in parts], actor, now)
    legs = [(number, leg.name) for number, leg in legs_of(rule) if number != WITHOUT]
    return len(conflicts), [
        Match(rule.scope, subject, [(name, _words(number, parts, names)) for number, name in legs])
        for (_, subject), parts in shown.items()
    ]


def _words(leg: int, parts: Sequence[scan.Part], names: dict[str, str]) -> list[str]:
    words = dict.fromkeys(names.get(part.covered_as, rows.UNSEEN) for part in parts if part.leg == leg)
    return list(words)
