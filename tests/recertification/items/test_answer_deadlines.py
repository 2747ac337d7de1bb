"""When things come up, until when they are answered, when people are reminded, against dates read off a calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.clock import working_days
from governance.recertification.items import answer_deadlines, reminder_dates

BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
CHICAGO = ZoneInfo("America/Chicago")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


#: A standard grant from 12 June 2026, 09:00, to 9 December 2026, 09:00: 180 days.
BEGAN, ENDS = utc(2026, 6, 12, 9), utc(2026, 12, 9, 9)


def plan(
    now: datetime, tier: str = "standard", *, began: datetime = BEGAN, ends: datetime | None = ENDS, **more: object
) -> answer_deadlines.Times | None:
    given = {"began_at": began, "review_at": ENDS, "ends_at": ends, "now": now, "zones": [BERLIN]}
    return answer_deadlines.plan_times(tier, **(given | more))  # type: ignore[arg-type]


@pytest.mark.rule("R1")
@pytest.mark.parametrize(
    ("tier", "opens"),
    [("high", utc(2026, 11, 9, 9)), ("standard", utc(2026, 11, 18, 9)), ("low", utc(2026, 11, 25, 9))],
)
def test_an_item_opens_30_21_or_14_days_before_the_end_by_tier_and_no_moment_before(tier: str, opens: datetime) -> None:
    assert plan(opens - timedelta(seconds=1), tier) is None
    assert plan(opens, tier) is not None


@pytest.mark.rule("R1", "H8")
@pytest.mark.parametrize(
    ("tier", "deadline", "grace_until"),
    [
        # Ends Wednesday 9 December, 10:00 in Berlin: the last end of a working day before is Tuesday.
        ("standard", utc(2026, 12, 4, 16), utc(2026, 12, 8, 16)),
        ("low", utc(2026, 12, 4, 16), utc(2026, 12, 8, 16)),  # three days before would be Saturday
        ("high", utc(2026, 12, 1, 16), utc(2026, 12, 8, 16)),
    ],
)
def test_deadline_and_grace_lie_inside_the_term_and_end_at_five(
    tier: str, deadline: datetime, grace_until: datetime
) -> None:
    times = plan(ENDS - timedelta(days=answer_deadlines.OPENS_BEFORE[tier]), tier)
    assert times is not None
    assert (times.deadline, times.grace_until) == (deadline, grace_until)


@pytest.mark.rule("H8")
def test_the_deadline_of_people_in_two_zones_is_the_earlier_five_oclock() -> None:
    times = plan(utc(2026, 11, 18, 9), zones=[CHICAGO, TOKYO])
    assert times is not None
    assert times.deadline == utc(2026, 12, 4, 8)


@pytest.mark.rule("R1")
@pytest.mark.parametrize(
    "began",
    [ENDS - timedelta(days=21), ENDS - timedelta(days=3)],
    ids=["as long as the notice", "three days"],
)
def test_a_term_too_short_is_not_reviewed_it_ends(began: datetime) -> None:
    assert plan(ENDS - timedelta(days=2), began=began) is None
    assert plan(began, began=began) is None


@pytest.mark.rule("R1")
def test_term_too_short_for_review_ends() -> None:
    assert plan(utc(2026, 12, 1, 9)) is not None  # three working days are left
    assert plan(utc(2026, 12, 3, 9)) is None  # one
    assert plan(utc(2026, 12, 8, 9)) is None


@pytest.mark.rule("R1")
def test_automation_review_leaves_two_working_days() -> None:
    times = plan(utc(2027, 1, 4, 9), ends=None, began=utc(2025, 1, 1))
    assert times is not None
    assert times.deadline == utc(2027, 1, 6, 16)
    assert times.grace_until >= times.deadline + timedelta(days=answer_deadlines.GRACE["standard"])


@pytest.mark.rule("R1")
def test_the_earlier_of_review_date_and_end_counts() -> None:
    early = plan(utc(2026, 9, 10), review_at=utc(2026, 10, 1))
    assert early is not None
    assert early.grace_until <= utc(2026, 10, 1)


@pytest.mark.rule("R1")
@given(
    tier=st.sampled_from(["low", "standard", "high"]),
    term=st.integers(1, 365),
    late=st.integers(0, 40 * 24),
    zone=st.sampled_from([BERLIN, TOKYO, CHICAGO]),
    holidays=st.frozensets(st.dates(date(2026, 6, 1), date(2027, 8, 1)), max_size=15),
)
def test_whenever_an_item_opens_everything_in_it_lies_in_order_and_inside_the_term(
    tier: str, term: int, late: int, zone: ZoneInfo, holidays: frozenset[date]
) -> None:
    ends = BEGAN + timedelta(days=term)
    now = ends - timedelta(days=answer_deadlines.OPENS_BEFORE[tier]) + timedelta(hours=late)
    times = answer_deadlines.plan_times(
        tier, began_at=BEGAN, review_at=ends, ends_at=ends, now=now, zones=[zone], holidays=holidays
    )
    if times is None:
        return
    assert BEGAN < now < times.deadline
    assert times.deadline + timedelta(days=answer_deadlines.GRACE[tier]) <= times.grace_until + timedelta(hours=1)
    assert times.grace_until <= ends
    assert times.deadline >= working_days.add_working_days(now, answer_deadlines.LEAST_WORKING_DAYS, zone, holidays)


@pytest.mark.rule("R5")
def test_people_are_reminded_half_way_three_days_and_one_day_before_and_daily_when_overdue() -> None:
    at, deadline = utc(2026, 11, 18, 9), utc(2026, 12, 4, 16)
    opened, heard = at, []
    for _ in range(6):
        at = reminder_dates.next_reminder(at, opened_at=opened, deadline=deadline, zone=BERLIN)
        heard.append(at)
    days = [(11, 26), (12, 1), (12, 3), (12, 5), (12, 6), (12, 7)]
    assert heard == [datetime(2026, month, day, tzinfo=BERLIN) for month, day in days], "as their day begins"


@pytest.mark.rule("R5")
@given(
    opened=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    days=st.integers(1, 30),
    zone=st.sampled_from([BERLIN, TOKYO, CHICAGO]),
)
def test_one_reminder_per_local_day(opened: datetime, days: int, zone: ZoneInfo) -> None:
    deadline = opened + timedelta(days=days)
    at, heard = opened, [opened.astimezone(zone).date()]
    for _ in range(12):
        at = reminder_dates.next_reminder(at, opened_at=opened, deadline=deadline, zone=zone)
        heard.append(at.astimezone(zone).date())
    assert len(set(heard)) == len(heard)
    assert heard == sorted(heard)
