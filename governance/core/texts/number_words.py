"""Words for numbers and days, the same on pages, in mails and in reasons. Pure except for the active time zone."""

from datetime import date, datetime

from django.utils import timezone


def counted(number: int, thing: str, things: str = "") -> str:
    """Return "1 privilege", "5 privileges"; ``things`` when adding an s is not the plural."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def day_of(at: datetime | date) -> date:
    """Return the calendar day of an instant in the active zone, or the day itself."""
    return timezone.localtime(at).date() if isinstance(at, datetime) else at


def day_words(on: date, today: date) -> str:
    """Return "Thu 26 Nov" for a day within two months, otherwise "12 Jun 2026"."""
    near = abs((on - today).days) <= 60
    return f"{on:%a} {on.day} {on:%b}" if near else f"{on.day} {on:%b %Y}"


def stamp_words(at: datetime) -> str:
    """Return "Tue 24 Nov 2026, 15:10"."""
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"
