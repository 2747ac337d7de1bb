"""Texts of mails: the templates ``email/<event>/{subject.txt,body.txt,body.html}`` rendered for one person.

Every template has: the notice's own context (with instants, and with days under names ending in ``_on``), ``recipient``,
``link`` (the item, on the portal's own address), ``organisation``, ``portal`` (its address) and ``checkpoint`` (the
ledger's last seal: ``number``, ``root``, ``total``), which the footer of every mail shows (H9).
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from governance.core.clock.organisation import zone_of
from governance.core.models import Notice, Seal

#: The longest subject, in characters: the length of its column.
LONGEST_SUBJECT = 200

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")

#: A path on the portal: neither ``//elsewhere`` nor anything that ends a line.
_PATH = re.compile(r"/(?![/\\])[!-~]*")


@dataclass(frozen=True)
class Letter:
    """One rendered mail, its thread, and its calendar file, if any."""

    subject: str
    text: str
    html: str
    thread: str
    dates: str = ""


def one_line(text: str) -> str:
    """The text on one line, without control characters: a subject can't begin another header."""
    spaced = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(spaced.split())[:LONGEST_SUBJECT]


def write(notice: Notice, checkpoint: Seal | None, facts: Mapping[str, Any] | None = None) -> Letter:
    """Fill in the templates of a notice, in its recipient's time zone.

    Args:
        notice: the notice to render.
        checkpoint: the ledger's last seal.
        facts: further facts for the templates, newer than those of the queued notice.

    Raises:
        TemplateDoesNotExist: the event has no templates.
        NoReverseMatch: its ``page`` is no page of the portal.
    """
    values = {**_values(notice, facts), "checkpoint": checkpoint}
    with timezone.override(zone_of(notice.recipient)):
        subject = _fill(f"email/{notice.event}/subject.txt", values, escape=False)
        text = _fill(f"email/{notice.event}/body.txt", values, escape=False)
        html = _fill(f"email/{notice.event}/body.html", values, escape=True)
    return Letter(one_line(subject), _wrapped(text), html, notice.thread)


def subject(notice: Notice, facts: Mapping[str, Any] | None = None) -> str:
    """The subject that the mail of a notice has, or would have; see `write`."""
    with timezone.override(zone_of(notice.recipient)):
        return one_line(_fill(f"email/{notice.event}/subject.txt", _values(notice, facts), escape=False))


def _values(notice: Notice, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        **_alive(notice.context),
        **(facts or {}),
        "recipient": notice.recipient,
        "link": (facts or {}).get("link") or link(notice.context),
        "organisation": settings.ORGANISATION,
        "portal": settings.BASE_URL,
    }


def link(context: dict[str, Any]) -> str:
    """Return the absolute address of a notice's item; the home page without one."""
    return settings.BASE_URL + path_of(context)


def path_of(context: dict[str, Any]) -> str:
    """Return the path of a notice's item on the portal; the home page without one."""
    if page := context.get("page"):
        name, *arguments = page
        return reverse(name, args=arguments)
    path = str(context.get("path", "/"))
    # Only a path on the portal, so that no mail of ours carries a foreign link.
    return path if _PATH.fullmatch(path) else "/"


def _wrapped(text: str) -> str:
    """Lines of at most 76 characters (RFC 5322 asks for 78), addresses whole, never two empty lines."""
    lines = (
        textwrap.fill(line, 76, break_long_words=False, break_on_hyphens=False) if line.strip() else ""
        for line in text.splitlines()
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _fill(name: str, values: dict[str, Any], *, escape: bool) -> str:
    rendered: str = get_template(name).template.render(Context(values, autoescape=escape))  # type: ignore[attr-defined]  # Django's own engine
    return rendered


def _alive(value: Any, name: str = "") -> Any:
    """Return JSON from a row with its instants, and with days under names that end in ``_on``."""
    if isinstance(value, dict):
        return {key: _alive(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_alive(inner, name) for inner in value]
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return parse_datetime(value) or value
    if isinstance(value, str) and name.endswith("_on"):
        return parse_date(value) or value
    return value
