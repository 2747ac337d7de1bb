"""What was reviewed lately is not opened again because something happened: events don't nag (R1). Reads only.

An incident opens it all the same, and so does a conflict that would else take it away before anybody was asked.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from approvals import policies
from approvals.models import Conflict, Grant
from governance.controls.keyed import among
from governance.recertification.models import Item, ItemOutcome
from inventory.models import Automation

#: Days that are left for answering where a conflict suspends what nobody has resolved.
TO_ANSWER = 7


def grant_until(grant: Grant, days: int) -> datetime | None:
    """Until when a grant that a review renewed stays quiet for so many days, as policy says; None for one that no review made."""
    return None if grant.predecessor_id is None else grant.begins_at + timedelta(days=days)


def automations_until(automations: Collection[int], days: int) -> dict[int, datetime]:
    """Until when automations stay quiet that a review kept, by id, as far as any did; one query. ``days`` as `grant_until` takes them."""
    kept = Item.objects.filter(among(automations, "automation"), outcome=ItemOutcome.KEPT).order_by("closed_at")
    rows = kept.values_list("automation", "closed_at")
    return {pk: at + timedelta(days=days) for pk, at in rows if pk is not None and at is not None}


def until(automation: Automation, days: int) -> datetime | None:
    """The same of one automation."""
    return automations_until([automation.pk], days).get(automation.pk)


def may_wait(conflict: Conflict, grant: Grant, now: datetime) -> bool:
    """Whether a conflict is asked about later: what it is about was reviewed lately, and it is not to be resolved before that is over."""
    if grant.predecessor_id is None or conflict.due_at is None:
        return False
    quiet = grant_until(grant, policies.in_force(now).quiet_days)
    if quiet is None or quiet <= now:
        return False
    return quiet + timedelta(days=TO_ANSWER) <= conflict.due_at
