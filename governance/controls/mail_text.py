"""What a mail says: the templates ``email/<event>/{subject.txt,body.txt,body.html}`` filled in for one person.

Every template has: the notice's own context (names ending in ``_at`` and ``_on`` as instants and days), ``recipient``, ``link``
(the very item, on the portal's own address), ``organisation``, ``portal`` (its address) and ``checkpoint`` (the ledger's last
seal: ``number``, ``root``, ``total``), which the footer of every mail shows (H9).
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from governance.controls.models import Notice, Person, Seal

#: The longest subject, in characters: what its column holds.
LONGEST_SUBJECT = 200

#: A path on the portal: neither ``//elsewhere`` nor anything that ends a line.
_PATH = re.compile(r"/(?![/\\])[!-~]*")


@dataclass(frozen=True)
class Letter:
    """One rendered mail."""

    subject: str
    text: str
    html: str


def one_line(text: str) -> str:
    """The text on one line, without control characters: a subject can't begin another header."""
    spaced = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(spaced.split())[:LONGEST_SUBJECT]


def write(notice: Notice, checkpoint: Seal | None) -> Letter:
    """Fill in the templates of a notice, in its recipient's time zone.

    Raises:
        TemplateDoesNotExist: nobody wrote templates for this event.
        NoReverseMatch: its ``page`` is no page of the portal.
    """
    values = {
        **_alive(notice.context),
        "recipient": notice.recipient,
        "link": link(notice.context),
        "organisation": settings.ORGANISATION,
        "portal": settings.BASE_URL,
        "checkpoint": checkpoint,
    }
    with timezone.override(zone_of(notice.recipient)):
        subject = _fill(f"email/{notice.event}/subject.txt", values, escape=False)
        text = _fill(f"email/{notice.event}/body.txt", values, escape=False)
        html = _fill(f"email/{notice.event}/body.html", values, escape=True)
    return Letter(one_line(subject), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", html)


def link(context: dict[str, Any]) -> str:
    """The absolute address of the item that a notice is about; the portal's front door when it names none."""
    if page := context.get("page"):
        name, *arguments = page
        return f"{settings.BASE_URL}{reverse(name, args=arguments)}"
    path = str(context.get("path", "/"))
    # Only ever a path on the portal: an address from elsewhere would make our mail carry somebody else's link.
    return settings.BASE_URL + (path if _PATH.fullmatch(path) else "/")


def zone_of(person: Person) -> zoneinfo.ZoneInfo:
    """The person's time zone, or the organisation's where theirs is unset or unknown (H8)."""
    try:
        return zoneinfo.ZoneInfo(person.time_zone or settings.ORGANISATION_TIME_ZONE)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(settings.ORGANISATION_TIME_ZONE)


def _fill(name: str, values: dict[str, Any], *, escape: bool) -> str:
    rendered: str = get_template(name).template.render(Context(values, autoescape=escape))  # type: ignore[attr-defined]  # Django's own engine
    return rendered


def _alive(value: Any, name: str = "") -> Any:
    """JSON as it came from the row, with instants and days as such again, told by the ends of their names."""
    if isinstance(value, dict):
        return {key: _alive(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_alive(inner, name) for inner in value]
    found: datetime | date | None = None
    if isinstance(value, str) and name.endswith("_at"):
        found = parse_datetime(value)
    elif isinstance(value, str) and name.endswith("_on"):
        found = parse_date(value)
    return value if found is None else found
