"""What was held before its rule was enforced is reviewed, once: who needs it and who answers for what it is on are asked (S6, R1).

Asked is about the newest of it, which is what goes where nobody acts; whoever answers for the rest hears of the conflict itself. Reads only:
what opens and closes the review stands with the sweeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q

from approvals.models import Conflict, ConflictState, Grant, GrantState
from governance.core.database.key_filters import among
from governance.recertification.items import cancelled_items
from governance.recertification.models import Item, ItemState

#: Why such an item opens, or what joins one that is open: a key of `wording.BECAUSE`.
IN_CONFLICT = "new conflict"
#: Under what an item keeps the ids of the conflicts that it was asked about.
ABOUT = "conflicts"


def _enforced() -> Q:
    return Q(state=ConflictState.OPEN, due_at__isnull=False)


def unasked() -> Iterator[tuple[Conflict, Grant]]:
    """Open conflicts of enforced rules that no review was asked about, each with the grant that is asked about; two queries and one for each."""
    open_now = enforced()
    about = {pk for one in open_now for pk in one.automations}
    items = Item.objects.exclude(cancelled_items.NEVER_ASKED)
    rows = items.filter(among(about, "grant__automation"), **{f"snapshot__{ABOUT}__isnull": False}) if about else ()
    asked = {pk for item in rows for pk in item.snapshot[ABOUT]}
    for one in open_now:
        if one.pk not in asked:
            counted = Grant.objects.standing().filter(pk__in=one.grants, in_conflict=False)
            newest = counted.select_related("automation").newest_first().first()
            if newest is not None and newest.state == GrantState.ACTIVE:
                yield one, newest


def enforced() -> list[Conflict]:
    """The open conflicts of enforced rules, the first first."""
    return list(Conflict.objects.filter(_enforced()).order_by("pk"))


def of(grant: Grant) -> list[Conflict]:
    """The open conflicts of enforced rules in which a grant has a part."""
    return list(Conflict.objects.filter(_enforced(), grants__contains=[grant.pk]).order_by("pk"))


def resolve_by(conflicts: list[Conflict], now: datetime) -> datetime | None:
    """By when some conflicts are to be resolved, where that is ahead."""
    return min((one.due_at for one in conflicts if one.due_at is not None and one.due_at > now), default=None)


def is_resolved(item: Item) -> bool:
    """Whether an item is about nothing but conflicts, and none of them is open, or enforced, any more."""
    if item.state not in (ItemState.OPEN, ItemState.ESCALATED) or item.reason != IN_CONFLICT:
        return False
    if set(item.snapshot.get("joined", ())) - {IN_CONFLICT}:
        return False
    return not Conflict.objects.filter(_enforced(), pk__in=item.snapshot.get(ABOUT, ())).exists()


def resolved() -> list[int]:
    """Ids of the items of which `is_resolved` says so."""
    rows = Item.objects.filter(state__in=(ItemState.OPEN, ItemState.ESCALATED), reason=IN_CONFLICT).order_by("pk")
    return [item.pk for item in rows if is_resolved(item)]
