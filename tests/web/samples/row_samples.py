"""Small makers that several samples share: times around the sample's now, reasons, timeline events."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.web.harness import Frame

Shape = dict[str, object]


def at(day: int, hour: int = 9, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    """Return an instant given as wall time of the organisation's zone in November (an hour ahead of UTC)."""
    return datetime(year, month, day, hour - 1, minute, tzinfo=UTC)


def on(day: int, month: int = 11, year: int = 2026) -> date:
    """Return a day, of November 2026 unless told."""
    return date(year, month, day)


def frame(person: str, section: str, **waiting: int) -> Frame:
    """Return the frame around a page for one reader."""
    return Frame(person_name=person, section=section, waiting=waiting)


def reason(icon: str, text: str, lead: str = "", tone: str = "", **more: str) -> Shape:
    """Return one reason for `components/reasons.html`."""
    return {"icon": icon, "text": text, "lead": lead, "tone": tone, **more}


def event(icon: str, tone: str, actor: str, text: str, when: datetime, code: str = "") -> Shape:
    """Return one event for `components/timeline.html`."""
    return {"icon": icon, "tone": tone, "actor": actor, "text": text, "at": when, "code": code}


def tag(text: str, tone: str = "", icon: str = "") -> Shape:
    """Return one tag."""
    return {"text": text, "tone": tone, "icon": icon}
