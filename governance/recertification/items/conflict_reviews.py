"""Reviews of conflicts in grants that are older than the enforcement of the rule, once each (S6, R1). Reads only.

The item is about the newest grant of the conflict, which ends if nobody acts. Owners of the other grants get the
notice of the conflict itself. The sweeps open and close the reviews.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q

from approvals.models import Conflict, ConflictState, Grant, GrantState
from governance.core.database.key_filters import among
from governance.recertification.models import WAITING, Item

#: Reason of such an item or of a join: a key of `item_title.REASON_WORDS`.
IN_CONFLICT = "new conflict"
#: Snapshot key for the ids of the conflicts that an item asks about.
CONFLICTS_KEY = "conflicts"


def _enforced() -> Q:
    return Q(state=ConflictState.OPEN, due_at__isnull=False)


def unreviewed_conflicts() -> Iterator[tuple[Conflict, Grant]]:
    """Open conflicts of enforced rules without a review, each with the grant to review.

    Two queries, and one for each conflict.
    """
    open_conflicts = enforced_conflicts()
    automation_ids = {pk for conflict in open_conflicts for pk in conflict.automations}
    rows = (
        Item.objects.filter(among(automation_ids, "grant__automation"), **{f"snapshot__{CONFLICTS_KEY}__isnull": False})
        if automation_ids
        else ()
    )
    asked_ids = {pk for item in rows for pk in item.snapshot[CONFLICTS_KEY]}
    for conflict in open_conflicts:
        if conflict.pk not in asked_ids:
            counted = Grant.objects.standing().filter(pk__in=conflict.grants, in_conflict=False)
            newest = counted.select_related("automation").newest_first().first()
            if newest is not None and newest.state == GrantState.ACTIVE:
                yield conflict, newest


def enforced_conflicts() -> list[Conflict]:
    """Open conflicts of enforced rules, oldest first."""
    return list(Conflict.objects.filter(_enforced()).order_by("pk"))


def conflicts_of_grant(grant: Grant) -> list[Conflict]:
    """Open conflicts of enforced rules that include a grant."""
    return list(Conflict.objects.filter(_enforced(), grants__contains=[grant.pk]).order_by("pk"))


def resolve_by(conflicts: list[Conflict], now: datetime) -> datetime | None:
    """The earliest future date by which one of these conflicts must be resolved, or None."""
    return min(
        (conflict.due_at for conflict in conflicts if conflict.due_at is not None and conflict.due_at > now),
        default=None,
    )


def is_resolved(item: Item) -> bool:
    """Whether an open item is only about conflicts and none of them is open and enforced any more."""
    if item.state not in WAITING or item.reason != IN_CONFLICT:
        return False
    if set(item.snapshot.get("joined", ())) - {IN_CONFLICT}:
        return False
    return not Conflict.objects.filter(_enforced(), pk__in=item.snapshot.get(CONFLICTS_KEY, ())).exists()


def resolved_items() -> list[int]:
    """Ids of the items for which `is_resolved` holds."""
    rows = Item.objects.filter(state__in=WAITING, reason=IN_CONFLICT).order_by("pk")
    return [item.pk for item in rows if is_resolved(item)]
