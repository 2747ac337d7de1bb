"""What an item that is joined is due by: its own dates, and those of whatever joined it, so that what a campaign brought can be taken back (R2).

It stands in the item's snapshot from its first joining on: whose, the deadline, and when silence takes effect. The item is due by the earliest.
"""

from __future__ import annotations

from datetime import datetime

from governance.core.ledger import ledger_events
from governance.recertification.models import Item

#: Under what the snapshot keeps them.
DATES = "due_by"


def begin(item: Item) -> None:
    """Keep the dates that an item has, as its own campaign's, before anything joins it; what is kept already stays."""
    if DATES not in item.snapshot:
        item.snapshot = {**item.snapshot, DATES: []}
        note(item, item.campaign_id, item.deadline, item.grace_until)


def note(item: Item, whose: int | None, deadline: datetime, grace_until: datetime | None) -> None:
    """Note what something asks for that joins an item; nothing where nothing is kept of it, since nothing has joined it.

    Args:
        item: which is saved by the caller.
        whose: the key of the campaign; None for what happened by itself.
        deadline: until when it is to be answered.
        grace_until: when silence takes effect; None where that stays as it is.
    """
    if DATES in item.snapshot:
        grace = ledger_events.instant(grace_until) if grace_until is not None else None
        said = {"of": whose, "deadline": ledger_events.instant(deadline), "grace": grace}
        item.snapshot = {**item.snapshot, DATES: [*item.snapshot[DATES], said]}


def take_back(item: Item, campaign: int) -> tuple[datetime, datetime] | None:
    """Forget what a campaign brought; returns the deadline and the grace that the rest asks for, or None where the campaign brought nothing.

    Args:
        item: which is saved by the caller.
        campaign: the key of the campaign.
    """
    known = item.snapshot.get(DATES, [])
    left = [one for one in known if one["of"] != campaign]
    graces = [datetime.fromisoformat(one["grace"]) for one in left if one["grace"] is not None]
    if len(left) == len(known) or not graces:
        return None
    item.snapshot = {**item.snapshot, DATES: left}
    return min(datetime.fromisoformat(one["deadline"]) for one in left), min(graces)


def others(item: Item) -> set[int]:
    """Keys of the campaigns that have joined it, without its own."""
    return {one["of"] for one in item.snapshot.get(DATES, [])} - {None, item.campaign_id}
