"""What a job does to grants when its time has come: a term that is over ends the grant (G3, R9).

Nothing waits for this: a grant past its term is not live from that instant on. The sweep puts it on record.
"""

from __future__ import annotations

from datetime import datetime

from approvals import grants
from approvals.models import Grant
from governance.controls import claims
from governance.controls.actors import Actor


def expire_due(now: datetime, actor: Actor) -> int:
    """End every standing grant whose term is over at ``now``; returns how many."""
    due = Grant.objects.standing().filter(ends_at__lte=now)
    return claims.sweep(due, lambda grant: grants.expire.when_due(grant, actor=actor, now=now), job=actor.job)
