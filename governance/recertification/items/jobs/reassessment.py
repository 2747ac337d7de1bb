"""Job steps that assess automations again after a policy or a shared identity changed."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps
from governance.recertification.items.jobs.opening import JOB
from governance.recertification.items.transitions import reassess_policy, reassess_shared_identity
from inventory.models import Automation

#: Most automations that one run assesses by a policy, to leave time for the reviews.
AT_ONCE = 500


def assess_connected(now: datetime, actor: Actor) -> int:
    """Assess automations that are connected with a riskier one; return the number (I5, A16)."""
    due = Automation.objects.filter(pk__in=reassess_shared_identity.due(), state__in=reassess_shared_identity.HELD)
    return sweeps.sweep(
        due, partial(reassess_shared_identity.judge_with_sharers.when_due, actor=actor, now=now), job=JOB
    )


def assess_by_policy(now: datetime, actor: Actor) -> int:
    """Assess automations in use by a policy with new tiers, some in each run; return the number (T4)."""
    ids = sorted(reassess_policy.due(now).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    due = Automation.objects.filter(pk__in=ids)
    return sweeps.sweep(due, partial(reassess_policy.judge_by_policy.when_due, actor=actor, now=now), job=JOB)
