"""Due dates of a joined item, by source, so that a called-off campaign's dates can be removed (R2).

From the first join on, the snapshot keeps each source with its deadline and its date of silence. The earliest counts.
"""

from __future__ import annotations

from datetime import datetime

from governance.core.ledger import ledger_events
from governance.recertification.models import Item

#: Snapshot key of the dates.
DATES = "due_by"


def keep_own_dates(item: Item) -> None:
    """Store the item's own dates before the first join; later calls change nothing."""
    if DATES not in item.snapshot:
        item.snapshot = {**item.snapshot, DATES: []}
        add_dates(item, item.campaign_id, item.deadline, item.grace_until)


def add_dates(item: Item, whose: int | None, deadline: datetime, grace_until: datetime | None) -> None:
    """Add the dates of a new source; does nothing before the first join.

    Args:
        item: saved by the caller.
        whose: id of the campaign; None for an event.
        deadline: last instant for an answer.
        grace_until: when silence takes effect; None if unchanged.
    """
    if DATES in item.snapshot:
        grace = ledger_events.instant(grace_until) if grace_until is not None else None
        entry = {"of": whose, "deadline": ledger_events.instant(deadline), "grace": grace}
        item.snapshot = {**item.snapshot, DATES: [*item.snapshot[DATES], entry]}


def remove_dates(item: Item, campaign: int) -> tuple[datetime, datetime] | None:
    """Remove a campaign's dates.

    Args:
        item: saved by the caller.
        campaign: id of the campaign.

    Returns:
        The remaining earliest deadline and grace, or None if the campaign had set no dates.
    """
    entries = item.snapshot.get(DATES, [])
    left = [entry for entry in entries if entry["of"] != campaign]
    graces = [datetime.fromisoformat(entry["grace"]) for entry in left if entry["grace"] is not None]
    if len(left) == len(entries) or not graces:
        return None
    item.snapshot = {**item.snapshot, DATES: left}
    return min(datetime.fromisoformat(entry["deadline"]) for entry in left), min(graces)


def joining_campaigns(item: Item) -> set[int]:
    """Ids of the campaigns that have joined the item, without its own."""
    return {entry["of"] for entry in item.snapshot.get(DATES, [])} - {None, item.campaign_id}
