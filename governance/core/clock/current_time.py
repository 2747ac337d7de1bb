"""The only source of business time. A view or task reads it once and passes it on as `now=`.

In a demo and in tests an offset kept in one row moves it for every process; production never reads the row (its settings refuse
a demo). Sessions, tokens and seals use real time.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from governance.core.models import ClockOffset


def offset() -> timedelta:
    """How far business time stands ahead of real time; nothing outside demo and tests."""
    if not settings.DEMO:
        return timedelta()
    return ClockOffset.objects.filter(pk=1).values_list("offset", flat=True).first() or timedelta()


def now() -> datetime:
    """The present instant of business time, in UTC."""
    return timezone.now() + offset()


def real() -> datetime:
    """The present instant of real time, in UTC: for sessions, tokens, seals, claims and the lateness of jobs, and nothing else."""
    return timezone.now()
