"""What is held is judged anew once tiers are computed otherwise: a policy of two people has changed how (T4, S8).

What has risen by that has a shorter term and is reviewed, as by whatever else raises a tier (`risk_increase`); what has fallen changes nothing until its renewal.
Each is judged once, in a transaction of its own: its newest assessment is dated, and a kill loses nothing (R9).
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from approvals.models import PolicyVersion
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from governance.recertification.items.transitions.reassess_shared_identity import HELD
from inventory.models import Assessment, Automation
from inventory.versions import assessment


def since(now: datetime) -> datetime | None:
    """When the way in which tiers are computed at ``now`` came into force; None where it has always been that.

    What one person tightened alone does not count: it is over in three days, and a term that was shortened by it would stay so.
    """
    found, tiers = None, None
    for version in PolicyVersion.objects.effective(now).filter(until__isnull=True):
        if tiers is not None and version.document.get("tiers") != tiers:
            return found
        found, tiers = version.effective_at, version.document.get("tiers")
    return None


def due(now: datetime) -> QuerySet[Automation]:
    """Automations in use whose approved version was judged last before tiers came to be computed as they are."""
    begun = since(now)
    if begun is None:
        return Automation.objects.none()
    newest = Assessment.objects.filter(version=OuterRef("approved_version")).order_by("-pk").values("at")[:1]
    return Automation.objects.filter(state__in=HELD).annotate(judged_at=Subquery(newest)).filter(judged_at__lt=begun)


def _was_judged_otherwise(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    if due(now).filter(pk=subject.pk).exists():
        return None
    return Refusal("T4", "state", "It was judged as tiers are computed now.")


JUDGED_OTHERWISE = Duty(
    "T4",
    "T4",
    "What was judged before tiers came to be computed as they are is judged anew, once.",
    _was_judged_otherwise,
)


@transition(
    Automation,
    event="automation.judged_by_policy",
    permission=Permission.ITEM_OPEN,
    source=HELD,
    duties=(JUDGED_OTHERWISE,),
)
def judge_by_policy(step: Step[Automation]) -> Effect:
    """A policy computes tiers otherwise: what is in use is judged by it; what has risen has a shorter term and is reviewed (T4)."""
    version = step.subject.approved_version
    assert version is not None  # it was assessed, as the duty says
    made = assessment.assess(version, now=step.now)
    return Effect(payload={"tier": made.tier})
