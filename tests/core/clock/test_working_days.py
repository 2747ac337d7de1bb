"""Working days and deadlines (H8), against dates read off a calendar. 2026-11-20 is a Friday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.clock import organisation, working_days

BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
CHICAGO = ZoneInfo("America/Chicago")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.rule("H8")
@pytest.mark.parametrize(
    ("start", "days", "zone", "holidays", "due"),
    [
        # Tuesday 10:00 in Berlin, three days: Friday 17:00 there.
        (utc(2026, 11, 24, 9), 3, BERLIN, (), utc(2026, 11, 27, 16)),
        # Over a weekend.
        (utc(2026, 11, 20, 9), 1, BERLIN, (), utc(2026, 11, 23, 16)),
        # After hours and on a Sunday: still whole working days, no fewer.
        (utc(2026, 11, 20, 21), 1, BERLIN, (), utc(2026, 11, 23, 16)),
        (utc(2026, 11, 22, 9), 1, BERLIN, (), utc(2026, 11, 23, 16)),
        # A holiday in between, and one on the day itself.
        (utc(2026, 11, 20, 9), 1, BERLIN, (date(2026, 11, 23),), utc(2026, 11, 24, 16)),
        # The local day counts: Friday 20:00 UTC is Saturday in Tokyo.
        (utc(2026, 11, 20, 20), 1, TOKYO, (), utc(2026, 11, 23, 8)),
        (utc(2026, 11, 20, 20), 1, CHICAGO, (), utc(2026, 11, 23, 23)),
        # Summer time ends on 25 October 2026 in Berlin: 17:00 stays 17:00.
        (utc(2026, 10, 23, 8), 1, BERLIN, (), utc(2026, 10, 26, 16)),
        (utc(2026, 10, 22, 8), 1, BERLIN, (), utc(2026, 10, 23, 15)),
        # None: the end of this working day, or of the next.
        (utc(2026, 11, 24, 9), 0, BERLIN, (), utc(2026, 11, 24, 16)),
        (utc(2026, 11, 24, 17), 0, BERLIN, (), utc(2026, 11, 25, 16)),
        (utc(2026, 11, 21, 9), 0, BERLIN, (), utc(2026, 11, 23, 16)),
    ],
)
def test_a_deadline_counts_whole_working_days_and_ends_at_five_where_the_person_is(
    start: datetime, days: int, zone: ZoneInfo, holidays: tuple[date, ...], due: datetime
) -> None:
    assert working_days.add_working_days(start, days, zone, frozenset(holidays)) == due


@pytest.mark.rule("H8")
@pytest.mark.parametrize(
    ("at", "zone", "holidays", "last"),
    [
        (utc(2026, 12, 4, 18), BERLIN, (), utc(2026, 12, 4, 16)),
        (utc(2026, 12, 4, 16), BERLIN, (), utc(2026, 12, 4, 16)),
        (utc(2026, 12, 4, 15), BERLIN, (), utc(2026, 12, 3, 16)),
        (utc(2026, 12, 6, 12), BERLIN, (), utc(2026, 12, 4, 16)),
        (utc(2026, 12, 6, 12), BERLIN, (date(2026, 12, 4),), utc(2026, 12, 3, 16)),
    ],
)
def test_a_deadline_that_must_lie_inside_something_is_moved_forward_in_the_week_never_past_it(
    at: datetime, zone: ZoneInfo, holidays: tuple[date, ...], last: datetime
) -> None:
    assert working_days.last_end_of_working_day(at, zone, frozenset(holidays)) == last


@pytest.mark.rule("H8")
def test_a_deadline_of_fewer_than_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="lies ahead"):
        working_days.add_working_days(utc(2026, 11, 24), -1, BERLIN)


@pytest.mark.rule("H8")
@pytest.mark.parametrize("name", ["", "Nowhere/Atlantis", "../etc/passwd", "\x00"])
def test_a_person_without_a_known_zone_is_given_the_organisations(name: str) -> None:
    assert organisation.zone_named(name) == BERLIN


@pytest.mark.rule("H8")
@given(
    start=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    days=st.integers(0, 30),
    zone=st.sampled_from([BERLIN, TOKYO, CHICAGO]),
    holidays=st.frozensets(st.dates(date(2026, 1, 1), date(2030, 2, 1)), max_size=20),
)
def test_every_deadline_is_five_oclock_of_a_working_day_that_many_working_days_on(
    start: datetime, days: int, zone: ZoneInfo, holidays: frozenset[date]
) -> None:
    due = working_days.add_working_days(start, days, zone, holidays)
    local = due.astimezone(zone)
    assert (local.hour, local.minute) == (17, 0)
    assert working_days.is_working_day(local.date(), holidays)
    assert due >= start
    between = (start.astimezone(zone).date() + timedelta(days=n) for n in range(1, 400))
    counted = sum(working_days.is_working_day(day, holidays) for day in between if day <= local.date())
    assert counted == days or days == 0


@pytest.mark.rule("H8")
@pytest.mark.parametrize(
    ("after", "until", "holidays", "ended"),
    [
        (utc(2026, 11, 26, 9), utc(2026, 11, 25, 9), (), 0),  # not later
        (utc(2026, 11, 26, 16), utc(2026, 11, 27, 9), (), 0),  # Thursday's end itself, and a night
        (utc(2026, 11, 27, 17), utc(2026, 11, 30, 15), (), 0),  # a weekend
        (utc(2026, 11, 26, 15), utc(2026, 11, 26, 16), (), 1),
        (utc(2026, 11, 26, 9), utc(2026, 12, 1, 9), (), 3),  # Thursday, Friday, Monday
        (utc(2026, 11, 26, 9), utc(2026, 12, 1, 9), (date(2026, 11, 27),), 2),
    ],
)
def test_a_working_day_counts_once_it_has_ended(
    after: datetime, until: datetime, holidays: tuple[date, ...], ended: int
) -> None:
    assert working_days.working_days_that_ended(after, until, BERLIN, frozenset(holidays)) == ended
