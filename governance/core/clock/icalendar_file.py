"""Calendar files of deadlines (RFC 5545): one event for each open question of a person. Pure functions.

A later file replaces an event of an earlier one by its uid: ``SEQUENCE`` and ``DTSTAMP`` say which is later, by business time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import icalendar

#: Name and media type of the file; ``PUBLISH`` asks for no answer (RFC 5546, 3.2.1).
FILE_NAME, METHOD, MEDIA_TYPE = "deadlines.ics", "PUBLISH", "text/calendar"

#: How long before a deadline its reader is reminded.
REMINDER = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """One deadline.

    Args:
        uid: unique, and the same in every file.
        at: the deadline, aware.
        summary: one line.
        url: the page of the question.
    """

    uid: str
    at: datetime
    summary: str
    url: str


def calendar(events: Iterable[Event], *, name: str, now: datetime) -> str:
    """Return the file, with a reminder a day before each deadline. The last of several events with one uid counts.

    Args:
        events: in any order.
        name: the calendar's name.
        now: business time: a later file replaces an earlier one.
    """
    file = icalendar.Calendar()
    file.add("prodid", "-//Countersign//Deadlines//EN")
    file.add("version", "2.0")
    file.add("calscale", "GREGORIAN")
    file.add("method", METHOD)
    file.add("x-wr-calname", _printable(name))
    by_uid = {event.uid: event for event in events}
    for event in sorted(by_uid.values(), key=lambda event: (event.at, event.uid)):
        file.add_component(_component(event, now))
    content: bytes = file.to_ical()
    return content.decode()


def _component(event: Event, now: datetime) -> icalendar.Event:
    component, alarm = icalendar.Event(), icalendar.Alarm()
    component.add("uid", event.uid)
    component.add("dtstamp", now.astimezone(UTC))
    component.add("sequence", int(now.timestamp()) // 60)  # minutes: an integer has 32 bits (3.3.8)
    component.add("dtstart", event.at.astimezone(UTC))  # without an end it ends as it begins (3.6.1)
    component.add("summary", _printable(event.summary))
    component.add("url", event.url)
    component.add("transp", "TRANSPARENT")
    alarm.add("action", "DISPLAY")
    alarm.add("description", _printable(event.summary))
    alarm.add("trigger", -REMINDER)
    component.add_component(alarm)
    return component


def _printable(text: str) -> str:
    """Return a text without control characters except line feeds (3.3.11)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("".join(character for character in line if character.isprintable()) for line in lines)
