"""New assessment of automations in use after a policy changes the tiers (T4, S8).

A raised tier shortens the term and opens a review (`risk_increase`). A lower tier takes effect at the renewal. Each
automation is assessed once, in its own transaction. Assessments are dated, so a kill loses nothing (R9).
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
from inventory.versions import transitions as version_transitions


def since(now: datetime) -> datetime | None:
    """When the present computation of tiers came into force, or None if it never changed.

    A change that one person made alone does not count. It ends after three days, but a term it shortened would stay
    short.
    """
    since_version, tiers = None, None
    for version in PolicyVersion.objects.effective(now).filter(until__isnull=True):
        if tiers is not None and version.document.get("tiers") != tiers:
            return since_version
        since_version, tiers = version.effective_at, version.document.get("tiers")
    return None


def due(now: datetime) -> QuerySet[Automation]:
    """Automations in use whose approved version was last assessed before the present computation of tiers."""
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
    """Assess an automation by the new policy; a raised tier shortens the term and opens a review (T4)."""
    version = step.subject.approved_version
    assert version is not None  # the duty has checked its assessment
    made = version_transitions.assess_version(version, now=step.now)
    return Effect(payload={"tier": made.tier})
