"""Who is caught by conflict rules as they are, and so gains where one is loosened or given up (S6, S8). Reads only.

Whose work some automations are, and who answers for them: they gain where less is asked of these (S7, S8). Reads only.

There may be very many: asked is by set what `parties.queries.standing` says of one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import F, Func, OuterRef, Q, Subquery

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.dry_run import caught_by_any_version
from approvals.models import Conflict, ConflictRule, ConflictState, Party
from approvals.models.conflict import Scope
from approvals.parties.queries import FROM_THE_ONE_IN_FORCE
from inventory.models import Automation, Version
from inventory.models.automation import AutomationQuerySet
from inventory.ownership.parties import WROTE


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
    rules = [conflict_queries.of(one) for one in ConflictRule.objects.in_force(now).filter(code__in=codes)]
    asking = caught_by_any_version(rules, now)
    either = Automation.objects.filter(Q(pk__in=caught) | Q(pk__in=asking))
    return people_of(either) | frozenset(looked_at)


OWNERS = ("business_owner", "technical_owner", "interim__person")


def people_of(automations: AutomationQuerySet) -> frozenset[int]:
    """Ids of the owners, of whoever answers meanwhile, of the parties from what is in force on, of whoever brought a version in, and of
    whoever edited what came after the approved one, by whomever that was brought in: four queries.
    """
    found = Automation.objects.filter(pk__in=automations.order_by().values("pk"))
    people = {pk for each in found.order_by().values_list(*OWNERS) for pk in each if pk is not None}
    parties = Party.objects.filter(FROM_THE_ONE_IN_FORCE, submission__automation__in=found.values("pk"))
    people.update(parties.order_by().values_list("person", flat=True).distinct())
    brought = Version.objects.filter(automation__in=found.values("pk"), imported_by__isnull=False)
    people.update(pk for pk in brought.order_by().values_list("imported_by", flat=True).distinct() if pk is not None)
    return frozenset(people | _editors(found))


def _editors(automations: AutomationQuerySet) -> set[int]:
    """Ids of whoever wrote since the approved version was made, which a version that is submitted next decides about (S1)."""
    approved = Automation.objects.filter(pk=OuterRef("id")).order_by().values("approved_version__created_at")[:1]
    wrote = reduce(or_, (Q(history_change_reason__startswith=one) for one in WROTE))
    rows = Automation.history.filter(wrote, id__in=automations.values("pk"), history_user__isnull=False)
    since = rows.annotate(approved_at=Subquery(approved)).filter(
        Q(approved_at__isnull=True) | Q(history_date__gt=F("approved_at"))
    )
    return set(since.order_by().values_list("history_user", flat=True).distinct())
