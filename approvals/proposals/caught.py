"""Who is caught by conflict rules as they are, and so gains where one is loosened or given up (S6, S8). Reads only."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F, Func

from approvals.models import Conflict, ConflictState, Party
from approvals.models.conflict import Scope
from approvals.parties import FROM_THE_ONE_IN_FORCE
from inventory.models import Automation

OWNERS = ("business_owner", "technical_owner", "interim__person")


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
    owners = Automation.objects.filter(pk__in=caught).values_list(*OWNERS)
    parties = Party.objects.filter(FROM_THE_ONE_IN_FORCE, submission__automation__in=caught).order_by()
    people = {pk for each in owners for pk in each if pk is not None}
    people.update(parties.values_list("person", flat=True).distinct())
    people.update(found.filter(scope=Scope.OWNER).values_list("subject", flat=True))
    return frozenset(people)
