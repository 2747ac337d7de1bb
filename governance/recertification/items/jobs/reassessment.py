"""Job step that assesses automations again after a policy or a connected automation changed."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps
from governance.recertification.items.jobs.opening import JOB
from governance.recertification.items.transitions import reassess
from inventory.models import Automation

#: Most automations that one run assesses by a policy, to leave time for the reviews.
AT_ONCE = 500


def reassess_due(now: datetime, actor: Actor) -> int:
    """Assess automations that a policy or a connected automation made riskier; return the number (T4, I5, A16)."""
    by_policy = reassess.assessed_by_earlier_policy(now).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    ids = sorted({*reassess.connected_with_riskier(), *by_policy})
    due = Automation.objects.filter(pk__in=ids, state__in=reassess.HELD)
    return sweeps.sweep(due, partial(reassess.reassess.when_due, actor=actor, now=now), job=JOB)
