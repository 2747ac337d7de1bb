"""Reading a calendar file as RFC 5545 has it, by nothing of the program's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Read:
    """A calendar file.

    Args:
        about: its own properties, by name.
        events: of each event its properties, by name; those of its alarm under ``VALARM.``.
    """

    about: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, str]] = field(default_factory=list)


def read(content: bytes) -> Read:
    """The file: CRLF, lines of 75 octets at most, folded inside no character (3.1)."""
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")[:-1]
    assert max(map(len, lines)) <= 75
    assert not [line for line in lines if b"\n" in line or b"\r" in line]
    for line in lines:
        line.decode()
    whole = content.replace(b"\r\n ", b"").decode().split("\r\n")[:-1]
    assert (whole[0], whole[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    calendar, inside = Read(), list[str]()
    for line in whole[1:-1]:
        name, _, value = line.partition(":")
        if name == "BEGIN":
            inside.append(value)
            calendar.events += [{}] if value == "VEVENT" else []
        elif name == "END":
            assert inside.pop() == value
        else:
            text = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)
            into = calendar.events[-1] if inside else calendar.about
            into[".".join([*inside[1:], name])] = text
    assert not inside
    return calendar
