"""Submitting: a version asks for two decisions; everything that it asks is frozen and everybody is named (A1, A2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q

from approvals import changes, facts, policies
from approvals.changes import Asked, Changes
from approvals.models import (
    Approval,
    ApprovalKind,
    ApprovalState,
    Party,
    Seat,
    SeatLabel,
    Submission,
    SubmissionKind,
)
from approvals.models.submission import UNFINISHED, Capacity
from approvals.routing import Bench, question, shortage
from approvals.transitions import outcome
from governance.controls import texts
from governance.controls.models import Person
from governance.controls.refusals import Refusal, refuse
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from inventory import assessing, lifecycle
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Resource,
    ResourceState,
    Version,
)


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
    permission=Permission.AUTOMATION_SUBMIT,
    source=(
        AutomationState.DRAFT,
        AutomationState.IN_REVIEW,
        AutomationState.LIVE,
        AutomationState.SUSPENDED,
    ),
)
def submit(step: Step[Automation], *, version: Version, wishes: Mapping[str, Wish]) -> Effect:
    """A builder submits a version: it is frozen, parties are named, stage 1 opens, stage 2 waits where all can see it."""
    automation = step.subject
    person = step.actor.person
    if person is None or step.actor.standing_for is not None:
        raise refuse(Refusal("S1", "permission", "A submission is made by a person for themself."))
    if version.automation_id != automation.pk:
        raise refuse(Refusal("I2", "input", "This version belongs to another automation."))
    assessment = assessing.assess(version, now=step.now)
    found = changes.compare(automation, version, assessment, now=step.now)
    policy = policies.in_force(step.now)
    before = automation.submissions.filter(state__in=UNFINISHED).order_by("-pk").first()
    _check_ready(automation, found, assessment, policy)
    if before is not None:
        outcome.withdraw_for_newer(before, actor=step.actor, now=step.now)
    submission = _create(step, automation, version, found, assessment, policy, before)
    _name_parties(step, submission, person, before)
    records = _create_records(step, submission, found, wishes, policy, before)
    _check_enough_people(submission, records, found, policy)
    if automation.state == AutomationState.DRAFT:
        lifecycle.put_in_review(automation, actor=step.actor, now=step.now)
    outcome.start(step, submission)
    return Effect(
        subject=submission,
        payload={
            "version": version.number,
            "manifest": version.manifest_digest,
            "tier": assessment.tier,
            "policy": policy.version.number,
            "records": len(records),
            "continues": str(before.pk) if before else "",
        },
    )


def unready(automation: Automation, found: Changes, assessment: Assessment, policy: policies.Policy) -> list[str]:
    """What stands in the way of submitting, one sentence each, for the page and for the write (I1, I3, I8).

    Args:
        automation: as it stands.
        found: what the version asks.
        assessment: its newest assessment.
        policy: the policy in force.
    """
    problems = []
    if not automation.purpose.strip():
        problems.append("Say what it is for: the purpose is empty.")
    if not all(owner.is_here for owner in automation.owners):
        problems.append("An owner of this automation is not here any more: name another.")
    if policy.needs_two_owners(assessment.tier) and automation.technical_owner in (None, automation.business_owner):
        problems.append("High risk needs two different owners: name a technical owner beside the business owner.")
    for asked in found.asked:
        problems += _target_problems(asked)
    return list(dict.fromkeys(problems))


def _target_problems(asked: Asked) -> list[str]:
    if asked.privilege is not None:
        if not asked.privilege.recognised:
            return [f"Say what {', '.join(asked.privilege.at)} talks to: it was not recognised."]
        return _resource_problems(asked.privilege.entitlement.resource)
    assert asked.credential is not None
    on = asked.credential.decided_on
    return _resource_problems(on) if on is not None else []


def _resource_problems(resource: Resource) -> list[str]:
    if resource.state != ResourceState.ACTIVE:
        return [
            f"{resource.name} has nobody who accepted to own it: an admin activates it once its owner has accepted."
        ]
    if resource.is_orphaned:
        return [f"{resource.name} has no active owner: nothing new on it can be approved until one is named."]
    return []


def _check_ready(automation: Automation, found: Changes, assessment: Assessment, policy: policies.Policy) -> None:
    problems = unready(automation, found, assessment, policy)
    if problems:
        detail = tuple(("", problem) for problem in problems)
        raise refuse(Refusal("I8", "input", " ".join(problems), "It is saved; submit it when this is settled.", detail))


def _create(
    step: Step[Automation],
    automation: Automation,
    version: Version,
    found: Changes,
    assessment: Assessment,
    policy: policies.Policy,
    before: Submission | None,
) -> Submission:
    asked = facts.of_app(automation, version, assessment.tier)
    submission = Submission(
        automation=automation,
        version=version,
        kind=SubmissionKind.CHANGE if found.before else SubmissionKind.NEW,
        submitted_by=step.actor.person,
        submitted_at=step.now,
        policy=policy.version,
        tier=assessment.tier,
        reasons=list(assessment.reasons),
        asked=asked,
        digest=facts.digest(asked),
        app_approval=found.app_in_force,
        continues=before,
    )
    step.save(submission)
    return submission


def _name_parties(step: Step[Automation], submission: Submission, person: Person, before: Submission | None) -> None:
    """Importers and editors since the approved version, the source's author, submitter, owners, parties before (S1)."""
    automation = submission.automation
    approved = automation.approved_version
    since = automation.versions.filter(
        number__gt=approved.number if approved else 0, number__lte=submission.version.number
    )
    named = [(version.imported_by, Capacity.IMPORTER) for version in since.select_related("imported_by", "author")]
    named += [(version.author, Capacity.AUTHOR) for version in since]
    named += [(editor, Capacity.EDITOR) for editor in _editors(automation, approved)]
    named += [
        (automation.business_owner, Capacity.BUSINESS_OWNER),
        (automation.technical_owner, Capacity.TECHNICAL_OWNER),
    ]
    named += [(person, Capacity.SUBMITTER)]
    if before is not None:
        named += [(party.person, Capacity(party.capacity)) for party in before.parties.select_related("person")]
    for who, capacity in named:
        if who is not None:
            Party.objects.get_or_create(submission=submission, person=who, capacity=capacity)


def _editors(automation: Automation, approved: Version | None) -> list[Person]:
    """Everybody in the automation's history since the approved version: what they wrote is what is decided (S1)."""
    rows = automation.history.exclude(history_user=None)
    if approved is not None:
        rows = rows.filter(history_date__gt=approved.created_at)
    # Admins who assign owners and approvers whose decision moved the state are in the history too; they wrote nothing.
    wrote = rows.filter(
        Q(history_change_reason__startswith="automation.registered")
        | Q(history_change_reason__startswith="automation.amended")
        | Q(history_change_reason__startswith="version.")
    )
    return list(Person.objects.filter(pk__in=wrote.values("history_user")))


def _create_records(
    step: Step[Automation],
    submission: Submission,
    found: Changes,
    wishes: Mapping[str, Wish],
    policy: policies.Policy,
    before: Submission | None,
) -> list[Approval]:
    records = []
    if found.app:
        app = Approval(submission=submission, stage=1, kind=ApprovalKind.APP, tier=submission.tier)
        app.reasons, app.term_days = list(found.app), policy.review_after(submission.tier)
        _save_record(step, app, policy, before)
        submission.app_approval = app
        step.save(submission)
        records.append(app)
    missing = [asked for asked in found.asked if not texts.clean(wishes.get(asked.key, Wish()).justification)]
    if missing:
        detail = tuple((asked.key, "Say why in one sentence.") for asked in missing)
        count = len(missing)
        words = "one privilege or credential" if count == 1 else f"{count} privileges or credentials"
        raise refuse(Refusal("A1", "input", f"Say why it needs {words}.", detail=detail))
    for asked in found.asked:
        records.append(_create_stage_2(step, submission, asked, wishes[asked.key], policy, before))
    return records


def _create_stage_2(
    step: Step[Automation],
    submission: Submission,
    asked: Asked,
    wish: Wish,
    policy: policies.Policy,
    before: Submission | None,
) -> Approval:
    longest = policy.longest_term(asked.tier)
    days = longest if wish.term_days is None else wish.term_days
    if not 1 <= days <= longest:
        detail = ((asked.key, f"Between 1 and {longest} days."),)
        raise refuse(Refusal("G1", "input", f"A {asked.tier}-risk term is 1 to {longest} days.", detail=detail))
    record = Approval(
        submission=submission,
        stage=2,
        kind=ApprovalKind.PRIVILEGE if asked.privilege else ApprovalKind.CREDENTIAL,
        privilege=asked.privilege,
        credential=asked.credential,
        justification=texts.keep(wish.justification),
        tier=asked.tier,
        reasons=list(asked.reasons),
        term_days=days,
    )
    return _save_record(step, record, policy, before)


def _save_record(
    step: Step[Automation], record: Approval, policy: policies.Policy, before: Submission | None
) -> Approval:
    """Save a record with its seats; one that was asked before remembers it (A15), one decided before keeps it (A14)."""
    record.facts = facts.of(record)
    record.earlier = _earlier(step, record, policy)
    step.save(record)
    labels = list(policy.seats(record.kind, record.tier))
    if record.earlier is not None and not _may_ask_again(record) and SeatLabel.SECURITY not in labels:
        labels.append(SeatLabel.SECURITY)
    for label in labels:
        Seat.objects.create(approval=record, label=label)
    source = _carried(record, before)
    if source is not None:
        record.carried_from, record.state, record.ended_at = source, source.state, step.now
        record.granted_term_days, record.granted_level = source.granted_term_days, source.granted_level
        record.granted_scope = source.granted_scope
        step.save(record)
        step.record("approval.carried_over", record, {"from": str(source.pk), "to": source.state})
    return record


def _same_question(record: Approval) -> Q:
    if record.kind == ApprovalKind.APP:
        return Q(kind=ApprovalKind.APP)
    if record.privilege is not None:
        return Q(kind=ApprovalKind.PRIVILEGE, privilege__key=record.privilege.key)
    return Q(kind=ApprovalKind.CREDENTIAL, credential=record.credential)


def _earlier(step: Step[Automation], record: Approval, policy: policies.Policy) -> Approval | None:
    """What was rejected or withdrawn about the same within the policy's days (A15)."""
    since = step.now - timedelta(days=policy.resubmission_days)
    before = Approval.objects.filter(
        _same_question(record),
        submission__automation=record.submission.automation,
        state__in=(ApprovalState.REJECTED, ApprovalState.WITHDRAWN),
        ended_at__gte=since,
    )
    return before.exclude(submission=record.submission).order_by("-ended_at", "-pk").first()


def _may_ask_again(record: Approval) -> bool:
    """Whether the person who decided before is here and no party now, so that the same person decides again."""
    assert record.earlier is not None
    last = record.earlier.decisions.select_related("person").order_by("-pk").first()
    if last is None:
        return record.earlier.state == ApprovalState.WITHDRAWN
    party = record.submission.parties.filter(person=last.person).exists()
    return last.person.is_here and not party


def _carried(record: Approval, before: Submission | None) -> Approval | None:
    """The record of the submission that this one continues, when its own digest did not change and it was decided (A14)."""
    if before is None:
        return None
    decided = (ApprovalState.APPROVED, ApprovalState.REJECTED)
    same = before.approvals.filter(_same_question(record), state__in=decided).first()
    if same is None or same.tier != record.tier or facts.question_digest(same) != facts.question_digest(record):
        return None
    return same


def _check_enough_people(
    submission: Submission, records: list[Approval], found: Changes, policy: policies.Policy
) -> None:
    short = short_of_people(
        submission.automation,
        found,
        submission.tier,
        policy,
        barred=set(submission.parties.values_list("person_id", flat=True)),
        now_at=submission.submitted_at,
    )
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
    )


def short_of_people(
    automation: Automation,
    found: Changes,
    tier: str,
    policy: policies.Policy,
    *,
    barred: set[int],
    now_at: Any,
) -> list[str]:
    """Names of what nobody would be left to decide, for preview and submission alike (A9).

    Args:
        automation: whose submission it is or would be.
        found: what it asks.
        tier: the app's tier.
        policy: the policy in force.
        barred: ids of its parties.
        now_at: business time.
    """
    bench = Bench.load(now_at)
    rests_on = found.app_in_force
    taken = frozenset(
        who
        for pair in (rests_on.decisions.values_list("person_id", "for_person_id") if rests_on else ())
        for who in pair
        if who
    )
    questions = []
    if found.app:
        labels = policy.seats("app", tier)
        questions.append(
            question(
                "the app", stage=1, labels=labels, automation=automation, resource=None, bench=bench, barred=barred
            )
        )
    for asked in found.asked:
        on = asked.privilege.entitlement.resource if asked.privilege else None
        if asked.credential is not None:
            on = asked.credential.decided_on
        kind = "privilege" if asked.privilege else "credential"
        questions.append(
            question(
                str(asked.privilege or asked.credential),
                stage=2,
                labels=policy.seats(kind, asked.tier),
                automation=automation,
                resource=on,
                bench=bench,
                barred=barred,
            )
        )
    return shortage(questions, stage_1_taken=taken)


__all__ = ["Wish", "short_of_people", "shortage_refusal", "submit", "unready"]
