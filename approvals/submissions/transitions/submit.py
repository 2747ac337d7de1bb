"""Submit a version for approval in two stages. The request is frozen, and its parties are named (A1, A2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.assignment.context import load_context
from approvals.assignment.matching import shortage
from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases, identity, stage_1
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import FoundConflict
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
from approvals.submissions.transitions.create_approvals import ApprovalWriter
from approvals.submissions.version_diff import Changes, RequestedItem
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.roles.roles import Permission
from governance.core.texts import free_text
from inventory.automations import environments
from inventory.automations.transitions import lifecycle
from inventory.duplicates.queries import Candidate
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
from inventory.versions import transitions as version_transitions


@dataclass(frozen=True)
class ItemRequest:
    """The builder's input for one approval.

    Args:
        justification: one sentence or more.
        term_days: the requested term; None for the longest of the tier.
    """

    justification: str = ""
    term_days: int | None = None


@transition(
    Automation,
    event="submission.submitted",
    repeats=idempotency.repeats_submission,
    permission=Permission.AUTOMATION_SUBMIT,
    source=(
        AutomationState.DRAFT,
        AutomationState.IN_REVIEW,
        AutomationState.LIVE,
        AutomationState.SUSPENDED,
    ),
    duties=(duties.WRITES_NOTHING,),
)
def submit(step: Step[Automation], *, version: Version, wishes: Mapping[str, ItemRequest]) -> Effect:
    """Submit a version: it is frozen, parties are named, stage 1 opens, and stage 2 is visible and waits."""
    automation = step.subject
    person = step.actor.person
    if person is None or step.actor.standing_for is not None:
        raise refuse(Refusal("S1", "permission", "A submission is made by a person for themself."))
    if version.automation_id != automation.pk:
        raise refuse(Refusal("I2", "input", "This version belongs to another automation."))
    siblings = environments.lineage_ids(automation.lineage, automation.pk)
    party_ids = [person.pk for person in step.actor.people]
    likes = _possible_duplicates(automation, version)
    party_ids += party_queries.ids_from_other_automations(siblings=siblings, alike=likes.ids)
    assessment = version_transitions.assess_version(version, now=step.now, party_ids=party_ids)
    changes = version_diff.compare(automation, version, assessment, now=step.now)
    policy = policy_queries.in_force(step.now)
    before = automation.submissions.filter(state__in=UNFINISHED).order_by("-pk").first()
    _check_ready(automation, changes, assessment, policy, step.now)
    _check_changed(automation, version, changes, before)
    case = cases.with_running_grants(
        cases.case_of_loaded_version(automation, version, _privileges(changes.wanted), assessment.unvouched),
        changes.unchanged,
    )
    in_conflict = _check_conflicts(case, step.now)
    changes = stage_1.require_stage_1(changes, in_conflict, automation.pk)
    changes = duplicates.require_app_answer(changes, likes)
    is_light = eligibility.is_version_eligible(
        version, changes, assessment, policy, before, person, step.now, siblings, bool(likes.held)
    )
    is_light = is_light and not in_conflict
    if before is not None:
        withdraw.withdraw_for_newer(before, actor=step.actor, now=step.now)
    identity.check_takeover(version, step.now)
    write_version.hand_over_identities(step, version)
    submission = create(
        step, automation, version, changes, assessment, policy, before, case, light_path=is_light, by=person
    )
    transition_duplicates.store_likenesses(step, submission, likes.held)
    party_queries.write_all_parties(submission, person, siblings=siblings, alike=likes.ids)
    is_same = _is_same_app(automation, version, assessment, before) and not duplicates.unanswered(automation)
    carrying = ApprovalWriter(
        step, submission, policy, before, is_same_app=is_same, siblings=siblings, likes=likes.held
    )
    approvals = create_approvals(step, submission, changes, wishes, policy, carrying)
    carrying.refuse_repetition(approvals)
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
            "records": len(approvals),
            "parties": party_queries.for_ledger(submission),
            "light_path": submission.light_path,
            "continues": str(before.pk) if before else "",
        },
    )


def _possible_duplicates(automation: Automation, version: Version) -> duplicates.Likenesses:
    """Return possible duplicates of the automation (I9)."""
    held = list(version.privileges.select_related("entitlement"))
    case = Candidate(automation.team, automation.pk, automation.lineage, version.source_digests, held)
    return duplicates.possible_duplicates(automation, case)


def _frozen_case(case: check_automation.Case, changes: Changes) -> dict[str, Any]:
    """Return the facts that the submission stores for conflict rules (S6)."""
    words = {privilege.key: privilege.sentence for privilege in _privileges(changes.wanted)}
    return conflicts.frozen_case(case, [privilege.key for privilege in _privileges(changes.asked)], words)


def _privileges(items: Iterable[RequestedItem]) -> list[Privilege]:
    return [item.privilege for item in items if item.privilege is not None]


def _check_conflicts(case: check_automation.Case, now: datetime) -> Sequence[FoundConflict]:
    """Return the conflicts of the version. Refuse it if one is of an enforced rule and not waived (S6, S7)."""
    found_conflicts = check_automation.find_conflicts(case, now)
    refusal = conflicts.refusal(found_conflicts, "input")
    if refusal is not None:
        raise refuse(refusal)
    return found_conflicts


def problems_before_submission(
    automation: Automation, changes: Changes, assessment: Assessment, policy: policy_queries.Policy, now: datetime
) -> list[str]:
    """Return what prevents a submission, one sentence each, for the page and for the write (I1, I3, I8).

    Args:
        automation: as it is.
        changes: the changes of the version.
        assessment: its newest.
        policy: the policy in force.
        now: business time.
    """
    problems = []
    if not str(automation.asked["purpose"]).strip():
        problems.append("Say what it is for: the purpose is empty.")
    business, technical = _asked_owners(automation)
    interim = automation.interim_owner(now)
    if not all(owner.is_here for owner in (interim or business, technical) if owner is not None):
        problems.append("An owner of this automation is not here any more: name another.")
    if policy.needs_two_owners(assessment.tier) and technical in (None, business):
        problems.append("High risk needs two different owners: name a technical owner beside the business owner.")
    for item in changes.asked:
        problems += _target_problems(item, now)
    return list(dict.fromkeys(problems))


def _binding_problems(changes: Changes) -> list[str]:
    """Return problems of privileges whose connection, by now, does not open their resource (I8)."""
    privileges = [item.privilege for item in changes.asked if item.privilege is not None]
    bindings = resource_queries.bindings_of(privileges)
    return list(
        dict.fromkeys(
            sentence for privilege in privileges if (sentence := rule_bindings.binding_problem(privilege, bindings))
        )
    )


def _asked_owners(automation: Automation) -> tuple[Person | None, Person | None]:
    """Return the business and technical owner, after the amendment (A12)."""
    if not automation.amendment:
        return automation.business_owner, automation.technical_owner
    business, technical = (automation.asked[f"{name}_id"] for name in ("business_owner", "technical_owner"))
    people = Person.objects.in_bulk([pk for pk in (business, technical) if pk is not None])
    return people.get(business), people.get(technical)


def _check_changed(automation: Automation, version: Version, changes: Changes, before: Submission | None) -> None:
    """Refuse the approved version without changes: it needs no approval (A12)."""
    if before is None and version.pk == automation.approved_version_id and not (changes.app or changes.asked):
        sentence = "This version is in force already, and nothing about it has changed."
        raise refuse(Refusal("A12", "input", sentence, "Bring in a newer version, or change what it asks for."))


def _is_same_app(automation: Automation, version: Version, assessment: Assessment, before: Submission | None) -> bool:
    return before is not None and version_diff.is_same_app(automation, version, assessment, before)


def _target_problems(item: RequestedItem, now: datetime) -> list[str]:
    if item.privilege is not None:
        # The target must be known and owned. The operation may be unknown: it is shown as unknown, counts as write
        # and is never low, and the owner of the resource decides (I4, I8, T1).
        if not item.privilege.instance:
            return [f"Say what {', '.join(item.privilege.at)} talks to: it was not recognised."]
        return _resource_problems(item.privilege.entitlement.resource, now)
    assert item.credential is not None
    credential = item.credential
    problems = (
        [ownership.no_owner_sentence(credential, f"the credential {credential}")]
        if credential.is_ownerless(now)
        else []
    )
    return problems + (_resource_problems(credential.decided_on, now) if credential.decided_on is not None else [])


def _resource_problems(resource: Resource, now: datetime) -> list[str]:
    if resource.state != ResourceState.ACTIVE:
        return [
            f"{resource.name} has nobody who accepted to own it: an admin activates it once its owner has accepted."
        ]
    if resource.is_ownerless(now):
        return [f"{resource.name} has no active owner: nothing new on it can be approved until one is named."]
    return []


def _check_ready(
    automation: Automation, changes: Changes, assessment: Assessment, policy: policy_queries.Policy, now: datetime
) -> None:
    problems = problems_before_submission(automation, changes, assessment, policy, now) + _binding_problems(changes)
    running = NonHumanIdentity.objects.filter(used_by__version=assessment.version_id).select_related("owner", "interim")
    problems += ownership.identity_problems(running.order_by("pk"), now)
    if problems:
        detail = tuple(("", problem) for problem in problems)
        raise refuse(Refusal("I8", "input", " ".join(problems), "It is saved; submit it when this is settled.", detail))


def create(
    step: Step[Automation],
    automation: Automation,
    version: Version,
    changes: Changes,
    assessment: Assessment,
    policy: policy_queries.Policy,
    before: Submission | None,
    case: check_automation.Case,
    *,
    light_path: bool,
    by: Person,
) -> Submission:
    """Save the submission, without parties and approvals."""
    asked_facts = digest.facts_of_version(automation, version, assessment.tier)
    below = environments.promoted_from(
        automation.lineage, automation.environment, version.source_digests, is_new=changes.before is None
    )
    submission = Submission(
        automation=automation,
        version=version,
        kind=_kind(changes, below),
        submitted_by=by,
        submitted_at=step.now,
        policy=policy.version,
        tier=assessment.tier,
        reasons=list(assessment.reasons),
        asked=asked_facts,
        digest=digest.digest(asked_facts),
        held=_frozen_case(case, changes),
        app_approval=changes.app_in_force,
        light_path=light_path,
        promoted_from=below,
        continues=before,
    )
    step.save(submission)
    return submission


def _kind(changes: Changes, below: Version | None) -> str:
    if below is not None:
        return SubmissionKind.PROMOTION
    return SubmissionKind.CHANGE if changes.before else SubmissionKind.NEW


def create_approvals(
    step: Step[Automation],
    submission: Submission,
    changes: Changes,
    wishes: Mapping[str, ItemRequest],
    policy: policy_queries.Policy,
    carrying: ApprovalWriter,
) -> list[Approval]:
    """Save its approvals: the app if stage 1 is required, and each item of stage 2."""
    approvals = []
    if changes.app:
        app = Approval(submission=submission, stage=1, kind=ApprovalKind.APP, tier=submission.tier)
        app.reasons, app.term_days = list(changes.app), policy.review_after(submission.tier)
        carrying.keep_records([app])
        submission.app_approval = app
        step.save(submission)
        carrying.carry(app)
        approvals.append(app)
    missing = [item for item in changes.asked if not free_text.clean(wishes.get(item.key, ItemRequest()).justification)]
    if missing:
        detail = tuple((item.key, "Say why in one sentence.") for item in missing)
        count = len(missing)
        words = "one privilege or credential" if count == 1 else f"{count} privileges or credentials"
        raise refuse(Refusal("A1", "input", f"Say why it needs {words}.", detail=detail))
    second = [_build_stage_2(submission, item, wishes[item.key], policy) for item in changes.asked]
    carrying.justify(second, [wishes[item.key].justification for item in changes.asked])
    carrying.keep_records(second)
    return [*approvals, *(carrying.carry(approval) for approval in second)]


def _build_stage_2(
    submission: Submission, item: RequestedItem, wish: ItemRequest, policy: policy_queries.Policy
) -> Approval:
    """Return the unsaved approval of one privilege or credential."""
    longest = policy.longest_term(item.tier)
    days = longest if wish.term_days is None else wish.term_days
    if not 1 <= days <= longest:
        detail = ((item.key, f"Between 1 and {longest} days."),)
        raise refuse(Refusal("G1", "input", f"A {item.tier}-risk term is 1 to {longest} days.", detail=detail))
    return Approval(
        submission=submission,
        stage=2,
        kind=ApprovalKind.PRIVILEGE if item.privilege else ApprovalKind.CREDENTIAL,
        privilege=item.privilege,
        credential=item.credential,
        decided_on=item.credential.decided_on if item.credential else None,
        tier=item.tier,
        reasons=list(item.reasons),
        term_days=days,
    )


def check_enough_people(submission: Submission) -> None:
    """Check that people without a conflict can fill all open seats, together (A9)."""
    context = load_context(submission, submission.submitted_at)
    missing_seats = shortage(context.route.questions(context.approvals))
    if missing_seats:
        raise refuse(shortage_refusal(missing_seats))


def shortage_refusal(missing_seats: list[str]) -> Refusal:
    """Return the refusal if there are not enough distinct eligible people (A9)."""
    names = "; ".join(missing_seats)
    return Refusal(
        "A9",
        "input",
        f"Nobody without a conflict is left to decide: {names}.",
        "Name a deputy for the resource, or let somebody else submit.",
        tuple(("", name) for name in missing_seats),
        is_attempt=True,
    )


__all__ = [
    "ItemRequest",
    "check_enough_people",
    "create",
    "create_approvals",
    "problems_before_submission",
    "shortage_refusal",
    "submit",
]
