"""Dates of reviews: opening, deadline and silence (R1, R6, H8). `reminder_dates` has the reminders.

Pure: takes and returns aware instants. The caller gives time zones and holidays.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from governance.core.clock import working_days

#: Days from the opening of an item to its review date or end, whichever comes first (R1).
OPENS_BEFORE = {"high": 30, "standard": 21, "low": 14}

#: Least days between the deadline and the effect of silence (R6).
GRACE = {"high": 7, "standard": 4, "low": 3}

#: Least working days for an answer if an item opens late.
LEAST_WORKING_DAYS = 2

#: Least time for a new reviewer before silence takes effect (R6).
NOTICE = timedelta(days=1)

#: Most days to the deadline of an ad hoc campaign.
MAX_DAYS_AHEAD = 60


@dataclass(frozen=True)
class Times:
    """Deadline and suspension by silence of one item."""

    deadline: datetime
    grace_until: datetime


def review_instant(review_on: date) -> datetime:
    """The first instant of a review date, in UTC."""
    return datetime.combine(review_on, time(), tzinfo=UTC)


def review_after_event(tier: str, *, now: datetime, began_at: datetime, quiet_until: datetime | None = None) -> date:
    """Review date after an event: the item opens at once, or on the day after ``began_at`` (R1).

    Args:
        tier: the present one.
        now: when the event happened.
        began_at: when the grant began or the automation was created.
        quiet_until: end of the quiet time after a recent review, if any.
    """
    lead = timedelta(days=OPENS_BEFORE[tier])
    not_before = began_at if quiet_until is None else max(began_at, quiet_until)
    return max((now + lead).date(), (not_before + lead).date() + timedelta(days=1))


def shorten_times(times: Times, tier: str, *, now: datetime, zones: Sequence[ZoneInfo], holidays: Set[date]) -> Times:
    """Shorten the times of an urgent item to `LEAST_WORKING_DAYS` working days plus the grace.

    Args:
        times: the usual ones; none gets later.
        tier, now, zones, holidays: as in `plan_times`.
    """
    least = max(working_days.add_working_days(now, LEAST_WORKING_DAYS, zone, holidays) for zone in zones)
    deadline = min(times.deadline, least)
    grace_until = min(times.grace_until, _working_day_end(deadline + timedelta(days=GRACE[tier]), zones, holidays))
    return Times(deadline, grace_until)


def plan_times(
    tier: str,
    *,
    began_at: datetime,
    review_at: datetime,
    ends_at: datetime | None,
    now: datetime,
    zones: Sequence[ZoneInfo],
    holidays: Set[date] = frozenset(),
) -> Times | None:
    """Times of an item that opens at ``now``, or None if there is nothing to review.

    None before the opening date, and if the term is too short for opening, deadline and grace: then it ends (R1). A
    late item still gives `LEAST_WORKING_DAYS` working days, unless the term is shorter: then it ends, too.

    Args:
        tier: ``low``, ``standard`` or ``high``.
        began_at: when the grant began or the automation was created.
        review_at: review date as an instant.
        ends_at: end of the term; None without an end.
        now: business time.
        zones: time zones of the reviewers; the deadline is the earliest 17:00 among them (H8).
        holidays: of the organisation.
    """
    anchor = min(review_at, ends_at or review_at)
    opens_at = anchor - timedelta(days=OPENS_BEFORE[tier])
    if now < opens_at or opens_at <= began_at:
        return None
    times = times_before(anchor, tier, zones, holidays)
    least = max(working_days.add_working_days(now, LEAST_WORKING_DAYS, zone, holidays) for zone in zones)
    if times.deadline >= least:
        return times
    grace_until = _working_day_end(least + timedelta(days=GRACE[tier]), zones, holidays)
    is_too_late = ends_at is not None and (ends_at <= review_at or grace_until > ends_at)
    return None if is_too_late else Times(least, grace_until)


def times_before(anchor: datetime, tier: str, zones: Iterable[ZoneInfo], holidays: Set[date]) -> Times:
    """Deadline and grace before an instant, each at the end of a working day; arguments as in `plan_times`."""
    pairs = []
    for zone in zones:
        grace_until = working_days.last_end_of_working_day(anchor, zone, holidays)
        deadline = working_days.last_end_of_working_day(grace_until - timedelta(days=GRACE[tier]), zone, holidays)
        pairs.append((deadline, grace_until))
    return Times(*min(pairs))


def _working_day_end(at: datetime, zones: Iterable[ZoneInfo], holidays: Set[date]) -> datetime:
    return max(working_days.end_of_working_day(at, zone, holidays) for zone in zones)


def with_notice(grace_until: datetime, *, now: datetime, ends_at: datetime | None) -> datetime:
    """When silence takes effect for a new reviewer: after at least a day, but not after the term (R6).

    Args:
        grace_until: the present date of silence.
        now: when the question is put to them.
        ends_at: end of the term; None without an end.
    """
    least = now + NOTICE
    return max(grace_until, least if ends_at is None else min(least, ends_at))


def deadline_on(day: date, *, now: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> datetime | None:
    """Deadline of an ad hoc campaign on a chosen last day. None if policy does not allow that day.

    The day is a working day at least `LEAST_WORKING_DAYS` working days and at most `MAX_DAYS_AHEAD` days ahead.

    Args:
        day: the last day for answers.
        now: when the campaign opens.
        zone: the reviewer's time zone; the day ends there at 17:00 (H8).
        holidays: of the organisation.
    """
    deadline = working_days.end_of_day(day, zone)
    is_near = deadline < working_days.add_working_days(now, LEAST_WORKING_DAYS, zone, holidays)
    is_far = day > (now + timedelta(days=MAX_DAYS_AHEAD)).astimezone(zone).date()
    return None if is_near or is_far or not working_days.is_working_day(day, holidays) else deadline


def grace_after(deadline: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> dict[str, datetime]:
    """By tier, when silence takes effect after a deadline (R6)."""
    return {tier: _working_day_end(deadline + timedelta(days=days), [zone], holidays) for tier, days in GRACE.items()}
