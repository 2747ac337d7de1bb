"""Move business time in a demo or in tests."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from governance.core.actors.actor import Actor
from governance.core.clock.current_time import now
from governance.core.ledger import ledger_events
from governance.core.models import ClockOffset
from governance.core.models.clock import MOVED


def move(by: timedelta, *, actor: Actor | None = None) -> timedelta:
    """Move business time forward for every process, with its event; return the whole offset.

    Args:
        by: the span, zero or more.
        actor: the mover; a job by default.

    Raises:
        ValueError: outside demo and tests, or backwards, because events would then lie in the future.
    """
    if not settings.DEMO:
        raise ValueError("The clock can be moved in a demo only.")
    if by < timedelta():
        raise ValueError("The clock moves forward only; reset the demo to start again.")
    with transaction.atomic():
        ClockOffset.objects.get_or_create(pk=1)
        row = ClockOffset.objects.select_for_update().get(pk=1)  # two movers at once both count
        row.offset += by
        row.save()
        if by:
            payload = {"microseconds": str(row.offset // timedelta(microseconds=1))}
            ledger_events.append(
                actor=actor or Actor.of_job("clock"), verb=MOVED, subject=row, now=now(), payload=payload
            )
    ahead: timedelta = row.offset
    return ahead
