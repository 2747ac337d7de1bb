"""Jobs of the circuit breaker: check sweeps before they end grants, lapse unanswered batches, end released grants (G6,
R9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from approvals.grants import circuit_breaker as grant_circuit_breaker
from approvals.grants.circuit_breaker import Cause
from approvals.grants.transitions import circuit_breaker
from approvals.models import BatchState, Grant, HeldBatch, HeldGrant
from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps


def sweep(now: datetime, actor: Actor) -> Mapping[str, int]:
    """Run once; return the counts by action."""
    lapsed = sweeps.sweep(
        HeldBatch.objects.filter(state=BatchState.OPEN, answer_by__lte=now),
        lambda batch: circuit_breaker.lapse_batch.when_due(batch, actor=actor, now=now),
        job=actor.job,
    )
    ended = sweeps.sweep(
        HeldGrant.objects.to_end(),
        lambda held_grant: circuit_breaker.end_held.when_due(held_grant, actor=actor, now=now),
        job=actor.job,
    )
    return {"batches_lapsed": lapsed, "held_ended": ended}


def ask_first(cause: Cause, due: Sequence[Grant], why: str, *, now: datetime, actor: Actor) -> bool:
    """Check whether a sweep may end due grants by one cause. If so, count them; if not, hold all of them, still due.

    Args:
        cause: the cause of the ends.
        due: due grants, without those held from the cause (`circuit_breaker.is_blocked`).
        why: a value of `grants.Why`.
        now: business time.
        actor: the actor of the job.
    """
    if not due:
        return True
    with transaction.atomic():
        row = grant_circuit_breaker.lock(cause)
        if grant_circuit_breaker.let_through(row, [grant.pk for grant in due], now):
            return True
    circuit_breaker.hold_due.when_due(row, actor=actor, now=now, due=due, why=why)
    return False
