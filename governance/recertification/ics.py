"""A calendar file of deadlines (RFC 5545): an event a day on which somebody has something to answer. Pure: plain values in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

#: A line holds so many octets at most, its end not counted (RFC 5545, 3.1).
LONGEST = 75


@dataclass(frozen=True)
class Event:
    """One day.

    Args:
        uid: the same whenever the file is made, and no other's.
        day: which.
        summary: one line.
        url: where it is answered.
    """

    uid: str
    day: date
    summary: str
    url: str


def calendar(events: Iterable[Event], *, name: str, now: datetime) -> bytes:
    """The file.

    Args:
        events: in any order.
        name: what the calendar is called.
        now: when it is made.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Countersign//Recertification//EN", "CALSCALE:GREGORIAN"]
    lines.append(f"X-WR-CALNAME:{_text(name)}")
    for one in sorted(events, key=lambda event: (event.day, event.uid)):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_text(one.uid)}",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{one.day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{one.day + timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{_text(one.summary)}",
            f"URL:{one.url}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _text(said: str) -> str:
    """A text as a value (3.3.11)."""
    escaped = said.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """A line in octets, folded where it is too long, never inside a character (3.1)."""
    found, rest = [], line
    room = LONGEST
    while rest:
        piece = rest[:room]
        while len(piece.encode()) > room:
            piece = piece[:-1]
        found.append(piece.encode())
        rest, room = rest[len(piece) :], LONGEST - 1
    return b"\r\n ".join(found)
