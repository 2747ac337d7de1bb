"""The demo is whole whatever day and hour it is loaded at: weekends shift its past, and deadlines with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governance.core.models import LedgerEvent
from governance.demo.loading import load
from governance.recertification.models import Item, ItemState
from tests.demo.conftest import Database
from tests.demo.demo_states import COLUMNS
from tests.run_lengths import did, going

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]

#: A Monday, and the hours at which each day of its week is tried, in UTC.
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
HOURS = (0, 9, 23)


def to_answer_first() -> set[str]:
    """The states of the reviews that the demo's hints send people to."""
    return set(Item.objects.filter(grant__automation__name="Weekly stock report").values_list("state", flat=True))


def test_every_state_occurs_on_every_day_of_the_week(database: Database, request: pytest.FixtureRequest) -> None:
    lacking = {}
    for number in range(7 * len(HOURS)):
        day, hour = divmod(number, len(HOURS))
        present = MONDAY + timedelta(days=day, hours=HOURS[hour], minutes=41)
        with database(f"northwind_day_{number}"):
            load.play_past(present)
            assert not LedgerEvent.objects.filter(outcome="refused").exists()
            wrong = {str(column): column.occurring ^ column.choices - set(column.missing) for column in COLUMNS}
            wrong["reviews to answer first"] = to_answer_first() ^ {ItemState.OPEN}
        lacking |= {f"{present:%a %H:%M} {name}": values for name, values in wrong.items() if values}
        going(request, f"{number + 1} of {7 * len(HOURS)} loads")
    assert lacking == {}
    did(request, f"{7 * len(HOURS)} loads of the demo, three hours of each day of a week")
