"""The only source of business time. A view or task reads it once and passes it on as `now=`.

In a demo and in tests an offset kept in one row moves it for every process; production never reads the row (its settings refuse
a demo). Sessions, tokens and seals use real time.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from governance.core.models import ClockOffset


def offset() -> timedelta:
    """Return how far business time is ahead of real time; zero outside demo and tests."""
    if not settings.DEMO:
        return timedelta()
    return ClockOffset.objects.filter(pk=1).values_list("offset", flat=True).first() or timedelta()


def now() -> datetime:
    """The present instant of business time, in UTC."""
    return timezone.now() + offset()


def real() -> datetime:
    """Return the present instant of real time, in UTC: only for sessions, tokens, seals, claims and late jobs."""
    return timezone.now()
