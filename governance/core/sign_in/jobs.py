"""Delete expired sessions, and what is kept of their browsers (H7). Django ignores them, but does not delete them."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

#: Most sessions of one run; the next run continues.
MOST = 50_000


def clear_expired(*, at: datetime) -> dict[str, int]:
    """Delete expired sessions; returns how many.

    Args:
        at: real time, by which sessions end.
    """
    UserSession.objects.exclude(session_key__in=Session.objects.filter(expire_date__gte=at).values("pk")).delete()
    over = Session.objects.filter(expire_date__lt=at).order_by("expire_date").values("pk")[:MOST]
    return {"sessions": Session.objects.filter(pk__in=over).delete()[0]}
