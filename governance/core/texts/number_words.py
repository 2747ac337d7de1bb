"""Words for numbers and days, the same on pages, in mails and in reasons. Pure except for the active time zone."""

from datetime import date, datetime

from django.utils import timezone


def counted(number: int, thing: str, things: str = "") -> str:
    """Return "1 privilege", "5 privileges"; ``things`` when adding an s is not the plural."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def day_of(at: datetime | date) -> date:
    """Return the calendar day of an instant in the active zone, or the day itself."""
    return timezone.localtime(at).date() if isinstance(at, datetime) else at
