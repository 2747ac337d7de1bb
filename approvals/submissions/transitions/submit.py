"""Submitting: a version asks for two decisions; everything that it asks is frozen and everybody is named (A1, A2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.matching import shortage
from approvals.assignment.route import Route
from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases, identity, stage_1
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import Found
from approvals.decisions import digest, idempotency
from approvals.decisions.rules import bindings as rule_bindings
from approvals.decisions.rules import duties, ownership
from approvals.decisions.transitions import duplicates as transition_duplicates
from approvals.light_path import eligibility
from approvals.models import (
    Approval,
    ApprovalKind,
    Submission,
    SubmissionKind,
)
from approvals.models.submission import UNFINISHED
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import duplicates
from approvals.submissions import version_diff
from approvals.submissions.transitions import stages, withdraw
from approvals.submissions.transitions.carry_over import Carrying
from approvals.submissions.version_diff import Asked, Changes
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.roles.roles import Permission
from governance.core.texts import free_text
from inventory.automations import environments
from inventory.automations.transitions import lifecycle
from inventory.duplicates.queries import Alike, Case
from inventory.imports.transitions import write_version
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    NonHumanIdentity,
    Privilege,
    Resource,
    ResourceState,
    Version,
)
from inventory.resources import queries as resource_queries
from inventory.versions import assessment as version_assessment


@dataclass(frozen=True)
class Wish:
    """What the builder says about one record: why it is needed and for how long.

    Args:
        justification: one sentence or more.
        term_days: the term asked for; None for the longest that the tier allows.
    """

    justification: str = ""
    term_days: int | None = None


@transition(
    Automation,
    event="submission.submitted",
    repeats=idempotency.submitted,
    permission=Permission.AUTOMATION_SUBMIT,
    source=(
        AutomationState.DRAFT,
        AutomationState.IN_REVIEW,
        AutomationState.LIVE,
        AutomationState.SUSPENDED,
    ),
    duties=(duties.WRITES_NOTHING,),
)
def submit(step: Step[Automation], *, version: Version, wishes: Mapping[str, Wish]) -> Effect:
    """A builder submits a version: it is frozen, parties are named, stage 1 opens, stage 2 waits where all can see it."""
    automation = step.subject
    person = step.actor.person
    if person is None or step.actor.standing_for is not None:
        raise refuse(Refusal("S1", "permission", "A submission is made by a person for themself."))
    if version.automation_id != automation.pk:
        raise refuse(Refusal("I2", "input", "This version belongs to another automation."))
    siblings, own = environments.ids(automation.lineage, automation.pk), [person.pk for person in step.actor.people]
    likes = _alike(automation, version)
    own += party_queries.beside(siblings=siblings, alike=[one.other.pk for one in likes])
    assessment = version_assessment.assess(version, now=step.now, party_ids=own)
    found = version_diff.compare(automation, version, assessment, now=step.now)
    policy = policy_queries.in_force(step.now)
    before = automation.submissions.filter(state__in=UNFINISHED).order_by("-pk").first()
    _check_ready(automation, found, assessment, policy, step.now)
    _check_news(automation, version, found, before)
    case = cases.with_kept(
        cases.of_read(automation, version, _privileges(found.wanted), assessment.unvouched), found.unchanged
    )
    in_conflict = _check_conflicts(case, step.now)
    found = stage_1.asks_app(found, in_conflict, automation.pk)
    found = duplicates.asks_app(found, likes, automation)
    is_light = eligibility.of_version(
        version, found, assessment, policy, before, person, step.now, siblings, bool(likes)
    )
    is_light = is_light and not in_conflict
    if before is not None:
        withdraw.withdraw_for_newer(before, actor=step.actor, now=step.now)
    identity.check(version, step.now)
    write_version.hand_over_identities(step, version)
    submission = create(
        step, automation, version, found, assessment, policy, before, case, light_path=is_light, by=person
    )
    transition_duplicates.note(step, submission, likes)
    party_queries.name_all(submission, person, siblings=siblings, alike=[one.other.pk for one in likes])
    is_same = _is_same_app(automation, version, assessment, before) and not duplicates.open_of(automation)
    carrying = Carrying(step, submission, policy, before, is_same_app=is_same, siblings=siblings, likes=likes)
    records = create_records(step, submission, found, wishes, policy, carrying)
    carrying.refuse_repetition(records)
    check_enough_people(submission)
    if automation.state == AutomationState.DRAFT:
        lifecycle.put_in_review(automation, actor=step.actor, now=step.now)
    stages.start(step, submission)
    return Effect(
        subject=submission,
        payload={
            "version": version.number,
            "manifest": version.manifest_digest,
            "tier": assessment.tier,
            "policy": policy.version.number,
            "records": len(records),
            "parties": party_queries.on_record(submission),
            "light_path": submission.light_path,
            "continues": str(before.pk) if before else "",
        },
    )


def _alike(automation: Automation, version: Version) -> Sequence[Alike]:
    """What it may be the same as (I9)."""
    held = list(version.privileges.select_related("entitlement"))
    case = Case(automation.team, automation.pk, automation.lineage, version.source_digests, held)
    return duplicates.held(automation, case, is_in_force=automation.approved_version_id is not None)


def _held(case: check_automation.Case, found: Changes) -> dict[str, Any]:
    """What the submission keeps for conflict rules (S6)."""
    words = {one.key: one.sentence for one in _privileges(found.wanted)}
    return conflicts.frozen(case, [one.key for one in _privileges(found.asked)], words)


def _privileges(asked: Iterable[Asked]) -> list[Privilege]:
    return [one.privilege for one in asked if one.privilege is not None]


def _check_conflicts(case: check_automation.Case, now: datetime) -> Sequence[Found]:
    """What would be in conflict, where none of it is of an enforced rule that nobody has waived (S6, S7)."""
    found = check_automation.find(case, now)
    no = conflicts.refusal(found, "input")
    if no is not None:
        raise refuse(no)
    return found


def unready(
    automation: Automation, found: Changes, assessment: Assessment, policy: policy_queries.Policy, now: datetime
) -> list[str]:
    """What stands in the way of submitting, one sentence each, for the page and for the write (I1, I3, I8).

    Args:
        automation: as it stands.
        found: what the version asks.
        assessment: its newest assessment.
        policy: the policy in force.
        now: business time.
    """
    problems = []
    if not str(automation.asked["purpose"]).strip():
        problems.append("Say what it is for: the purpose is empty.")
    business, technical = _asked_owners(automation)
    meanwhile = automation.interim_owner(now)
    if not all(owner.is_here for owner in (meanwhile or business, technical) if owner is not None):
        problems.append("An owner of this automation is not here any more: name another.")
    if policy.needs_two_owners(assessment.tier) and technical in (None, business):
        problems.append("High risk needs two different owners: name a technical owner beside the business owner.")
    for asked in found.asked:
        problems += _target_problems(asked, now)
    return list(dict.fromkeys(problems))


def _binding_problems(found: Changes) -> list[str]:
    """What was resolved to a resource that its connection does not open, since its owner or somebody else said so meanwhile (I8)."""
    asked = [one.privilege for one in found.asked if one.privilege is not None]
    bindings = resource_queries.bindings_of(asked)
    return list(dict.fromkeys(said for one in asked if (said := rule_bindings.problem(one, bindings))))


def _asked_owners(automation: Automation) -> tuple[Person | None, Person | None]:
    """Business and technical owner as they would be, an amendment counted in (A12)."""
    if not automation.amendment:
        return automation.business_owner, automation.technical_owner
    business, technical = (automation.asked[f"{name}_id"] for name in ("business_owner", "technical_owner"))
    people = Person.objects.in_bulk([pk for pk in (business, technical) if pk is not None])
    return people.get(business), people.get(technical)


def _check_news(automation: Automation, version: Version, found: Changes, before: Submission | None) -> None:
    """The approved version, unchanged and fully granted, asks nothing of anybody (A12)."""
    if before is None and version.pk == automation.approved_version_id and not (found.app or found.asked):
        sentence = "This version is in force already, and nothing about it has changed."
        raise refuse(Refusal("A12", "input", sentence, "Bring in a newer version, or change what it asks for."))


def _is_same_app(automation: Automation, version: Version, assessment: Assessment, before: Submission | None) -> bool:
    return before is not None and version_diff.is_same_app(automation, version, assessment, before)


def _target_problems(asked: Asked, now: datetime) -> list[str]:
    if asked.privilege is not None:
        # Whom it talks to has to be known, and owned. What it does there may be unknown: it is shown as that, counts as write
        # and is never low, and whoever owns the resource decides (I4, I8, T1).
        if not asked.privilege.instance:
            return [f"Say what {', '.join(asked.privilege.at)} talks to: it was not recognised."]
        return _resource_problems(asked.privilege.entitlement.resource, now)
    assert asked.credential is not None
    own = asked.credential
    found = [ownership.sentence(own, f"the credential {own}")] if own.is_ownerless(now) else []
    return found + (_resource_problems(own.decided_on, now) if own.decided_on is not None else [])


def _resource_problems(resource: Resource, now: datetime) -> list[str]:
    if resource.state != ResourceState.ACTIVE:
        return [
            f"{resource.name} has nobody who accepted to own it: an admin activates it once its owner has accepted."
        ]
    if resource.is_ownerless(now):
        return [f"{resource.name} has no active owner: nothing new on it can be approved until one is named."]
    return []


def _check_ready(
    automation: Automation, found: Changes, assessment: Assessment, policy: policy_queries.Policy, now: datetime
) -> None:
    problems = unready(automation, found, assessment, policy, now) + _binding_problems(found)
    running = NonHumanIdentity.objects.filter(used_by__version=assessment.version_id).select_related("owner", "interim")
    problems += ownership.identity_problems(running.order_by("pk"), now)
    if problems:
        detail = tuple(("", problem) for problem in problems)
        raise refuse(Refusal("I8", "input", " ".join(problems), "It is saved; submit it when this is settled.", detail))


def create(
    step: Step[Automation],
    automation: Automation,
    version: Version,
    found: Changes,
    assessment: Assessment,
    policy: policy_queries.Policy,
    before: Submission | None,
    case: check_automation.Case,
    *,
    light_path: bool,
    by: Person,
) -> Submission:
    """The submission, saved; it has no parties and no records yet."""
    asked = digest.of_version(automation, version, assessment.tier)
    below = environments.promoted_from(
        automation.lineage, automation.environment, version.source_digests, is_new=found.before is None
    )
    submission = Submission(
        automation=automation,
        version=version,
        kind=_kind(found, below),
        submitted_by=by,
        submitted_at=step.now,
        policy=policy.version,
        tier=assessment.tier,
        reasons=list(assessment.reasons),
        asked=asked,
        digest=digest.digest(asked),
        held=_held(case, found),
        app_approval=found.app_in_force,
        light_path=light_path,
        promoted_from=below,
        continues=before,
    )
    step.save(submission)
    return submission


def _kind(found: Changes, below: Version | None) -> str:
    if below is not None:
        return SubmissionKind.PROMOTION
    return SubmissionKind.CHANGE if found.before else SubmissionKind.NEW


def create_records(
    step: Step[Automation],
    submission: Submission,
    found: Changes,
    wishes: Mapping[str, Wish],
    policy: policy_queries.Policy,
    carrying: Carrying,
) -> list[Approval]:
    """Its records, saved: the app where stage 1 is asked, and whatever stage 2 is asked."""
    records = []
    if found.app:
        app = Approval(submission=submission, stage=1, kind=ApprovalKind.APP, tier=submission.tier)
        app.reasons, app.term_days = list(found.app), policy.review_after(submission.tier)
        carrying.keep_records([app])
        submission.app_approval = app
        step.save(submission)
        carrying.carry(app)
        records.append(app)
    missing = [asked for asked in found.asked if not free_text.clean(wishes.get(asked.key, Wish()).justification)]
    if missing:
        detail = tuple((asked.key, "Say why in one sentence.") for asked in missing)
        count = len(missing)
        words = "one privilege or credential" if count == 1 else f"{count} privileges or credentials"
        raise refuse(Refusal("A1", "input", f"Say why it needs {words}.", detail=detail))
    second = [_stage_2(submission, asked, wishes[asked.key], policy) for asked in found.asked]
    carrying.justify(second, [wishes[asked.key].justification for asked in found.asked])
    carrying.keep_records(second)
    return [*records, *(carrying.carry(record) for record in second)]


def _stage_2(submission: Submission, asked: Asked, wish: Wish, policy: policy_queries.Policy) -> Approval:
    """The record of one privilege or credential, not saved yet."""
    longest = policy.longest_term(asked.tier)
    days = longest if wish.term_days is None else wish.term_days
    if not 1 <= days <= longest:
        detail = ((asked.key, f"Between 1 and {longest} days."),)
        raise refuse(Refusal("G1", "input", f"A {asked.tier}-risk term is 1 to {longest} days.", detail=detail))
    return Approval(
        submission=submission,
        stage=2,
        kind=ApprovalKind.PRIVILEGE if asked.privilege else ApprovalKind.CREDENTIAL,
        privilege=asked.privilege,
        credential=asked.credential,
        decided_on=asked.credential.decided_on if asked.credential else None,
        tier=asked.tier,
        reasons=list(asked.reasons),
        term_days=days,
    )


def check_enough_people(submission: Submission) -> None:
    """Each seat that is still open can be filled by somebody without a conflict, all of them together (A9)."""
    records = submission.approvals.select_related(*LADDER).prefetch_related("seats")
    short = shortage(Route.load(submission, submission.submitted_at).questions(records))
    if short:
        raise refuse(shortage_refusal(short))


def shortage_refusal(short: list[str]) -> Refusal:
    """The refusal when not enough distinct eligible people exist (A9)."""
    names = "; ".join(short)
    return Refusal(
        "A9",
        "input",
        f"Nobody without a conflict is left to decide: {names}.",
        "Name a deputy for the resource, or let somebody else submit.",
        tuple(("", name) for name in short),
        is_attempt=True,
    )


__all__ = ["Wish", "check_enough_people", "create", "create_records", "shortage_refusal", "submit", "unready"]
