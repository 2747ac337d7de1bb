"""The request as views get it, and what its address or form asks for: numbers, days and instants within bounds.

Nothing that is typed makes a page fail.

Views read numbers and days of a request here and nowhere else. Whether what was asked for exists, and may be had, is
theirs to say.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import url_has_allowed_host_and_scheme

from governance.core.access import Actor

M = TypeVar("M", bound=Model)

#: As many as a key of the database always holds.
DIGITS = 18
#: Between these, a day has a midnight and a next day in every zone.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)


class Request(HttpRequest):
    """A request as views behind a sign-in get it: for annotations, since `RequestActorMiddleware` adds the attribute."""

    actor: Actor
    #: Business time, read once for the request.
    now: Callable[[], datetime]


def number(text: str | None) -> int | None:
    """The whole number that a text of decimal digits says; None for anything else.

    One of more than `DIGITS` digits is larger than any key and any limit, and is read as the largest that has so many.
    """
    if not text or not text.isascii() or not text.isdecimal():
        return None
    return int(text) if len(text) <= DIGITS else 10**DIGITS - 1


def local_path(path: str | None) -> str:
    """A path on this portal, as ``next`` and ``back`` name one; empty for anything else, such as an address elsewhere."""
    path = path or ""
    is_ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_ours and path.isprintable() else ""


def midnight(text: str | None) -> datetime | None:
    """Midnight, in the reader's zone, of a day as a date field sends it; None for anything else, and for absurd years."""
    try:
        day = parse_date(text or "")
    except ValueError:
        day = None
    return midnight_of(day) if day is not None and FIRST_DAY <= day <= LAST_DAY else None


def instant(text: str | None) -> datetime | None:
    """The instant that an address of our own says (ISO 8601 with its zone); None for anything else, and for absurd years."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo is not None and FIRST_DAY <= at.date() <= LAST_DAY else None


def midnight_of(day: date) -> datetime:
    """Midnight of a day in the reader's zone."""
    return datetime.combine(day, time(), tzinfo=timezone.get_current_timezone())


def end_of(day: date) -> datetime:
    """The midnight after a day, in the reader's zone: where a term that includes the day ends.

    Args:
        day: not after `LAST_DAY`.
    """
    return midnight_of(day + timedelta(days=1))


def visible_row(request: Request, model: type[M], pk: int, *related: str) -> tuple[M, datetime]:
    """Return the row that an address names, if the reader may see it, with the business time; otherwise answer 404.

    Args:
        request: the request.
        model: its manager has `visible_to`.
        pk: key of the row.
        related: relations to load with it.
    """
    manager: Any = model._default_manager
    now = request.now()
    return get_object_or_404(manager.visible_to(request.actor, now).select_related(*related), pk=pk), now
