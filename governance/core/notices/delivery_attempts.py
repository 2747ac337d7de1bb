"""Delivery of mails and webhook messages: claim due rows, try again later, give up (R9).

A row is claimed in its own transaction, sent, and marked. After a kill between sending and marking, it is claimed again when the claim
is too old. A failed row waits longer after each attempt, and is given up in the end.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet

from governance.core.models import Notice, WebhookDelivery

#: A claim older than this belongs to a dead worker. A mail server answers or times out long before.
DEAD_AFTER = timedelta(minutes=10)

#: The wait after the first, second, … attempt. After the last one, the row is given up.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1), timedelta(hours=4))
MOST_ATTEMPTS = len(WAITS) + 1

#: A sweep ends after this many seconds; the next one goes on.
SWEEP_SECONDS = 20

QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"


#: Rows with delivery attempts.
Outgoing = Notice | WebhookDelivery
M = TypeVar("M", Notice, WebhookDelivery)


def due(at: datetime) -> Q:
    """Return the rows that may be tried at real time ``at``."""
    due = Q(state=QUEUED, attempts=0) | Q(state=SENDING, claimed_at__lt=at - DEAD_AFTER)
    for attempts, wait in enumerate(WAITS, start=1):
        due |= Q(state=QUEUED, attempts=attempts, claimed_at__lte=at - wait)
    return due


def rests(state: str, attempts: int, claimed_at: datetime | None, at: datetime) -> bool:
    """Whether a row with failed attempts still waits at real time ``at``.

    Args:
        state: its state.
        attempts: attempts so far.
        claimed_at: real time of the last attempt.
        at: real time.
    """
    if state != QUEUED or not attempts or claimed_at is None:
        return False
    return claimed_at > at - WAITS[min(attempts, len(WAITS)) - 1]


def claim(rows: QuerySet[M], *, at: datetime, first: tuple[str, ...] = ("created_at", "id")) -> M | None:
    """Claim the oldest due row that no other worker is sending; None without one.

    Args:
        rows: the rows to choose from, with the columns for sending.
        at: real time.
        first: order before the age.
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
    """Put a row off; return the name of its count. After the last attempt it is given up, see `is_last`."""
    row.state, row.error = QUEUED, error
    row.save(update_fields=["state", "error"])
    return "put_off"


def give_up(row: Outgoing, error: str) -> str:
    """Mark a row as failed; return the name of its count."""
    row.state, row.error = FAILED, error
    row.save(update_fields=["state", "error"])
    return "failed"
