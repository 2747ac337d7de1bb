"""The job that ends grants at the end of their term (G3, R9).

Nothing waits for this job: a grant is not live after its term. The sweep records the end.
"""

from __future__ import annotations

from datetime import datetime

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind
from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps


def expire_due(now: datetime, actor: Actor) -> int:
    """End each standing grant whose term is over at ``now``; return their number."""
    due = Grant.objects.standing().filter(ends_at__lte=now)
    # Credentials first: a privilege's end would end them for another reason (A2).
    return sum(
        sweeps.sweep(
            due.filter(kind=kind), lambda grant: lifecycle.expire.when_due(grant, actor=actor, now=now), job=actor.job
        )
        for kind in (GrantKind.CREDENTIAL, GrantKind.PRIVILEGE)
    )
