"""What is held has become riskier than it was approved as: its term shortens and it is reviewed, once (I2, T4, R1).

A better importer assesses a version anew, the class of a resource is raised, a person raises a tier; what is joined with it
follows in a sweep of its own (`transitions.sharing`). The register knows neither
grants nor reviews, so this follows its operations. Nothing is opened here: a grant's and an automation's review date is brought
forward, in the same transaction, and the next sweep opens what is due (R9). What is under review already is joined (R2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind
from approvals.policies import queries as policy_queries
from governance.core.engine.transition import Step
from governance.core.jobs import nudge
from governance.core.models import Person
from governance.recertification.items import review_triggers, schedule
from governance.recertification.items.transitions import open_item, outcome_effects
from governance.recertification.items.transitions.reassess_shared_identity import HELD
from governance.recertification.models import Item, ItemState
from inventory.models import Assessment, Automation, Incident, Privilege, Resource, Version
from inventory.risk import policy
from inventory.risk import tiers as risk_tiers
from inventory.risk.tiers import Tier
from inventory.versions import assessment

#: What an automation's review is told of, by the keys of `wording.BECAUSE`.
RISEN, FOUND = "tier raised", "new finding"


def follow_assessment(made: Assessment, step: Step[Any]) -> None:
    """A version was assessed: where it is the approved one and this is worse than what was approved, that is reviewed (I2)."""
    automation = made.version.automation
    if automation.approved_version_id != made.version_id or automation.state not in HELD:
        return
    standing = automation.grants.standing().select_related("automation").order_by("pk")
    risen = [(grant, tier) for grant in standing if (tier := _tier_in(made, grant)) > Tier.of(grant.counted_tier)]
    for grant, tier in risen:
        _raise(step, grant, tier)
    tier = Tier.of(made.levels.get("in_force", made.tier))  # a kind that is only asked for is not in force
    if tier > Tier.of(automation.tier):
        _review(step, automation, tier, RISEN)
    elif automation.grants.standing().exists() and _has_news(made):
        _review(step, automation, Tier.of(automation.tier), FOUND)


def _tier_in(made: Assessment, grant: Grant) -> Tier:
    """The tier that an assessment gives to what a grant allows; the lowest where it says nothing of it."""
    part, key = (
        ("privileges", grant.key) if grant.kind == GrantKind.PRIVILEGE else ("credentials", str(grant.credential_id))
    )
    said: Mapping[str, Any] = made.levels.get(part, {}).get(key, {})
    return Tier.of(said.get("tier", "low"))


def _has_news(made: Assessment) -> bool:
    """Whether it found something severe that the assessment before did not find."""
    before = made.version.assessments.filter(pk__lt=made.pk).order_by("-pk").first()
    if before is None:
        return False
    known = set(before.findings.filter(severity="high").values_list("code", "place"))
    return bool(set(made.findings.filter(severity="high").values_list("code", "place")) - known)


def follow_class(resource: Resource, step: Step[Any]) -> None:
    """What a resource is has changed: where that makes something riskier that is held on it, what holds it is assessed anew (T4).

    A credential is as risky as what it is used for, also where the grant of that has ended and its own has not.
    """
    running = Privilege.objects.filter(
        entitlement__resource=resource,
        version=F("version__automation__approved_version"),
        version__automation__state__in=HELD,
    )
    rules, tiers = policy.rules(step.now), dict[tuple[int, str], Tier]()
    versions: dict[int, Version] = {}
    for one in running.select_related("version__automation", "entitlement__resource", "credential").order_by("pk"):
        automation = one.version.automation
        tier = risk_tiers.privilege_tier(assessment.facts_of(one, automation.environment), rules).tier
        versions[automation.pk] = one.version
        for name in (one.key, _named(one.credential_id)):
            tiers[automation.pk, name] = max(tier, tiers.get((automation.pk, name), tier))
    standing = Grant.objects.standing().filter(automation__in=versions)
    riskier = {
        one.automation_id
        for one in standing
        if tiers.get((one.automation_id, _name_of(one)), Tier.LOW) > Tier.of(one.counted_tier)
    }
    for pk in sorted(riskier):
        assessment.assess(versions[pk], now=step.now)


def _name_of(grant: Grant) -> str:
    return grant.key if grant.kind == GrantKind.PRIVILEGE else _named(grant.credential_id)


def _named(credential: int | None) -> str:
    return f"credential {credential}"


def follow_joining(automation: Automation, step: Step[Any]) -> None:
    """A version went live, or an automation was retired: whatever is joined with it, or calls it, may be riskier by that (I5, A16).

    A sweep finds which.
    """
    nudge.send("recertification.sweep")


def follow_word(automation: Automation, step: Step[Any]) -> None:
    """A person raised an automation's tier: where it is in use it is reviewed (T2, T4)."""
    if automation.state in HELD:
        _review(step, automation, Tier.of(automation.tier), RISEN)


def follow_event(subject: Incident | Person, step: Step[Any]) -> None:
    """An incident was declared, or somebody left: what that brings forward is found at once (R1, R8)."""
    nudge.send("recertification.events")
    nudge.send("recertification.sweep")


#: What of the register is followed.
FOLLOWED: dict[str, Callable[[Any, Step[Any]], None]] = {
    "version.assessed": follow_assessment,
    "resource.amended": follow_class,
    "automation.tier_raised": follow_word,
    "automation.went_live": follow_joining,
    "automation.retired": follow_joining,
    "incident.declared": follow_event,
    "person.left": follow_event,
}


def _raise(step: Step[Any], grant: Grant, tier: Tier) -> None:
    quiet_until = review_triggers.grant_until(grant, policy_queries.in_force(step.now).quiet_days)
    review_on = schedule.review_after_event(tier.word, now=step.now, began_at=grant.begins_at, quiet_until=quiet_until)
    not_before = _inside(tier, step.now)
    lifecycle.raise_tier(grant, actor=step.actor, now=step.now, tier=tier, not_before=not_before, review_on=review_on)
    _join(step, Item.objects.filter(grant=grant), RISEN)


def _inside(tier: Tier, now: datetime) -> datetime:
    """The earliest end within which a review that opens now, or tomorrow, has its deadline and grace (R1)."""
    return now + timedelta(days=schedule.OPENS_BEFORE[tier.word] + 1)


def _review(step: Step[Any], automation: Automation, tier: Tier, because: str) -> None:
    quiet_until = review_triggers.until(automation, policy_queries.in_force(step.now).quiet_days)
    review_on = schedule.review_after_event(
        tier.word, now=step.now, began_at=automation.created_at, quiet_until=quiet_until
    )
    outcome_effects.bring_review_forward(
        automation, actor=step.actor, now=step.now, tier=tier, review_on=review_on, because=because
    )
    _join(step, Item.objects.filter(automation=automation), because)


def _join(step: Step[Any], items: Any, because: str) -> None:
    """Tell the open item, where there is one; else have the sweep look at once (R5)."""
    item = items.filter(state__in=[ItemState.OPEN, ItemState.ESCALATED]).first()
    if item is not None:
        open_item.join(item, actor=step.actor, now=step.now, because=because)
    else:
        nudge.send("recertification.sweep")
