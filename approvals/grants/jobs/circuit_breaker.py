"""What jobs do about the brake: ask before a sweep ends grants, let what nobody answered lapse, end what was released (G6, R9)."""

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
    """One run; returns how much of what it did."""
    lapsed = sweeps.sweep(
        HeldBatch.objects.filter(state=BatchState.OPEN, answer_by__lte=now),
        lambda one: circuit_breaker.lapse_batch.when_due(one, actor=actor, now=now),
        job=actor.job,
    )
    ended = sweeps.sweep(
        HeldGrant.objects.to_end(),
        lambda one: circuit_breaker.end_held.when_due(one, actor=actor, now=now),
        job=actor.job,
    )
    return {"batches_lapsed": lapsed, "held_ended": ended}


def ask_first(cause: Cause, due: Sequence[Grant], why: str, *, now: datetime, actor: Actor) -> bool:
    """Ask before a sweep ends what is due by one cause: it may, and that is counted, or all of it is held and stays due.

    Args:
        cause: what ends them.
        due: grants that it would end, without those that are held from it (`circuit_breaker.is_blocked`).
        why: of `grants.Why`.
        now: business time.
        actor: the job.
    """
    if not due:
        return True
    with transaction.atomic():
        row = grant_circuit_breaker.lock(cause)
        if grant_circuit_breaker.let(row, [one.pk for one in due], now):
            return True
    circuit_breaker.hold_due.when_due(row, actor=actor, now=now, due=due, why=why)
    return False
