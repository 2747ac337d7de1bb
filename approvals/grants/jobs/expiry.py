"""What a job does to grants when its time has come: a term that is over ends the grant (G3, R9), and so does that no privilege uses it (A2).

Nothing waits for this: a grant past its term is not live from that instant on. The sweep puts it on record.
"""

from __future__ import annotations

from datetime import datetime

from approvals.grants import unused_credentials
from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind
from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps


def expire_due(now: datetime, actor: Actor) -> int:
    """End every standing grant whose term is over at ``now``; returns how many."""
    due = Grant.objects.standing().filter(ends_at__lte=now)
    # Credentials first: a privilege's end would end them for another reason (A2).
    return sum(
        sweeps.sweep(
            due.filter(kind=kind), lambda one: lifecycle.expire.when_due(one, actor=actor, now=now), job=actor.job
        )
        for kind in (GrantKind.CREDENTIAL, GrantKind.PRIVILEGE)
    )


def end_unneeded_due(now: datetime, actor: Actor) -> int:
    """End the credentials' grants that no privilege uses, which earlier releases left in force (A2); returns how many."""
    due = Grant.objects.standing().filter(unused_credentials.unneeded())
    return sweeps.sweep(
        due, lambda grant: unused_credentials.end_unneeded.when_due(grant, actor=actor, now=now), job=actor.job
    )
