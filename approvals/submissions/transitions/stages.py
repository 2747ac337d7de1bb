"""The stages of a submission: they open, their approvals end, and the submission is decided (A4, A5, A10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from approvals.assignment import additional_seats, candidates
from approvals.assignment.escalation_chain import CHAIN_RELATIONS
from approvals.assignment.route import Route
from approvals.assignment.transitions import add_seats
from approvals.light_path.transitions.auto_approval import auto_approve
from approvals.models import Approval, ApprovalState, SeatLabel, Submission, SubmissionState
from approvals.models.approval import UNENDED
from approvals.policies import queries as policy_queries
from approvals.submissions.transitions.carry_over import settle_carried
from approvals.submissions.transitions.put_in_force import put_in_force
from approvals.submissions.transitions.withdraw import note_end
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox


@transition(
    Approval, event="approval.opened", permission=None, source=(ApprovalState.WAITING,), target=(ApprovalState.OPEN,)
)
def open_approval(step: Step[Approval], *, route: Route, loaded: Approval) -> Effect:
    """Open an approval: its candidates are asked and its clock starts (A4, A10).

    Args:
        step: the running step.
        route: the route of the submission.
        loaded: the same approval with all relations that its ladder reads, loaded for the whole submission.
    """
    step.subject._state.fields_cache.update(loaded._state.fields_cache)
    step.subject.__dict__["_prefetched_objects_cache"] = loaded.__dict__["_prefetched_objects_cache"]
    step.subject.submission = route.submission
    people = candidates.open_approval(step, step.subject, route)
    return Effect(payload={"asked": [str(person.opaque_id) for person in people]})


@transition(
    Approval,
    event="approval.closed",
    permission=None,
    source=UNENDED,
    target=(ApprovalState.NOT_APPLICABLE,),
)
def close_as_not_applicable(step: Step[Approval]) -> Effect:
    """Close an approval of stage 2 because the app was rejected (A4)."""
    step.subject.ended_at = step.now
    return Effect()


def start(step: Step[Any], submission: Submission) -> None:
    """Open stage 1, or stage 2 if the app in force needs no new decision (A12)."""
    approvals = list(submission.approvals.select_related(*CHAIN_RELATIONS))
    first = [approval for approval in approvals if approval.stage == 1]
    if first and first[0].state == ApprovalState.WAITING:
        _open_approvals(step, submission, first, event="stage_1_opened")
    elif first and first[0].state == ApprovalState.REJECTED:
        _reject_all(step, submission, approvals)
    else:
        _after_stage_1(step, submission, approvals)


def _open_approvals(step: Step[Any], submission: Submission, approvals: Iterable[Approval], *, event: str) -> None:
    """Open approvals and notify their approvers. Needs the relations of their ladders."""
    approvals = list(approvals)
    add_seats.add_seats(step, submission, approvals, additional_seats.missing_seats(submission, approvals, step.now))
    prefetch_related_objects(approvals, "seats__candidates")
    route = Route.load(submission, step.now)
    approvals_by_person: dict[int, tuple[Person, int, datetime | None]] = {}
    for approval in approvals:
        open_approval(approval, actor=step.actor, now=step.now, route=route, loaded=approval)
        for standing in route.standing(approval):
            for person in standing.may_decide:
                _, count, due = approvals_by_person.get(person.pk, (person, 0, None))
                soonest = min(filter(None, (due, approval.due_at)), default=None)
                approvals_by_person[person.pk] = (person, count + 1, soonest)
    candidates.grant_view(submission.automation, [person for person, _, _ in approvals_by_person.values()])
    if approvals and approvals[0].stage == 1:
        candidates.show_duplicates(submission.automation, [person for person, _, _ in approvals_by_person.values()])
    outbox.queue(
        notice
        for person, count, due in approvals_by_person.values()
        for notice in candidates.notices(
            step, submission, [person], event, key=event, count=count, due=due.isoformat() if due else ""
        )
    )


def _after_stage_1(step: Step[Any], submission: Submission, approvals: list[Approval]) -> None:
    waiting = [approval for approval in approvals if approval.stage == 2 and approval.state == ApprovalState.WAITING]
    for approval in waiting:
        if approval.carried_from_id is not None:
            settle_carried(approval, actor=step.actor, now=step.now)
    waiting = [approval for approval in waiting if approval.state == ApprovalState.WAITING]
    if waiting and not auto_approve(step, submission, waiting):
        _open_approvals(step, submission, waiting, event="stage_2_opened")
    else:
        _decide_if_complete(step, submission)


def _reject_all(step: Step[Any], submission: Submission, approvals: Iterable[Approval]) -> None:
    for approval in approvals:
        if approval.state in UNENDED:
            close_as_not_applicable(approval, actor=step.actor, now=step.now)
    reject_submission(submission, actor=step.actor, now=step.now)


def conclude(approval: Approval, step: Step[Any]) -> None:
    """Continue after the end of an approval. Hook on ``approval.approved``, ``.rejected`` and ``.expired``."""
    if not approval.has_ended:
        return
    related = ("automation__team", "version", "policy", "submitted_by")
    submission = Submission.objects.select_related(*related).get(pk=approval.submission_id)
    if approval.stage == 1:
        approvals = list(submission.approvals.select_related(*CHAIN_RELATIONS))
        if approval.state == ApprovalState.APPROVED:
            _after_stage_1(step, submission, approvals)
        else:
            _reject_all(step, submission, approvals)
        return
    if approval.state != ApprovalState.APPROVED:
        _approve_without_conflict(step, submission)
    _decide_if_complete(step, submission)


def _approve_without_conflict(step: Step[Any], submission: Submission) -> None:
    """Approve what only waited for an extra approval, if a refusal has removed the conflict (S6)."""
    waiting = submission.approvals.filter(state=ApprovalState.OPEN, seats__label=SeatLabel.CONFLICT)
    approvals = list(waiting.select_related(*CHAIN_RELATIONS).order_by("pk"))
    route = Route.load(submission, step.now) if approvals else None
    for approval in approvals:
        approval.submission = submission
        if route is not None and all(seat.is_filled for seat in route.standing(approval)):
            approve_left_alone(approval, actor=step.actor, now=step.now)


@transition(
    Approval,
    event="approval.left_alone",
    permission=None,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.APPROVED,),
)
def approve_left_alone(step: Step[Approval]) -> Effect:
    """Approve without the extra approval: all others have approved it, and a refusal has removed the conflict (S6)."""
    step.subject.ended_at = step.now
    step.subject.granted_term_days = step.subject.granted_term_days or step.subject.term_days
    return Effect()


def _decide_if_complete(step: Step[Any], submission: Submission) -> None:
    if submission.approvals.filter(state__in=UNENDED).exists() or add_seats.reopen_for_conflicts(step, submission):
        return
    decide(submission, actor=step.actor, now=step.now)
    refused = submission.approvals.exclude(state=ApprovalState.APPROVED).exists()
    # Without a refusal it comes into force at once, unless an earlier approval no longer holds (T1, I3).
    refusal = None if refused else put_in_force.refusal(submission, actor=step.actor, now=step.now)
    if not refused and refusal is None:
        put_in_force(submission, actor=step.actor, now=step.now)
        return
    candidates.queue_notices(
        step,
        submission,
        [submission.automation.accepting(step.now)],
        "subset_to_accept",
        key=f"subset:{submission.decided_at.isoformat()}" if submission.decided_at else "subset",
        held=refusal.sentence if refusal is not None else "",
        due=submission.accept_due_at.isoformat() if submission.accept_due_at else "",
    )


@transition(
    Submission,
    event="submission.decided",
    permission=None,
    source=(SubmissionState.OPEN,),
    target=(SubmissionState.DECIDED,),
)
def decide(step: Step[Submission]) -> Effect:
    """Every approval has ended. Refused ones stay visible, and the business owner's clock starts (A5, A14)."""
    submission = step.subject
    states = submission.approvals.values_list("state", flat=True)
    days = policy_queries.policy_of(submission.policy).builder_days
    submission.decided_at = step.now
    submission.accept_due_at = candidates.deadline_after(step.now, days, submission.automation.accepting(step.now))
    return Effect(payload={"records": sorted(states)})


@transition(
    Submission,
    event="submission.rejected",
    permission=None,
    source=(SubmissionState.OPEN,),
    target=(SubmissionState.REJECTED,),
)
def reject_submission(step: Step[Submission]) -> Effect:
    """Reject the submission: the app was rejected or not decided in time. What was live before runs on (A4)."""
    note_end(step)
    candidates.queue_notices(
        step,
        step.subject,
        candidates.recipients_of_outcome(step.subject, step.now),
        "submission_rejected",
        key="rejected",
    )
    return Effect()
