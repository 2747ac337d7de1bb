"""A rise in risk of granted access: it shortens the term and brings a review forward, once (I2, T4, R1).

Causes are a better importer's assessment, a raised class of a resource, or a tier raised by a person. A sweep
(`reassess`) follows connected automations.

The register knows no grants or reviews, so this module follows its operations. It brings review dates forward in the
same transaction. The next sweep opens the items (R9); open items are joined (R2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import F

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind, credential_key
from approvals.policies import queries as policy_queries
from governance.core.engine.transition import Step
from governance.core.jobs import nudge
from governance.core.models import Person
from governance.recertification.items import review_triggers, schedule
from governance.recertification.items.transitions import open_item, outcome_effects
from governance.recertification.items.transitions.reassess import HELD
from governance.recertification.models import WAITING, Item
from inventory.models import Assessment, Automation, Incident, Privilege, Resource, Version
from inventory.risk import policy
from inventory.risk import tiers as risk_tiers
from inventory.risk.tiers import Tier
from inventory.versions import assessment
from inventory.versions import transitions as version_transitions

#: Reasons of a review: keys of `item_title.REASON_WORDS`.
RISEN, FOUND = "tier raised", "new finding"


def follow_assessment(made: Assessment, step: Step[Any]) -> None:
    """Review grants and automation if a new assessment of the approved version is worse than the approval (I2)."""
    automation = made.version.automation
    if automation.approved_version_id != made.version_id or automation.state not in HELD:
        return
    standing = automation.grants.standing().select_related("automation").order_by("pk")
    risen = [(grant, tier) for grant in standing if (tier := _tier_in(made, grant)) > Tier.of(grant.counted_tier)]
    for grant, tier in risen:
        _raise(step, grant, tier)
    tier = Tier.of(made.levels.get("in_force", made.tier))  # a requested kind is not in force
    if tier > Tier.of(automation.tier):
        _review(step, automation, tier, RISEN)
    elif automation.grants.standing().exists() and _has_news(made):
        _review(step, automation, Tier.of(automation.tier), FOUND)


def _tier_in(made: Assessment, grant: Grant) -> Tier:
    """The tier of a grant in an assessment; low if the assessment does not list it."""
    part, key = (
        ("privileges", grant.key) if grant.kind == GrantKind.PRIVILEGE else ("credentials", str(grant.credential_id))
    )
    levels: Mapping[str, Any] = made.levels.get(part, {}).get(key, {})
    return Tier.of(levels.get("tier", "low"))


def _has_news(made: Assessment) -> bool:
    """Whether an assessment has a severe finding that the previous one did not have."""
    before = made.version.assessments.filter(pk__lt=made.pk).order_by("-pk").first()
    if before is None:
        return False
    known_findings = set(before.findings.filter(severity="high").values_list("code", "place"))
    return bool(set(made.findings.filter(severity="high").values_list("code", "place")) - known_findings)


def follow_class(resource: Resource, step: Step[Any]) -> None:
    """Assess automations anew if a changed resource makes a grant on it riskier (T4).

    A credential is as risky as its use, even after the grant of that use has ended.
    """
    running = Privilege.objects.filter(
        entitlement__resource=resource,
        version=F("version__automation__approved_version"),
        version__automation__state__in=HELD,
    )
    standing = Grant.objects.standing().filter(automation__in=running.order_by().values("version__automation"))
    granted = {(grant.automation_id, grant.key): grant for grant in standing}
    rules, riskier = policy.rules_at(step.now), dict[int, Version]()
    for privilege in running.select_related("version__automation", "entitlement__resource", "credential"):
        automation = privilege.version.automation
        tier = risk_tiers.privilege_tier(assessment.facts_of(privilege, automation.environment), rules).tier
        keys = (privilege.key, credential_key(privilege.credential_id or 0))
        grants = (granted.get((automation.pk, key)) for key in keys)
        if any(grant is not None and tier > Tier.of(grant.counted_tier) for grant in grants):
            riskier[automation.pk] = privilege.version
    for _, version in sorted(riskier.items()):
        version_transitions.assess_version(version, now=step.now)


def follow_joining(automation: Automation, step: Step[Any]) -> None:
    """Wake the sweep after a go-live or a retirement: connected automations may be riskier (I5, A16)."""
    nudge.send("recertification.sweep")


def follow_raised_tier(automation: Automation, step: Step[Any]) -> None:
    """Review an automation in use after a person raised its tier (T2, T4)."""
    if automation.state in HELD:
        _review(step, automation, Tier.of(automation.tier), RISEN)


def follow_event(subject: Incident | Person, step: Step[Any]) -> None:
    """Wake the jobs after an incident was declared or a person left (R1, R8)."""
    nudge.send("recertification.events")
    nudge.send("recertification.sweep")


#: Events of the register and their handlers.
HANDLERS: dict[str, Callable[[Any, Step[Any]], None]] = {
    "version.assessed": follow_assessment,
    "resource.amended": follow_class,
    "automation.tier_raised": follow_raised_tier,
    "automation.went_live": follow_joining,
    "automation.retired": follow_joining,
    "incident.declared": follow_event,
    "person.left": follow_event,
}


def _raise(step: Step[Any], grant: Grant, tier: Tier) -> None:
    quiet_until = review_triggers.grant_quiet_until(grant, policy_queries.in_force(step.now).quiet_days)
    review_on = schedule.review_after_event(tier.word, now=step.now, began_at=grant.begins_at, quiet_until=quiet_until)
    # the earliest end that leaves time for a review opened now or tomorrow (R1)
    not_before = step.now + timedelta(days=schedule.OPENS_BEFORE[tier.word] + 1)
    lifecycle.raise_tier(grant, actor=step.actor, now=step.now, tier=tier, not_before=not_before, review_on=review_on)
    _join(step, Item.objects.filter(grant=grant), RISEN)


def _review(step: Step[Any], automation: Automation, tier: Tier, because: str) -> None:
    quiet_days = policy_queries.in_force(step.now).quiet_days
    quiet_until = review_triggers.automations_quiet_until([automation.pk], quiet_days).get(automation.pk)
    began_at = automation.created_at
    review_on = schedule.review_after_event(tier.word, now=step.now, began_at=began_at, quiet_until=quiet_until)
    outcome_effects.bring_review_forward(
        automation, actor=step.actor, now=step.now, tier=tier, review_on=review_on, because=because
    )
    _join(step, Item.objects.filter(automation=automation), because)


def _join(step: Step[Any], items: Any, because: str) -> None:
    """Join the open item, if any; otherwise wake the sweep (R5)."""
    item = items.filter(state__in=WAITING).first()
    if item is not None:
        open_item.join(item, actor=step.actor, now=step.now, because=because)
    else:
        nudge.send("recertification.sweep")
