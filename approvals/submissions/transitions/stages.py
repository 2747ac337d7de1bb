"""How a submission moves: stages open, records end, and what follows when the last one has (A4, A5, A10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from approvals.assignment import additional_seats, candidates
from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.route import Route
from approvals.assignment.transitions import add_seats
from approvals.decisions.rules import duties
from approvals.light_path.transitions.auto_approval import approve_all
from approvals.models import Approval, ApprovalState, SeatLabel, Submission, SubmissionState
from approvals.models.approval import UNENDED
from approvals.policies import queries as policy_queries
from approvals.submissions.transitions.carry_over import settle
from approvals.submissions.transitions.put_in_force import put_in_force
from approvals.submissions.transitions.withdraw import note_end
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.roles.roles import Permission


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
    people = candidates.ask(step, step.subject, route)
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
    records = list(submission.approvals.select_related(*LADDER))
    first = [record for record in records if record.stage == 1]
    if first and first[0].state == ApprovalState.WAITING:
        _open(step, submission, first, event="stage_1_opened")
    elif first and first[0].state == ApprovalState.REJECTED:
        _reject(step, submission, records)
    else:
        _after_stage_1(step, submission, records)


def _open(step: Step[Any], submission: Submission, records: Iterable[Approval], *, event: str) -> None:
    """Put records, read with what their ladders need, before whoever may decide them."""
    records = list(records)
    add_seats.add(step, submission, records, additional_seats.missing(submission, records, step.now))
    prefetch_related_objects(records, "seats__candidates")
    route = Route.load(submission, step.now)
    told: dict[int, tuple[Person, int, datetime | None]] = {}
    for record in records:
        open_record(record, actor=step.actor, now=step.now, route=route, known=record)
        for standing in route.standing(record):
            for person in standing.may_decide:
                _, count, due = told.get(person.pk, (person, 0, None))
                soonest = min(filter(None, (due, record.due_at)), default=None)
                told[person.pk] = (person, count + 1, soonest)
    candidates.let_see(submission.automation, [person for person, _, _ in told.values()])
    if records and records[0].stage == 1:
        candidates.show_duplicates(submission.automation, [person for person, _, _ in told.values()])
    outbox.queue(
        notice
        for person, count, due in told.values()
        for notice in candidates.told(
            step, submission, [person], event, key=event, count=count, due=due.isoformat() if due else ""
        )
    )


def _after_stage_1(step: Step[Any], submission: Submission, records: list[Approval]) -> None:
    waiting = [record for record in records if record.stage == 2 and record.state == ApprovalState.WAITING]
    for record in waiting:
        if record.carried_from_id is not None:
            settle(record, actor=step.actor, now=step.now)
    waiting = [record for record in waiting if record.state == ApprovalState.WAITING]
    if waiting and not approve_all(step, submission, waiting):
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
    if record.stage == 1:
        records = list(submission.approvals.select_related(*LADDER))
        if record.state == ApprovalState.APPROVED:
            _after_stage_1(step, submission, records)
        else:
            _reject(step, submission, records)
        return
    if record.state != ApprovalState.APPROVED:
        _settle_left_alone(step, submission)
    _maybe_decided(step, submission)


def _settle_left_alone(step: Step[Any], submission: Submission) -> None:
    """A refusal took a conflict away: what only waited for its extra approval is approved (S6)."""
    waiting = submission.approvals.filter(state=ApprovalState.OPEN, seats__label=SeatLabel.CONFLICT)
    records = list(waiting.select_related(*LADDER).order_by("pk"))
    route = Route.load(submission, step.now) if records else None
    for record in records:
        record.submission = submission
        if route is not None and all(seat.is_filled for seat in route.standing(record)):
            approve_left_alone(record, actor=step.actor, now=step.now)


@transition(
    Approval,
    event="approval.left_alone",
    permission=None,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.APPROVED,),
)
def approve_left_alone(step: Step[Approval]) -> Effect:
    """Everybody else has approved it, and the conflict that took an extra approval is gone by a refusal (S6)."""
    step.subject.ended_at = step.now
    step.subject.granted_term_days = step.subject.granted_term_days or step.subject.term_days
    return Effect()


def _maybe_decided(step: Step[Any], submission: Submission) -> None:
    if submission.approvals.filter(state__in=UNENDED).exists() or add_seats.ask_again(step, submission):
        return
    decide(submission, actor=step.actor, now=step.now)
    refused = submission.approvals.exclude(state=ApprovalState.APPROVED).exists()
    # With nothing refused it is in force at once, unless what was approved first does not hold any more (T1, I3).
    no = None if refused else put_in_force.refusal(submission, actor=step.actor, now=step.now)
    if not refused and no is None:
        put_in_force(submission, actor=step.actor, now=step.now)
        return
    candidates.tell(
        step,
        submission,
        [submission.automation.accepting(step.now)],
        "subset_to_accept",
        key=f"subset:{submission.decided_at.isoformat()}" if submission.decided_at else "subset",
        held=no.sentence if no is not None else "",
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
    """Every record has ended; what was refused stays visible, and the business owner's clock starts (A5, A14)."""
    submission = step.subject
    states = submission.approvals.values_list("state", flat=True)
    days = policy_queries.of(submission.policy).builder_days
    submission.decided_at = step.now
    submission.accept_due_at = candidates.due(step.now, days, submission.automation.accepting(step.now))
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
    note_end(step)
    candidates.tell(
        step, step.subject, candidates.builders(step.subject, step.now), "submission_rejected", key="rejected"
    )
    return Effect()
