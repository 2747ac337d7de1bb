"""Whose work some automations are, and who answers for them: they gain where less is asked of these (S7, S8). Reads only.

There may be very many. What `parties.standing` says of one is more exact: who edited a draft that somebody else brought in is not found here.
"""

from __future__ import annotations

from approvals.models import Party
from approvals.parties import FROM_THE_ONE_IN_FORCE
from inventory.models import Automation, Version
from inventory.models.automation import AutomationQuerySet

OWNERS = ("business_owner", "technical_owner", "interim__person")


def people_of(automations: AutomationQuerySet) -> frozenset[int]:
    """Ids of the owners, of whoever answers meanwhile, of the parties from what is in force on, and of whoever brought a version in: three queries."""
    found = Automation.objects.filter(pk__in=automations.order_by().values("pk"))
    people = {pk for each in found.order_by().values_list(*OWNERS) for pk in each if pk is not None}
    parties = Party.objects.filter(FROM_THE_ONE_IN_FORCE, submission__automation__in=found.values("pk"))
    people.update(parties.order_by().values_list("person", flat=True).distinct())
    brought = Version.objects.filter(automation__in=found.values("pk"), imported_by__isnull=False)
    people.update(pk for pk in brought.order_by().values_list("imported_by", flat=True).distinct() if pk is not None)
    return frozenset(people)
