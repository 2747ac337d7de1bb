"""Looking for conflicts in everything that is held, and in one thing more: ratios to the plain self-join of the same run.

Two hundred rules of two legs, each of a few entitlements of the estate, beside those that ship; something is found by each.
"""

from __future__ import annotations

import glob
import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.db.models import Count

from approvals.conflicts import held_access, leg_members
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import scan as conflict_scan
from approvals.conflicts.check.find_conflicts import Case, find_all_conflicts
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.models import ConflictRule, Grant
from governance.core.clock import current_time
from inventory.models import Automation, Entitlement

RULES, ENTITLEMENTS, ROUNDS, ASKED = 200, 4, 3, 200

#: Who holds something of both legs: what there is to find, and no more.
SELF_JOIN = """
    SELECT count(*) FROM (
        SELECT DISTINCT one.rule_id, a.automation_id
        FROM approvals_conflictmember one
        JOIN approvals_grant a ON a.entitlement_id = one.entitlement_id AND a.state <> 'ended'
        JOIN approvals_conflictmember two ON two.rule_id = one.rule_id AND two.leg = 2
        JOIN approvals_grant b ON b.entitlement_id = two.entitlement_id AND b.automation_id = a.automation_id AND b.state <> 'ended'
        WHERE one.leg = 1
    ) found
"""


def prepare() -> None:
    """Put the rules in force and work out what fills their legs: each leg names something that one automation holds beside the other, and more."""
    now, draw = current_time.now(), random.Random(6)
    on = list(Entitlement.objects.order_by("pk").values_list("resource", "code"))
    live = Grant.objects.live(now).filter(entitlement__isnull=False).order_by()
    several = live.values("automation").annotate(number=Count("entitlement", distinct=True)).filter(number__gte=2)
    holders = draw.choices(sorted(several.values_list("automation", flat=True)), k=RULES)

    def legs(automation: int) -> list[dict[str, Any]]:
        held = live.filter(automation=automation).values_list("entitlement__resource", "entitlement__code")
        first, second = draw.sample(sorted(set(held)), 2)
        return [
            _leg("One", [first, *draw.sample(on, ENTITLEMENTS - 1)]),
            _leg("Two", [second, *draw.sample(on, ENTITLEMENTS - 1)]),
        ]

    made = []
    for number, automation in enumerate(holders):
        rule = rule_language_rule.parse_rule(
            {
                "code": f"bench-{number}",
                "title": f"Rule {number}",
                "process": "Bench",
                "rating": "medium",
                "mode": "record",
                "scope": "automation",
                "reason": "It is measured.",
                "legs": legs(automation),
            }
        )
        fields = {
            name: getattr(rule, name) for name in ("code", "digest", "title", "process", "rating", "mode", "scope")
        }
        made.append(ConflictRule(number=1, ships=True, document=rule.to_dict(), effective_at=now, **fields))
    ConflictRule.objects.bulk_create(made)
    leg_members.update_all(now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE approvals_conflictmember")


def _leg(name: str, chosen: Iterable[tuple[int, str]]) -> dict[str, Any]:
    return {
        "name": name,
        "any": [{"resources": [pk], "codes": [glob.escape(code)]} for pk, code in chosen],
    }


def scan() -> tuple[float, int]:
    """Seconds of a scan as a multiple of the self-join's; how many conflicts it found."""
    now = current_time.now()
    rules = [rule for rule in conflict_queries.in_force(now) if rule.rule.code.startswith("bench-")]
    conflict_count = 0

    def plain() -> None:
        with connection.cursor() as cursor:
            cursor.execute(SELF_JOIN)
            cursor.fetchall()

    def whole() -> None:
        nonlocal conflict_count
        conflict_count = len(conflict_scan.scan(rules, now))

    durations: dict[Callable[[], None], list[float]] = {plain: [], whole: []}
    for _ in range(ROUNDS):
        for action, each in durations.items():
            each.append(_seconds(action))
    if not conflict_count:
        raise SystemExit("No conflict was found: nothing was measured.")
    return statistics.median(durations[whole]) / statistics.median(durations[plain]), conflict_count


def _seconds(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def one_more() -> float:
    """Milliseconds a proposed grant, if every rule is asked about one grant of each of `ASKED` automations together."""
    now = current_time.now()
    rules = conflict_queries.in_force(now)
    automations = Automation.objects.filter(grants__entitlement__isnull=False).distinct().order_by("pk")[:ASKED]
    cases = []
    for automation in automations:
        held = (
            automation.grants.filter(entitlement__isnull=False)
            .exclude(state="ended")
            .select_related("entitlement__resource")
        )
        things = [
            held_access.held_by_entitlement(grant.entitlement, f"{automation.pk}/{grant.key}")
            for grant in held
            if grant.entitlement
        ]
        cases.append(Case(automation.pk, things, {"owner": [automation.business_owner_id]}))
    began = time.perf_counter()
    find_all_conflicts(cases, now, rules)
    return (time.perf_counter() - began) / len(cases) * 1000
