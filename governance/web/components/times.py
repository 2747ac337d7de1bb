"""How instants and days read on a page: the words a person would say, with the exact value beside them.

Every function takes ``now`` as an argument and shows times in the zone that is active for the request; none reads a
clock. The words follow the calendar, not elapsed hours: half past eight yesterday evening is "yesterday".
"""

from datetime import date, datetime, timedelta
from functools import lru_cache

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.core.texts.number_words import counted as counted
from governance.core.texts.number_words import day_of as day_of
from governance.core.texts.number_words import day_words as day_words
from governance.core.texts.number_words import stamp_words as stamp_words

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def moment_words(at: datetime, now: datetime) -> str:
    """Return "today 09:21", "yesterday 16:40", "tomorrow 17:00", "Mon 23 Nov 16:32", or the day alone far away."""
    local, today = timezone.localtime(at), day_of(now)
    near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get((local.date() - today).days)
    if near is None and abs((local.date() - today).days) > 60:
        return day_words(local.date(), today)
    return f"{near or day_words(local.date(), today)} {local:%H:%M}"


def distance_words(at: datetime | date, now: datetime) -> str:
    """Return "2 minutes ago", "in 2 days", "today", "just now". A day is counted in calendar days."""
    if not isinstance(at, datetime):
        return _days_away((at - day_of(now)).days)
    gap = abs(at - now)
    if gap < MINUTE:
        return "just now"
    days = (day_of(at) - day_of(now)).days
    if gap >= 24 * HOUR or (days and gap >= 6 * HOUR):
        return _days_away(days)
    number, thing = (gap // HOUR, "hour") if gap >= HOUR else (gap // MINUTE, "minute")
    return f"in {counted(number, thing)}" if at > now else f"{counted(number, thing)} ago"


def _days_away(days: int) -> str:
    words = {0: "today", 1: "tomorrow", -1: "yesterday"}
    if days in words:
        return words[days]
    return f"in {counted(days, 'day')}" if days > 0 else f"{counted(-days, 'day')} ago"


def exact_words(at: datetime) -> str:
    """Return "Tuesday 24 November 2026, 15:10:02 CET"."""
    local = timezone.localtime(at)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z}"


def time_element(at: datetime | date, text: str) -> SafeString:
    """Return ``text`` as a ``time`` element whose machine-readable value and title are exact."""
    return _element(
        at.isoformat(), exact_words(at) if isinstance(at, datetime) else f"{at:%A} {at.day} {at:%B %Y}", text
    )


@lru_cache(maxsize=1024, typed=True)
def _element(at: str, exact: str, text: str) -> SafeString:
    """Draw an instant or a day once and keep it: a list shows the same few days a hundred times."""
    return format_html('<time datetime="{}" title="{}">{}</time>', at, exact, text)
