"""What follows from decisions: stages open, records close, what was approved is put in force in one transaction (A4, A5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import prefetch_related_objects

from approvals import asking, changes, duties, grants, policies
from approvals.models import (
    Approval,
    ApprovalState,
    Grant,
    GrantKind,
    Submission,
    SubmissionState,
)
from approvals.models.submission import UNFINISHED
from approvals.routing import LADDER, Route
from approvals.transitions.carrying import settle
from governance.controls.models import Person
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from inventory import lifecycle
from inventory.models import Automation, AutomationState

UNENDED = (ApprovalState.WAITING, ApprovalState.OPEN, ApprovalState.CHANGES_ASKED)


@transition(
    Approval, event="approval.opened", permission=None, source=(ApprovalState.WAITING,), target=(ApprovalState.OPEN,)
)
def open_record(step: Step[Approval], *, route: Route, known: Approval) -> Effect:
    """A record's stage opens: its candidates are asked and its clock starts (A4, A10).

    Args:
        step: the running step.
        route: who decides.
        known: the same record with all that its ladder reads, loaded for all records of the submission together.
    """
    step.subject._state.fields_cache.update(known._state.fields_cache)
    step.subject.__dict__["_prefetched_objects_cache"] = known.__dict__["_prefetched_objects_cache"]
    step.subject.submission = route.submission
    people = asking.ask(step, step.subject, route)
    return Effect(payload={"asked": [str(person.opaque_id) for person in people]})


@transition(
    Approval,
    event="approval.closed",
    permission=None,
    source=UNENDED,
    target=(ApprovalState.NOT_APPLICABLE,),
)
def close_as_not_applicable(step: Step[Approval]) -> Effect:
    """The app was rejected, so what it would have touched is no longer a question (A4)."""
    step.subject.ended_at = step.now
    return Effect()


@transition(Approval, event="approval.withdrawn", permission=None, source=UNENDED, target=(ApprovalState.WITHDRAWN,))
def withdraw_record(step: Step[Approval]) -> Effect:
    """The submission was withdrawn or continued by a newer version; what was decided stays (A14, A15)."""
    step.subject.ended_at = step.now
    return Effect()


@transition(
    Approval,
    event="approval.expired",
    permission=Permission.APPROVAL_EXPIRE,
    source=(ApprovalState.OPEN, ApprovalState.CHANGES_ASKED),
    target=(ApprovalState.EXPIRED,),
    duties=(duties.TIME_IS_UP,),
    parents=("submission.automation", "submission"),
)
def expire(step: Step[Approval]) -> Effect:
    """Nobody decided, or nobody answered, in time: it ends as a rejection does and can be submitted again (A10)."""
    step.subject.ended_at = step.now
    return Effect()


def start(step: Step[Any], submission: Submission) -> None:
    """Open what can be decided at once: stage 1, or stage 2 when the app in force needs no new decision (A12)."""
    records = list(submission.approvals.all())
    first = [record for record in records if record.stage == 1]
    if first and first[0].state == ApprovalState.WAITING:
        _open(step, submission, first, event="stage_1_opened")
    elif first and first[0].state == ApprovalState.REJECTED:
        _reject(step, submission, records)
    else:
        _after_stage_1(step, submission, records)


def _open(step: Step[Any], submission: Submission, records: Iterable[Approval], *, event: str) -> None:
    records = list(records)
    prefetch_related_objects(records, "seats__candidates", *LADDER)
    route = Route.load(submission, step.now)
    told: dict[int, tuple[Person, int, datetime | None]] = {}
    for record in records:
        open_record(record, actor=step.actor, now=step.now, route=route, known=record)
        for standing in route.standing(record):
            for person in standing.may_decide:
                _, count, due = told.get(person.pk, (person, 0, None))
                soonest = min(filter(None, (due, record.due_at)), default=None)
                told[person.pk] = (person, count + 1, soonest)
    asking.let_see(submission.automation, [person for person, _, _ in told.values()])
    for person, count, due in told.values():
        due_text = due.isoformat() if due else ""
        asking.tell(step, submission, [person], event, key=event, count=count, due=due_text)


def _after_stage_1(step: Step[Any], submission: Submission, records: list[Approval]) -> None:
    waiting = [record for record in records if record.stage == 2 and record.state == ApprovalState.WAITING]
    for record in waiting:
        if record.carried_from_id is not None:
            settle(record, actor=step.actor, now=step.now)
    waiting = [record for record in waiting if record.state == ApprovalState.WAITING]
    if waiting:
        _open(step, submission, waiting, event="stage_2_opened")
    else:
        _maybe_decided(step, submission)


def _reject(step: Step[Any], submission: Submission, records: Iterable[Approval]) -> None:
    for record in records:
        if record.state in UNENDED:
            close_as_not_applicable(record, actor=step.actor, now=step.now)
    reject_submission(submission, actor=step.actor, now=step.now)


def conclude(record: Approval, step: Step[Any]) -> None:
    """Follow an approval's end: registered for ``approval.approved``, ``.rejected`` and ``.expired``."""
    if not record.has_ended:
        return
    related = ("automation__team", "version", "policy", "submitted_by")
    submission = Submission.objects.select_related(*related).get(pk=record.submission_id)
    records = list(submission.approvals.all())
    if record.stage == 1:
        if record.state == ApprovalState.APPROVED:
            _after_stage_1(step, submission, records)
        else:
            _reject(step, submission, records)
        return
    _maybe_decided(step, submission)


def _maybe_decided(step: Step[Any], submission: Submission) -> None:
    if submission.approvals.filter(state__in=UNENDED).exists():
        return
    decide(submission, actor=step.actor, now=step.now)
    refused = submission.approvals.exclude(state=ApprovalState.APPROVED).exists()
    if not refused:
        put_in_force(submission, actor=step.actor, now=step.now)
        return
    owner = submission.automation.business_owner
    asking.tell(step, submission, [owner], "subset_to_accept", key="subset")


@transition(
    Submission,
    event="submission.decided",
    permission=None,
    source=(SubmissionState.OPEN,),
    target=(SubmissionState.DECIDED,),
)
def decide(step: Step[Submission]) -> Effect:
    """Every record has ended; what was refused stays visible (A5)."""
    states = step.subject.approvals.values_list("state", flat=True)
    return Effect(payload={"records": sorted(states)})


@transition(
    Submission,
    event="submission.rejected",
    permission=None,
    source=(SubmissionState.OPEN,),
    target=(SubmissionState.REJECTED,),
)
def reject_submission(step: Step[Submission]) -> Effect:
    """The app was rejected or nobody decided it in time; what was live before runs on (A4)."""
    _end(step)
    asking.tell(step, step.subject, _builders(step.subject), "submission_rejected", key="rejected")
    return Effect()


def _builders(submission: Submission) -> list[Person]:
    return [submission.submitted_by, *submission.automation.owners]


def _end(step: Step[Submission]) -> None:
    """Note when it ended; an automation that was never live goes back to draft."""
    step.subject.ended_at = step.now
    automation = step.subject.automation
    if automation.state == AutomationState.IN_REVIEW:
        lifecycle.back_to_draft(automation, actor=step.actor, now=step.now)


@transition(
    Submission,
    event="submission.put_in_force",
    permission=None,
    source=(SubmissionState.DECIDED,),
    target=(SubmissionState.IN_FORCE,),
)
def put_in_force(step: Step[Submission]) -> Effect:
    """Create the new grants, end the removed ones and make the version the approved one, together or not at all (A5)."""
    submission = step.subject
    automation = submission.automation
    approved = list(
        submission.approvals.filter(stage=2, state=ApprovalState.APPROVED).select_related(
            "privilege__entitlement", "credential"
        )
    )
    ended = _end_what_is_not_asked(step, submission, approved)
    lifecycle.go_live(
        automation,
        actor=step.actor,
        now=step.now,
        version=submission.version,
        tier=submission.tier,
        review_on=_app_review_on(submission, step.now),
        asked=submission.asked,
    )
    usable = [record for record in approved if is_usable(record, approved, submission)]
    unusable = [str(record.pk) for record in approved if record not in usable]
    policy = policies.of(submission.policy)
    made = [_grant(step, submission, record, policy) for record in usable]
    submission.ended_at = step.now
    asking.tell(
        step,
        submission,
        _builders(submission),
        "put_in_force",
        key="in_force",
        granted=len(made),
        unusable=len(unusable),
    )
    return Effect(payload={"grants": [str(grant.pk) for grant in made], "ended": ended, "unusable": unusable})


def _app_review_on(submission: Submission, now: datetime) -> date:
    """When the app comes up for review: counted from when stage 1 decided, and not put off by a version it was not asked about."""
    policy = policies.of(submission.policy)
    fresh = (now + timedelta(days=policy.review_after(submission.tier))).date()
    app = submission.app_approval
    if app is not None and app.submission_id == submission.pk:
        return min(fresh, (now + timedelta(days=app.granted_term_days or app.term_days)).date())
    standing = submission.automation.review_on
    return min(fresh, standing) if standing is not None else fresh


def is_usable(record: Approval, approved: Iterable[Approval], submission: Submission) -> bool:
    """Whether an approved privilege can be used: the credential that it needs is held or approved too (A2)."""
    if record.privilege is None or record.privilege.credential_id is None:
        return True
    needed = record.privilege.credential_id
    if any(other.credential_id == needed for other in approved):
        return True
    return submission.automation.grants.standing().filter(kind=GrantKind.CREDENTIAL, credential=needed).exists()


def _end_what_is_not_asked(step: Step[Submission], submission: Submission, approved: list[Approval]) -> int:
    """End the grants that the version no longer asks for, and those that a new approval replaces."""
    version = submission.version
    asked = set(version.privileges.values_list("key", flat=True))
    asked |= {f"credential:{pk}" for pk in version.version_credentials.values_list("credential_id", flat=True)}
    replaced = {key_of(record) for record in approved}
    ended = 0
    for grant in submission.automation.grants.standing().order_by("pk"):
        if grant.key in asked and grant.key not in replaced:
            continue
        grants.end(grant, actor=step.actor, now=step.now, why="replaced" if grant.key in replaced else "removed")
        ended += 1
    return ended


def key_of(record: Approval) -> str:
    """The key of the grant that a stage-2 record becomes."""
    if record.privilege is not None:
        return record.privilege.key
    assert record.credential is not None  # approval_kind_has_its_reference
    return changes.credential_key(record.credential)


def _grant(step: Step[Submission], submission: Submission, record: Approval, policy: policies.Policy) -> Grant:
    privilege = record.privilege
    days = record.granted_term_days or record.term_days
    scope = record.granted_scope if record.granted_scope is not None else (privilege.scope if privilege else [])
    made = Grant(
        automation=submission.automation,
        kind=GrantKind.PRIVILEGE if privilege else GrantKind.CREDENTIAL,
        entitlement=privilege.entitlement if privilege else None,
        credential=privilege.credential if privilege else record.credential,
        key=key_of(record),
        target=privilege.target if privilege else "",
        scope=scope,
        level=record.granted_level or (privilege.counted_level if privilege else "execute"),
        tier=record.tier,
        app_approval=submission.app_approval,
        approval=record,
        begins_at=step.now,
        ends_at=step.now + timedelta(days=days),
        review_on=_review_on(step.now, policy, record.tier),
    )
    step.save(made)
    step.record("grant.created", made, {"approval": str(record.pk), "app_approval": str(submission.app_approval_id)})
    return made


def _review_on(now: datetime, policy: policies.Policy, tier: str) -> date:
    return (now + timedelta(days=policy.review_after(tier))).date()


@transition(
    Submission,
    event="submission.accepted",
    permission=Permission.SUBMISSION_ACCEPT,
    source=(SubmissionState.DECIDED,),
    parents=("automation",),
)
def accept_subset(step: Step[Submission]) -> Effect:
    """The business owner accepts what was approved, without what was refused (A5)."""
    put_in_force(step.subject, actor=step.actor, now=step.now)
    return Effect()


@transition(
    Submission,
    event="submission.declined",
    permission=Permission.SUBMISSION_ACCEPT,
    source=(SubmissionState.DECIDED,),
    target=(SubmissionState.DECLINED,),
    parents=("automation",),
    reason_needed=True,
)
def decline(step: Step[Submission]) -> Effect:
    """The business owner declines the rest: nothing changes, and what was live before runs on (A5)."""
    _end(step)
    return Effect()


@transition(
    Submission,
    event="submission.withdrawn",
    permission=Permission.SUBMISSION_WITHDRAW,
    source=UNFINISHED,
    target=(SubmissionState.WITHDRAWN,),
    parents=("automation",),
    reason_needed=True,
)
def withdraw(step: Step[Submission]) -> Effect:
    """The submitter takes it back, with a reason; all that was said and decided stays (A15)."""
    _withdraw_records(step)
    _end(step)
    return Effect()


@transition(
    Submission,
    event="submission.continued",
    permission=None,
    source=UNFINISHED,
    target=(SubmissionState.WITHDRAWN,),
)
def withdraw_for_newer(step: Step[Submission]) -> Effect:
    """A newer version of the same automation continues it; what did not change keeps its decisions there (A14)."""
    _withdraw_records(step)
    step.subject.ended_at = step.now
    return Effect()


@transition(
    Submission,
    event="submission.closed",
    permission=None,
    source=UNFINISHED,
    target=(SubmissionState.WITHDRAWN,),
)
def close_with_automation(step: Step[Submission]) -> Effect:
    """The automation was retired, so nothing more is decided about it (L1)."""
    _withdraw_records(step)
    step.subject.ended_at = step.now
    return Effect()


def close_unfinished(automation: Automation, step: Step[Any]) -> None:
    """End the open submission of an automation that was retired: registered for ``automation.retired`` (L1)."""
    for submission in automation.submissions.filter(state__in=UNFINISHED):
        close_with_automation(submission, actor=step.actor, now=step.now)


def _withdraw_records(step: Step[Submission]) -> None:
    for record in step.subject.approvals.filter(state__in=UNENDED).order_by("pk"):
        withdraw_record(record, actor=step.actor, now=step.now)


__all__ = [
    "accept_subset",
    "close_as_not_applicable",
    "close_unfinished",
    "close_with_automation",
    "conclude",
    "decide",
    "decline",
    "expire",
    "is_usable",
    "key_of",
    "open_record",
    "put_in_force",
    "reject_submission",
    "start",
    "withdraw",
    "withdraw_for_newer",
    "withdraw_record",
]
