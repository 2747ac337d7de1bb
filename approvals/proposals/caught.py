"""Who is caught by conflict rules as they are, and so gains where one is loosened or given up (S6, S8). Reads only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import F, Func, Q

from approvals.conflicts import standing
from approvals.conflicts.foreseen import caught_by_any_version
from approvals.models import Conflict, ConflictRule, ConflictState
from approvals.models.conflict import Scope
from approvals.proposals import gaining
from inventory.models import Automation


def who_is(codes: Collection[str], now: datetime) -> frozenset[int]:
    """Ids of whoever answers for, or is a party of, an automation that has a part in an open conflict of some rules, and of whom those look at;
    and of one that would have by any version, also where that was refused, waits, or was never submitted.

    A waived conflict is open too: its waiver ends.

    Args:
        codes: of the rules.
        now: business time.
    """
    if not codes:
        return frozenset()
    found = Conflict.objects.filter(code__in=codes, state=ConflictState.OPEN).order_by()
    caught = found.annotate(one=Func(F("automations"), function="unnest")).values("one")
    looked_at = found.filter(scope=Scope.OWNER).values_list("subject", flat=True)
    rules = [standing.of(one) for one in ConflictRule.objects.in_force(now).filter(code__in=codes)]
    asking = caught_by_any_version(rules, now)
    either = Automation.objects.filter(Q(pk__in=caught) | Q(pk__in=asking))
    return gaining.people_of(either) | frozenset(looked_at)
