"""The organisation's time zone and holidays: settings that deadlines count by."""

from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from governance.core.models import Person


def organisation_zone() -> ZoneInfo:
    """Return the organisation's time zone. A person's deadline ends at 17:00 in that person's zone (H8)."""
    return ZoneInfo(settings.ORGANISATION_TIME_ZONE)


def organisation_holidays() -> frozenset[date]:
    """The days that the organisation has off: no human deadline counts them or ends on one (H8)."""
    holidays: frozenset[date] = settings.ORGANISATION_HOLIDAYS
    return holidays


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone, or the organisation's if the name is empty or this machine does not know it.

    Args:
        name: an IANA name such as ``Europe/Berlin``.
    """
    try:
        return ZoneInfo(name or settings.ORGANISATION_TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return organisation_zone()


def zone_of(person: Person | None) -> ZoneInfo:
    """Return the time zone of a person, or the organisation's without one."""
    return zone_named(person.time_zone if person else "")
