"""What a job does to grants when its time has come: a term that is over ends the grant (G3, R9), and so does that no privilege uses it (A2).

Nothing waits for this: a grant past its term is not live from that instant on. The sweep puts it on record.
"""

from __future__ import annotations

from datetime import datetime

from approvals import grants, unneeded
from approvals.models import Grant, GrantKind
from governance.controls import claims
from governance.controls.actors import Actor


def expire_due(now: datetime, actor: Actor) -> int:
    """End every standing grant whose term is over at ``now``; returns how many."""
    due = Grant.objects.standing().filter(ends_at__lte=now)
    # Credentials first: a privilege's end would end them for another reason (A2).
    return sum(
        claims.sweep(
            due.filter(kind=kind), lambda one: grants.expire.when_due(one, actor=actor, now=now), job=actor.job
        )
        for kind in (GrantKind.CREDENTIAL, GrantKind.PRIVILEGE)
    )


def end_unneeded_due(now: datetime, actor: Actor) -> int:
    """End the credentials' grants that no privilege uses, which earlier releases left in force (A2); returns how many."""
    due = Grant.objects.standing().filter(unneeded.unneeded())
    return claims.sweep(due, lambda grant: unneeded.end_unneeded.when_due(grant, actor=actor, now=now), job=actor.job)
