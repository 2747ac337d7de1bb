"""How what the brake holds gets into the states of ``approvals.csv``, and what allowed writes are called with.

The stock report, with twelve low-risk grants beside, was retired by *business_owner*.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from approvals.grants import circuit_breaker
from approvals.grants.transitions import circuit_breaker as transition_circuit_breaker
from approvals.models import BatchSays, EndCause, Grant, HeldBatch, HeldGrant, Submission
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from tests.matrix.approvals_states import in_force
from tests.matrix.cast_and_states import World, arguments, start, state
from tests.recertification.grant_rows import low_grants

CAUSE, BATCH, HELD = "approvals.endcause", "approvals.heldbatch", "approvals.heldgrant"


@start(on=in_force)
def much(w: World, made: Submission) -> Submission:
    """Twelve grants more."""
    low_grants(made, 12, begins_at=w.now)
    return made


@state(CAUSE, "known", on=much)
def known(w: World, made: Submission) -> EndCause:
    """A campaign that would end them."""
    return circuit_breaker.lock(EndCause(key="campaign:1", title="The close of a campaign"))


def _retired(w: World, made: Submission, ago: timedelta = timedelta()) -> HeldBatch:
    automation = Automation.objects.get(pk=made.automation_id)
    lifecycle.retire(automation, actor=w.actor("business_owner"), now=w.now - ago, reason="Replaced.")
    return HeldBatch.objects.get()


@state(BATCH, "open", on=much)
def open_now(w: World, made: Submission) -> HeldBatch:
    """Held just now."""
    return _retired(w, made)


@state(BATCH, "overdue", on=much)
def overdue(w: World, made: Submission) -> HeldBatch:
    """Held five hours ago, and no sweep has run."""
    return _retired(w, made, timedelta(hours=5))


@state(BATCH, "half", on=open_now)
def half(w: World, batch: HeldBatch) -> HeldBatch:
    """One reviewer has released it."""
    return _says(w, batch, "second_security", BatchSays.RELEASE)


@state(BATCH, "released", on=half)
def released(w: World, batch: HeldBatch) -> HeldBatch:
    """An admin too."""
    return _says(w, batch, "other_admin", BatchSays.RELEASE)


@state(BATCH, "lapsed", on=overdue)
def lapsed(w: World, batch: HeldBatch) -> HeldBatch:
    """Nobody answered."""
    return transition_circuit_breaker.lapse_batch(batch, actor=w.actor("job"), now=w.now)


def _says(w: World, batch: HeldBatch, who: str, says: BatchSays) -> HeldBatch:
    return transition_circuit_breaker.answer_batch(batch, actor=w.actor(who), now=w.now, reason="I looked.", says=says)


@state(HELD, "waiting", on=open_now)
def waiting(w: World, batch: HeldBatch) -> HeldGrant:
    """Nobody has answered."""
    return batch.held.earliest("pk")


@state(HELD, "released", on=released)
def held_and_released(w: World, batch: HeldBatch) -> HeldGrant:
    """Released, and no sweep has run."""
    return batch.held.earliest("pk")


@arguments(f"{CAUSE}.hold_due")
def _due(w: World, cause: models.Model) -> Mapping[str, Any]:
    return {"due": list(Grant.objects.order_by("pk")), "why": "silence"}


@arguments(f"{BATCH}.answer_batch")
def _release(w: World, batch: models.Model) -> Mapping[str, Any]:
    return {"says": BatchSays.RELEASE}
