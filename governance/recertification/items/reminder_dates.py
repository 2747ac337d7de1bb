"""Dates of reminders about reviews: half-way, three days and one day before, then daily (R5).

Pure: takes and returns aware instants.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: Reminder days before the deadline, besides half-way; then daily when overdue (R5).
REMINDED_BEFORE = (3, 1)

#: Reminders are due as the reviewer's day begins, so that the day's digest has them at any hour.
BEGINNING = time(0, 0)


def next_reminder(after: datetime, *, opened_at: datetime, deadline: datetime, zone: ZoneInfo) -> datetime:
    """The next reminder: half-way, three days and one day before the deadline, then daily when overdue (R5).

    Args:
        after: the last notice; at most one on each of the person's days.
        opened_at: when the item opened.
        deadline: of the item.
        zone: the person's time zone.

    Returns:
        The beginning of the day, in UTC.
    """
    heard_on = after.astimezone(zone).date()
    last = deadline.astimezone(zone).date()
    half_way = (opened_at + (deadline - opened_at) / 2).astimezone(zone).date()
    days = {half_way, *(last - timedelta(days=before) for before in REMINDED_BEFORE)}
    ahead = [day for day in days if heard_on < day <= last]
    overdue = max(last, heard_on) + timedelta(days=1)
    return datetime.combine(min(ahead, default=overdue), BEGINNING, tzinfo=zone).astimezone(UTC)
