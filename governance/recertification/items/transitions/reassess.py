"""New assessment of automations in use, after a policy changed the tiers or a connected automation became riskier.

A raised tier shortens the term and opens a review (`risk_increase`). A lower tier takes effect at the renewal (T4, S8).
Automations that share an identity or a chain take its tier (I5, A16). Each is assessed in its own transaction, so none
blocks another and a kill loses nothing (R9).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from approvals.models import PolicyVersion
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, duty
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from inventory.chains import queries as chain_queries
from inventory.chains.queries import JoinedTier
from inventory.models import Assessment, Automation
from inventory.risk.tiers import Tier
from inventory.versions import transitions as version_transitions

#: States in which an automation holds its grants.
HELD = chain_queries.IN_USE


def connected_with_riskier() -> set[int]:
    """Ids of automations in use with a lower tier than another automation of their chain.

    One query with few rows: only connected automations, and those that call an unknown one.
    """
    members: dict[int, list[JoinedTier]] = defaultdict(list)
    for member in chain_queries.joined_tiers():
        members[member.chain].append(member)
    automation_ids = set()
    for chain in members.values():
        leads_out = any(member.calls_unknown for member in chain)
        for member in chain:
            others = (other.own for other in chain if other.automation != member.automation)
            if max(others, default=Tier.LOW) > member.judged or (leads_out and member.judged < Tier.HIGH):
                automation_ids.add(member.automation)
    return automation_ids


def assessed_by_earlier_policy(now: datetime) -> QuerySet[Automation]:
    """Automations in use whose approved version was last assessed before the present computation of tiers."""
    since = _tiers_since(now)
    if since is None:
        return Automation.objects.none()
    newest = Assessment.objects.filter(version=OuterRef("approved_version")).order_by("-pk").values("at")[:1]
    return Automation.objects.filter(state__in=HELD).annotate(judged_at=Subquery(newest)).filter(judged_at__lt=since)


def _tiers_since(now: datetime) -> datetime | None:
    """When the present computation of tiers came into force, or None if it never changed.

    A change that one person made alone does not count. It ends after three days, but a term it shortened would stay
    short.
    """
    since, tiers = None, None
    for version in PolicyVersion.objects.effective(now).filter(until__isnull=True):
        if tiers is not None and version.document.get("tiers") != tiers:
            return since
        since, tiers = version.effective_at, version.document.get("tiers")
    return None


@duty("T4")
def due(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """An automation is assessed anew after a policy or a connected automation raised its tier."""
    version = subject.approved_version
    last_assessment = version.latest_assessment if version is not None else None
    if last_assessment is None:
        return Refusal("T4", "state", "No assessed version of it is approved.")
    is_riskier = chain_queries.chain_of(subject.pk).tier > Tier.of(last_assessment.tier)
    if is_riskier or assessed_by_earlier_policy(now).filter(pk=subject.pk).exists():
        return None
    return Refusal("T4", "state", "Its assessment is up to date.")


@transition(Automation, event="automation.reassessed", permission=Permission.ITEM_OPEN, source=HELD, duties=(due,))
def reassess(step: Step[Automation]) -> Effect:
    """Assess an automation again; a raised tier shortens the term and opens a review (T4)."""
    version = step.subject.approved_version
    assert version is not None  # the duty has checked it
    made = version_transitions.assess_version(version, now=step.now)
    return Effect(payload={"tier": made.tier})
