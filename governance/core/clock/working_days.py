"""Working days, and the end of people's deadlines (H8): Monday to Friday without holidays, until 17:00 in their zone.

Pure: the caller passes the zone that counts and the organisation's holidays. Instants come in aware and go out in
UTC. Terms and security deadlines count plain time and need nothing from here.
"""

from collections.abc import Set
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: End of a working day, in the zone of the person who must act.
END_OF_DAY = time(17, 0)

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


def is_working_day(day: date, holidays: Set[date] = frozenset()) -> bool:
    """Whether people work on a day: Monday to Friday, and no holiday."""
    return day.weekday() < _SATURDAY and day not in holidays


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a day's work ends in a zone."""
    return datetime.combine(day, END_OF_DAY, tzinfo=zone).astimezone(UTC)


def end_of_working_day(at: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> datetime:
    """The first end of a working day that is not before ``at``.

    Args:
        at: an aware instant.
        zone: of the person who must act.
        holidays: days off, of that zone's calendar.

    Returns:
        17:00 of the local day of ``at``, or of the next working day if that has passed or is not a working day; in UTC.
    """
    day = at.astimezone(zone).date()
    while not is_working_day(day, holidays) or end_of_day(day, zone) < at:
        day += _ONE_DAY
    return end_of_day(day, zone)


def last_end_of_working_day(at: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> datetime:
    """Return the last end of a working day that is not after ``at``: for a deadline inside another one.

    Takes what `end_of_working_day` takes, and answers in UTC.
    """
    day = at.astimezone(zone).date()
    while not is_working_day(day, holidays) or end_of_day(day, zone) > at:
        day -= _ONE_DAY
    return end_of_day(day, zone)


def add_working_days(start: datetime, days: int, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> datetime:
    """When a deadline of so many working days ends.

    The local day of ``start`` is not counted, at any hour: one working day from Friday morning, Friday night or Sunday is
    Monday 17:00. So everybody gets whole working days.

    Args:
        start: the aware instant from which it runs.
        days: working days, 0 or more; 0 is the end of the present working day.
        zone: of the person who must act.
        holidays: days off, of that zone's calendar.

    Returns:
        17:00 of the last of those days, in UTC.

    Raises:
        ValueError: fewer than no days.
    """
    if days < 0:
        raise ValueError("A deadline lies ahead: count working days from 0.")
    if days == 0:
        return end_of_working_day(start, zone, holidays)
    day = start.astimezone(zone).date()
    while days:
        day += _ONE_DAY
        days -= is_working_day(day, holidays)
    return end_of_day(day, zone)


def working_days_that_ended(after: datetime, until: datetime, zone: ZoneInfo, holidays: Set[date] = frozenset()) -> int:
    """Count the working days that ended between two instants. A paused deadline moves by this number.

    A night, a weekend, or an hour within a day ends none.

    Args:
        after: an aware instant.
        until: another; the count is 0 if it is not later.
        zone: of the person who must act.
        holidays: days off, of that zone's calendar.
    """
    day, last, ended = after.astimezone(zone).date(), until.astimezone(zone).date(), 0
    while day <= last:
        ended += is_working_day(day, holidays) and after < end_of_day(day, zone) <= until
        day += _ONE_DAY
    return ended
