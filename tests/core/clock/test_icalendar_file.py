"""A calendar file as other programs read it: escaped, folded, one event of a uid, the later one known by its sequence (R5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governance.core.clock import icalendar_file
from tests.calendar_reader import read

NOW = datetime(2026, 11, 24, 9, 30, 15, tzinfo=UTC)


def written(*events: icalendar_file.Event, now: datetime = NOW) -> bytes:
    """A file of some events."""
    return icalendar_file.calendar(events, name="Mine, all", now=now).encode()


@pytest.mark.rule("R5")
def test_calendar_text_is_escaped_and_folded() -> None:
    text = "Rechnung, Prüfung; “mit” \\ und\nzwei Zeilen\x07 " + "ü" * 60
    entry = icalendar_file.Event("a@b", datetime(2026, 11, 27, 16, tzinfo=UTC), text, "https://example.org/" + "x" * 90)
    calendar = read(written(entry))
    assert (calendar.about["METHOD"], calendar.about["X-WR-CALNAME"]) == ("PUBLISH", "Mine, all")
    (event,) = calendar.events
    assert event["SUMMARY"] == text.replace("\x07", "")
    assert (event["UID"], event["URL"]) == (entry.uid, entry.url)
    assert (event["DTSTART"], event["DTSTAMP"]) == ("20261127T160000Z", "20261124T093015Z")
    assert (event["VALARM.TRIGGER"], event["VALARM.ACTION"]) == ("-P1D", "DISPLAY")
    for ended in ("x\r\nEND:VCALENDAR", "x\rBEGIN:VEVENT", "x\u2028y\x85z"):
        hostile = icalendar_file.Event("a@b", NOW, ended, "https://example.org/")
        assert len(read(written(hostile)).events) == 1


@pytest.mark.rule("R5")
def test_one_event_per_uid_with_rising_sequence() -> None:
    first = icalendar_file.Event("a@b", NOW + timedelta(days=3), "One", "https://example.org/")
    again = icalendar_file.Event("a@b", NOW + timedelta(days=1), "Two", "https://example.org/")
    (event,) = read(written(first, again)).events
    assert event["SUMMARY"] == "Two"
    (later,) = read(written(again, now=NOW + timedelta(hours=1))).events
    assert int(later["SEQUENCE"]) > int(event["SEQUENCE"]) > 0
    (far,) = read(written(again, now=NOW.replace(year=2300))).events
    assert int(far["SEQUENCE"]) < 2**31, "3.3.8"
