"""What mails and webhooks share: claiming what is due, trying again later, giving up (R9).

A row is claimed in a transaction of its own, sent, and marked. Killed between sending and marking, it is claimed again when the claim
is too old to be alive. What fails waits longer each time, and in the end has failed.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet

from governance.core.models import Notice, WebhookDelivery

#: A claim older than this belongs to a dead worker. A mail server answers or times out long before.
DEAD_AFTER = timedelta(minutes=10)

#: How long after the first, second, … attempt the next one may begin; after the last of these it has failed.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1), timedelta(hours=4))
MOST_ATTEMPTS = len(WAITS) + 1

#: A sweep ends after this many seconds; the next one goes on.
SWEEP_SECONDS = 20

QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"


#: What goes out so.
Outgoing = Notice | WebhookDelivery
M = TypeVar("M", Notice, WebhookDelivery)


def due(at: datetime) -> Q:
    """Rows that may be tried at real time ``at``."""
    due = Q(state=QUEUED, attempts=0) | Q(state=SENDING, claimed_at__lt=at - DEAD_AFTER)
    for attempts, wait in enumerate(WAITS, start=1):
        due |= Q(state=QUEUED, attempts=attempts, claimed_at__lte=at - wait)
    return due


def rests(state: str, attempts: int, claimed_at: datetime | None, at: datetime) -> bool:
    """Whether what was tried so, and not taken, is to be left alone at real time ``at``."""
    if state != QUEUED or not attempts or claimed_at is None:
        return False
    return claimed_at > at - WAITS[min(attempts, len(WAITS)) - 1]


def claim(rows: QuerySet[M], *, at: datetime, first: tuple[str, ...] = ("created_at", "id")) -> M | None:
    """Take the oldest of some rows that is due and that nobody else is sending; None when there is none.

    Args:
        rows: those to choose from, with what sending reads of them.
        at: real time.
        first: by what they go, where it is not their age alone.
    """
    with transaction.atomic():
        unlocked = rows.select_for_update(skip_locked=True, of=("self",))
        row = unlocked.filter(due(at)).order_by(*first).first()
        if row is not None:
            row.state, row.claimed_at, row.attempts = SENDING, at, row.attempts + 1
            row.save(update_fields=["state", "claimed_at", "attempts"])
    return row


def is_last(row: Outgoing) -> bool:
    """Whether this attempt is the last one."""
    return row.attempts >= MOST_ATTEMPTS


def put_off(row: Outgoing, error: str) -> str:
    """Try it later; returns which count it belongs to. The last attempt is given up instead, see `is_last`."""
    row.state, row.error = QUEUED, error
    row.save(update_fields=["state", "error"])
    return "put_off"


def give_up(row: Outgoing, error: str) -> str:
    """Mark it as failed; returns which count it belongs to."""
    row.state, row.error = FAILED, error
    row.save(update_fields=["state", "error"])
    return "failed"
