"""Send sealed events to the SIEM in the order of the ledger, each at least once, and go on where the last run stopped.

A line is one of the ledger's export, so the verifier checks what a SIEM has kept. A receiver that has an event twice knows it by ``event_id``.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice

import structlog
from django.db import connection

from governance.core.audit_stream import senders
from governance.core.audit_stream.senders import NotAccepted, Sender
from governance.core.ledger import ledger_export
from governance.core.models import AuditStream, Seal

log = structlog.get_logger(__name__)

JOB = "controls.stream_audit"
#: Most lines of one request, and seconds of one run; the next run goes on.
MOST_LINES, MOST_SECONDS = 500, 30
#: After this time without an accepted line the health check fails.
FAILS_AFTER = timedelta(minutes=5)
_ADVISORY_LOCK = 0x51E4


def send_due(*, at: datetime) -> dict[str, int]:
    """Send the events of seals that were not sent yet; returns the number of lines.

    Args:
        at: real time.
    """
    sender = senders.configured()
    if sender is None:
        return {"lines": 0}
    with _alone() as is_alone:
        return {"lines": _send(sender, at) if is_alone else 0}


def _send(sender: Sender, at: datetime) -> int:
    stream, _ = AuditStream.objects.get_or_create(pk=1)
    began, sent = time.monotonic(), 0
    try:
        for seal in Seal.objects.filter(number__gt=stream.seal).order_by("number").iterator(chunk_size=100):
            lines = ledger_export.lines_of(seal)
            while chunk := list(islice(lines, MOST_LINES)):
                sender.send(chunk)
                sent += len(chunk)
            stream.seal, stream.sent_at, stream.failing_since = seal.number, at, None
            stream.save()
            if time.monotonic() - began > MOST_SECONDS:
                break
    except NotAccepted as error:
        log.warning("audit_stream.failed", reason=str(error), seal=stream.seal + 1)
        stream.failing_since = stream.failing_since or at
        stream.save()
    return sent


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold a lock of the session, so that two workers do not send side by side. No transaction is open while the receiver answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ADVISORY_LOCK])
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])


def problems(at: datetime) -> Sequence[str]:
    """Return why the health check fails: the receiver takes nothing."""
    stream = AuditStream.objects.filter(pk=1, failing_since__lte=at - FAILS_AFTER).first()
    if stream is None or senders.configured() is None:
        return ()
    waiting = Seal.objects.filter(number__gt=stream.seal).count()
    since = f"{stream.failing_since:%Y-%m-%d %H:%M} UTC"
    return (
        f"The audit stream has been refused since {since}; {waiting} seals wait. Look for audit_stream.failed in the log.",
    )
