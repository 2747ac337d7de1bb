"""A rise in risk of granted access: it shortens the term and brings a review forward, once (I2, T4, R1).

Causes are a better importer's assessment, a raised class of a resource, or a tier raised by a person. The register knows
no grants or reviews, so this module follows its operations. It brings review dates forward in the same transaction. The
next sweep opens the items (R9); open items are joined (R2).

A sweep assesses automations in use again (`reassess`), after a policy changed the tiers or a connected automation became
riskier. Automations that share an identity or a chain take its tier (I5, A16). Each is assessed in its own transaction,
so none blocks another and a kill loses nothing (R9). A lower tier takes effect at the renewal (T4, S8).
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind, PolicyVersion, credential_key
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Permission, Refusal, duty
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Effect, Step, transition
from governance.core.jobs import nudge
from governance.core.models import Person
from governance.recertification.items import answer_deadlines, review_triggers
from governance.recertification.items.transitions import open_item
from governance.recertification.models import WAITING, Item
from inventory.chains import queries as chain_queries
from inventory.models import Assessment, Automation, Incident, Privilege, Resource, Version
from inventory.risk import policy
from inventory.risk import tiers as risk_tiers
from inventory.risk.tiers import Tier
from inventory.versions import assessment
from inventory.versions import transitions as version_transitions

#: States in which an automation holds its grants.
HELD = chain_queries.IN_USE

#: Reasons of a review: keys of `REASON_WORDS`.
RISEN, FOUND = "tier raised", "new finding"


def follow_assessment(made: Assessment, step: Step[Any]) -> None:
    """Review grants and automation if a new assessment of the approved version is worse than the approval (I2)."""
    automation = made.version.automation
    if automation.approved_version_id != made.version_id or automation.state not in HELD:
        return
    standing = automation.grants.standing().select_related("automation").order_by("pk")
    risen = [
        (grant, tier) for grant in standing if (tier := _tier_in(made, grant)) > Tier.from_word(grant.counted_tier)
    ]
    for grant, tier in risen:
        _raise(step, grant, tier)
    tier = Tier.from_word(made.levels.get("in_force", made.tier))  # a requested kind is not in force
    if tier > Tier.from_word(automation.tier):
        _review(step, automation, tier, RISEN)
    elif automation.grants.standing().exists() and _has_news(made):
        _review(step, automation, Tier.from_word(automation.tier), FOUND)


def _tier_in(made: Assessment, grant: Grant) -> Tier:
    """The tier of a grant in an assessment; low if the assessment does not list it."""
    is_privilege = grant.kind == GrantKind.PRIVILEGE
    part, key = ("privileges", grant.key) if is_privilege else ("credentials", str(grant.credential_id))
    levels: Mapping[str, Any] = made.levels.get(part, {}).get(key, {})
    return Tier.from_word(levels.get("tier", "low"))


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
        if any(grant is not None and tier > Tier.from_word(grant.counted_tier) for grant in grants):
            riskier[automation.pk] = privilege.version
    for _, version in sorted(riskier.items()):
        version_transitions.assess_version(version, now=step.now)


def follow_joining(automation: Automation, step: Step[Any]) -> None:
    """Wake the sweep after a go-live or a retirement: connected automations may be riskier (I5, A16)."""
    nudge.send("recertification.sweep")


def follow_raised_tier(automation: Automation, step: Step[Any]) -> None:
    """Review an automation in use after a person raised its tier (T2, T4)."""
    if automation.state in HELD:
        _review(step, automation, Tier.from_word(automation.tier), RISEN)


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
    review_on = answer_deadlines.review_after_event(
        tier.word, now=step.now, began_at=grant.begins_at, quiet_until=quiet_until
    )
    # the earliest end that leaves time for a review opened now or tomorrow (R1)
    not_before = step.now + timedelta(days=answer_deadlines.OPENS_BEFORE[tier.word] + 1)
    lifecycle.raise_tier(grant, actor=step.actor, now=step.now, tier=tier, not_before=not_before, review_on=review_on)
    _join(step, Item.objects.filter(grant=grant), RISEN)


def _review(step: Step[Any], automation: Automation, tier: Tier, because: str) -> None:
    quiet_days = policy_queries.in_force(step.now).quiet_days
    quiet_until = review_triggers.automations_quiet_until([automation.pk], quiet_days).get(automation.pk)
    began_at = automation.created_at
    review_on = answer_deadlines.review_after_event(tier.word, now=step.now, began_at=began_at, quiet_until=quiet_until)
    bring_review_forward(automation, actor=step.actor, now=step.now, tier=tier, review_on=review_on, because=because)
    _join(step, Item.objects.filter(automation=automation), because)


def _join(step: Step[Any], items: Any, because: str) -> None:
    """Join the open item, if any; otherwise wake the sweep (R5)."""
    item = items.filter(state__in=WAITING).first()
    if item is not None:
        open_item.join(item, actor=step.actor, now=step.now, because=because)
    else:
        nudge.send("recertification.sweep")


@transition(Automation, event="automation.review_brought_forward", permission=None, source=HELD)
def bring_review_forward(step: Step[Automation], *, tier: Tier, review_on: date, because: str) -> Effect:
    """Bring an automation's review forward because of higher risk or new findings (I2, T4).

    Args:
        step: the running call.
        tier: the present one; never lowers the stored tier.
        review_on: new review date; never later than the present one.
        because: a key of `REASON_WORDS`.
    """
    automation = step.subject
    was, automation.tier = automation.tier, max(tier, Tier.from_word(automation.tier)).word
    automation.review_on = min(automation.review_on or review_on, review_on)
    automation.review_because = because
    step.save(automation)
    return Effect(payload={"was": was, "tier": automation.tier, "because": because})


@duty("T4")
def due(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """An automation is assessed anew after a policy or a connected automation raised its tier."""
    version = subject.approved_version
    last_assessment = version.latest_assessment if version is not None else None
    if last_assessment is None:
        return Refusal("T4", "state", "No assessed version of it is approved.")
    is_riskier = chain_queries.chain_of(subject.pk).tier > Tier.from_word(last_assessment.tier)
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


def connected_with_riskier() -> set[int]:
    """Ids of automations in use with a lower tier than another automation of their chain.

    One query with few rows: only connected automations, and those that call an unknown one.
    """
    members = grouped((member.chain, member) for member in chain_queries.joined_tiers())
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
