"""When things come up for review, until when they are to be answered, and when people are reminded (R1, R5, R6, H8).

Pure: facts and instants in, instants out, all aware. Which zone and which holidays count is told by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from governance.core.clock import working_days

#: Days before the review date or the end, whichever comes first, at which an item opens (R1).
OPENS_BEFORE = {"high": 30, "standard": 21, "low": 14}

#: Days, at least, between the deadline and what silence does (R6).
GRACE = {"high": 7, "standard": 4, "low": 3}

#: Working days that people have at the least when an item opens late, because nothing ran for a while.
LEAST = 2

#: What whoever is asked has at the least before silence takes effect, however late they came to be asked (R6).
NOTICE = timedelta(days=1)

#: Days after which the deadline of a campaign that somebody opens does not lie.
FURTHEST = 60

#: Days before the deadline on which people are reminded, beside half-way; then daily when overdue (R5).
REMINDED_BEFORE = (3, 1)

#: When a day's reminders are due, by the clock of whom they are for: as the day begins, so that its digest has them, whenever that goes.
BEGINNING = time(0, 0)


@dataclass(frozen=True)
class Times:
    """The instants of one item: open at the first, answer by the second, suspended for silence at the third."""

    opens_at: datetime
    deadline: datetime
    grace_until: datetime


def review_instant(review_on: date) -> datetime:
    """The instant that a review date stands for: its beginning, in UTC."""
    return datetime.combine(review_on, time(), tzinfo=UTC)


def opening(tier: str, *, review_at: datetime, ends_at: datetime | None) -> datetime:
    """When an item opens: so many days before the earlier of review date and end (R1)."""
    return min(review_at, ends_at or review_at) - timedelta(days=OPENS_BEFORE[tier])


def review_after_event(tier: str, *, now: datetime, began_at: datetime, quiet_until: datetime | None = None) -> date:
    """The review date of what comes up because something happened: its item opens at once, or on the day after it began (R1).

    Args:
        tier: as it is now.
        now: when it happened.
        began_at: when what is reviewed began to be held.
        quiet_until: before this it is not opened again, where it was reviewed lately.
    """
    lead = timedelta(days=OPENS_BEFORE[tier])
    not_before = began_at if quiet_until is None else max(began_at, quiet_until)
    return max((now + lead).date(), (not_before + lead).date() + timedelta(days=1))


def hurried(times: Times, tier: str, *, now: datetime, zones: Sequence[ZoneInfo], holidays: Set[date]) -> Times:
    """The times of what can't wait as long: `LEAST` working days for an answer, and the days of grace behind them.

    Args:
        times: as they would be; neither is later by this.
        tier, now, zones, holidays: as `plan` takes them.
    """
    least = max(working_days.add_working_days(now, LEAST, zone, holidays) for zone in zones)
    deadline = min(times.deadline, least)
    grace_until = min(times.grace_until, _after(deadline + timedelta(days=GRACE[tier]), zones, holidays))
    return Times(times.opens_at, deadline, grace_until)


def plan(
    tier: str,
    *,
    began_at: datetime,
    review_at: datetime,
    ends_at: datetime | None,
    now: datetime,
    zones: Sequence[ZoneInfo],
    holidays: Set[date] = frozenset(),
) -> Times | None:
    """The times of an item that is opened at ``now``, or None when there is nothing to review.

    None before its time, and where the term is too short for opening, deadline and grace to lie inside it: that is not
    reviewed, it ends (R1). An item that opens late, because nothing ran for a while, gives people `LEAST` working days still,
    unless its term leaves less: then it ends as well.

    Args:
        tier: ``low``, ``standard`` or ``high``.
        began_at: when what is reviewed began to be held.
        review_at: its review date as an instant.
        ends_at: when it ends by itself; None for what has no end.
        now: the instant of business time.
        zones: where those who answer are; their deadline is the earliest 17:00 among them (H8).
        holidays: the organisation's days off.
    """
    opens_at = opening(tier, review_at=review_at, ends_at=ends_at)
    if now < opens_at or opens_at <= began_at:
        return None
    anchor = min(review_at, ends_at or review_at)
    found = within(anchor, tier, zones, holidays)
    least = max(working_days.add_working_days(now, LEAST, zone, holidays) for zone in zones)
    if found.deadline < least:
        if ends_at is not None and ends_at <= review_at:
            return None
        deadline = least
        grace_until = _after(deadline + timedelta(days=GRACE[tier]), zones, holidays)
        if ends_at is not None and grace_until > ends_at:
            return None
        found = Times(now, deadline, grace_until)
    return Times(now, found.deadline, found.grace_until)


def within(anchor: datetime, tier: str, zones: Iterable[ZoneInfo], holidays: Set[date]) -> Times:
    """Deadline and grace that lie before an instant, each at the end of a working day; ``zones`` and ``holidays`` as `plan` takes them."""
    pairs = []
    for zone in zones:
        grace_until = working_days.last_end_of_working_day(anchor, zone, holidays)
        deadline = working_days.last_end_of_working_day(grace_until - timedelta(days=GRACE[tier]), zone, holidays)
        pairs.append((deadline, grace_until))
    deadline, grace_until = min(pairs)
    return Times(anchor, deadline, grace_until)


def _after(at: datetime, zones: Iterable[ZoneInfo], holidays: Set[date]) -> datetime:
    return max(working_days.end_of_working_day(at, zone, holidays) for zone in zones)


def next_reminder(after: datetime, *, opened_at: datetime, deadline: datetime, zone: ZoneInfo) -> datetime:
    """When somebody is reminded next: half-way, three days and one day before, then daily when overdue (R5).

    Args:
        after: the last time they heard of it; nothing is said twice on one of their days.
        opened_at: when the item opened.
        deadline: when it is to be answered.
        zone: theirs.

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


def closing(now: datetime, ends_at: datetime | None, *, days: int) -> datetime:
    """When what is suspended now ends for good: after the days in which that can be corrected, never after its term (R4, R6)."""
    last = now + timedelta(days=days)
    return last if ends_at is None else min(last, ends_at)


def with_notice(grace_until: datetime, *, now: datetime, ends_at: datetime | None) -> datetime:
    """When silence takes effect of somebody who is asked now: not before a day has gone, and not after the term, which ends by itself (R6).

    Args:
        grace_until: when it would.
        now: when they are asked.
        ends_at: when what is reviewed ends by itself; None for what has no end.
    """
    least = now + NOTICE
    return max(grace_until, least if ends_at is None else min(least, ends_at))


def chosen(day: date, *, now: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> dict[str, Times] | None:
    """The times, by tier, of what a campaign asks until a day that somebody chose; None where policy does not allow that day.

    It is a working day, after `LEAST` working days at the earliest and `FURTHEST` days at the latest; the grace of each tier comes after it (R6).

    Args:
        day: the last on which people answer.
        now: when it opens.
        zone: where whoever answers is: the day ends there at 17:00 (H8).
        holidays: the organisation's days off.
    """
    deadline = working_days.end_of_day(day, zone)
    is_near = deadline < working_days.add_working_days(now, LEAST, zone, holidays)
    if is_near or day > (now + timedelta(days=FURTHEST)).astimezone(zone).date():
        return None
    if not working_days.is_working_day(day, holidays):
        return None
    return {tier: Times(now, deadline, until) for tier, until in grace_after(deadline, zone, holidays).items()}


def grace_after(deadline: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> dict[str, datetime]:
    """By tier, when silence takes effect that lasts past a deadline (R6)."""
    return {tier: _after(deadline + timedelta(days=days), [zone], holidays) for tier, days in GRACE.items()}
