"""Delete expired sessions (H7). Django ignores them, but does not delete them."""

from datetime import datetime

from django.contrib.sessions.models import Session

#: Most sessions of one run; the next run continues.
MOST = 50_000


def clear_expired(*, at: datetime) -> dict[str, int]:
    """Delete expired sessions; returns how many.

    Args:
        at: real time, by which sessions end.
    """
    over = Session.objects.filter(expire_date__lt=at).order_by("expire_date").values("pk")[:MOST]
    return {"sessions": Session.objects.filter(pk__in=over).delete()[0]}
