"""Whose work some automations are, and who answers for them: they gain where less is asked of these (S7, S8). Reads only.

There may be very many: asked is by set what `parties.standing` says of one.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from django.db.models import F, OuterRef, Q, Subquery

from approvals.models import Party
from approvals.parties import FROM_THE_ONE_IN_FORCE
from inventory.models import Automation, Version
from inventory.models.automation import AutomationQuerySet
from inventory.stakes import WROTE

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
