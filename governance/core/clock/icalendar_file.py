"""A calendar file of deadlines (RFC 5545): an event for each thing that somebody has to answer by then. Pure: plain values in, bytes out.

An event that is sent again under its uid takes the place of the earlier one: ``SEQUENCE`` and ``DTSTAMP`` say which is later, by business time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

#: What such a file is called, and what it is; ``PUBLISH`` asks for no answer (RFC 5546, 3.2.1).
FILE_NAME, METHOD, MEDIA_TYPE = "deadlines.ics", "PUBLISH", "text/calendar"

#: A line holds so many octets at most, its end not counted (RFC 5545, 3.1).
LONGEST = 75


@dataclass(frozen=True)
class Event:
    """One deadline.

    Args:
        uid: the same whenever the file is made, and no other's.
        at: until when, aware.
        summary: one line.
        url: where it is answered.
    """

    uid: str
    at: datetime
    summary: str
    url: str


def calendar(events: Iterable[Event], *, name: str, now: datetime) -> str:
    """The file. Of several events with one uid the last stands; a day before each its reader is reminded.

    Args:
        events: in any order.
        name: what the calendar is called.
        now: business time: a later file replaces an earlier one.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Countersign//Deadlines//EN", "CALSCALE:GREGORIAN"]
    lines += [f"METHOD:{METHOD}", f"X-WR-CALNAME:{_text(name)}"]
    each = {event.uid: event for event in events}.values()
    for one in sorted(each, key=lambda event: (event.at, event.uid)):
        lines += _lines(one, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _lines(event: Event, now: datetime) -> list[str]:
    summary = _text(event.summary)
    return [
        "BEGIN:VEVENT",
        f"UID:{_text(event.uid)}",
        f"DTSTAMP:{_instant(now)}",
        f"SEQUENCE:{int(now.timestamp()) // 60}",  # minutes: an integer has 32 bits (3.3.8)
        f"DTSTART:{_instant(event.at)}",  # without an end it ends as it begins (3.6.1)
        f"SUMMARY:{summary}",
        f"URL:{event.url}",
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{summary}",
        "TRIGGER:-P1D",
        "END:VALARM",
        "END:VEVENT",
    ]


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    """A text as a value, without control characters (3.3.11)."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    lines = escaped.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\\n".join("".join(character for character in line if character.isprintable()) for line in lines)


def _folded(line: str) -> str:
    """A line, folded where it is too long in octets, never inside a character (3.1)."""
    folded, rest = [], line
    room = LONGEST
    while rest:
        piece = rest[:room]
        while len(piece.encode()) > room:
            piece = piece[:-1]
        folded.append(piece)
        rest, room = rest[len(piece) :], LONGEST - 1
    return "\r\n ".join(folded)
