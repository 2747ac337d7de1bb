"""Who is caught by conflict rules as they are, and so gains where one is loosened or given up (S6, S8). Reads only."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F, Func

from approvals.models import Conflict, ConflictState
from approvals.models.conflict import Scope
from approvals.proposals import gaining
from inventory.models import Automation


def who_is(codes: Collection[str]) -> frozenset[int]:
    """Ids of whoever answers for, or is a party of, an automation that has a part in an open conflict of some rules, and of whom those look at.

    A waived conflict is open too: its waiver ends.

    Args:
        codes: of the rules.
    """
    if not codes:
        return frozenset()
    found = Conflict.objects.filter(code__in=codes, state=ConflictState.OPEN).order_by()
    caught = found.annotate(one=Func(F("automations"), function="unnest")).values("one")
    looked_at = found.filter(scope=Scope.OWNER).values_list("subject", flat=True)
    return gaining.people_of(Automation.objects.filter(pk__in=caught)) | frozenset(looked_at)
