"""The stages of a submission: they open, their approvals end, and the submission is decided (A4, A5, A10)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from approvals.assignment import additional_seats, candidates, due_dates
from approvals.assignment.context import SubmissionContext, internal_on_approval, internal_on_submission, load_context
from approvals.assignment.transitions import add_seats
from approvals.light_path.transitions.auto_approval import auto_approve
from approvals.models import Approval, ApprovalState, SeatLabel, Submission, SubmissionState
from approvals.models.approval import UNENDED
from approvals.submissions.transitions.put_in_force import put_in_force
from approvals.submissions.transitions.withdraw import note_end
from approvals.submissions.transitions.write_plan import settle_carried
from governance.core.engine.transition import Effect, Step
from governance.core.models import Person
from governance.core.notices import outbox

#: Notices to the builders by stage and outcome; a rejected app ends the submission, which has its own notice.
NOTICES: dict[tuple[int, str], str] = {
    (1, ApprovalState.APPROVED): "app_approved",
    (2, ApprovalState.REJECTED): "part_rejected",
}


@internal_on_approval(event="approval.opened", source=(ApprovalState.WAITING,), target=(ApprovalState.OPEN,))
def open_approval(step: Step[Approval], *, around: SubmissionContext) -> Effect:
    """Open an approval: its candidates are asked and its clock starts (A4, A10).

    Args:
        step: the running step.
        around: the context of the submission, loaded once for all its approvals.
    """
    standings = around.route.standing(around.facts.approval(step.subject.pk))
    around.facts.relate(step.subject)
    people = candidates.open_approval(step.subject, standings, around.route)
    return Effect(payload={"asked": [str(person.opaque_id) for person in people]})


@internal_on_approval(event="approval.closed", source=UNENDED, target=(ApprovalState.NOT_APPLICABLE,))
def close_as_not_applicable(step: Step[Approval], *, around: SubmissionContext) -> None:
    """Close an approval of stage 2 because the app was rejected (A4).

    Args:
        step: the running step.
        around: the context of the submission.
    """
    around.facts.relate(step.subject)
    step.subject.ended_at = step.now


def start(step: Step[Any], context: SubmissionContext) -> None:
    """Open stage 1, or stage 2 if the app in force needs no new decision (A12)."""
    first = [approval for approval in context.approvals if approval.stage == 1]
    if first and first[0].state == ApprovalState.WAITING:
        _open_approvals(step, context, first, event="stage_1_opened")
    elif first and first[0].state == ApprovalState.REJECTED:
        _reject_all(step, context)
    else:
        _after_stage_1(step, context)


def _open_approvals(step: Step[Any], context: SubmissionContext, approvals: Sequence[Approval], *, event: str) -> None:
    """Open approvals and notify their approvers."""
    submission = context.submission
    add_seats.add_seats(step, context, additional_seats.missing_seats(context, approvals))
    seats = [seat for approval in approvals for seat in context.route.standing(approval)]
    candidates.name_candidates(seats, context.route)
    due_by_person = defaultdict[Person, list[datetime | None]](list)
    for approval in approvals:
        open_approval(approval, actor=step.actor, now=step.now, around=context)
        for standing in context.route.standing(approval):
            for person in standing.may_decide:
                due_by_person[person].append(approval.due_at)
    candidates.grant_view(submission.automation, due_by_person)
    if approvals and approvals[0].stage == 1:
        candidates.show_duplicates(submission.automation, due_by_person)
    notices = []
    for person, due in due_by_person.items():
        first = min(filter(None, due), default=None)
        facts = {"count": len(due), "due": first.isoformat() if first else ""}
        notices += candidates.notices(step.now, submission, [person], event, key=event, **facts)
    outbox.queue(notices)


def _after_stage_1(step: Step[Any], context: SubmissionContext) -> None:
    waiting = [approval for approval in context.facts.second if approval.state == ApprovalState.WAITING]
    for approval in waiting:
        if approval.carried_from_id is not None:
            settle_carried(approval, actor=step.actor, now=step.now)
    waiting = [approval for approval in waiting if approval.state == ApprovalState.WAITING]
    if waiting and not auto_approve(step, context, waiting):
        _open_approvals(step, context, waiting, event="stage_2_opened")
    else:
        _decide_if_complete(step, context)


def _reject_all(step: Step[Any], context: SubmissionContext) -> None:
    for approval in context.approvals:
        if approval.state in UNENDED:
            close_as_not_applicable(approval, actor=step.actor, now=step.now, around=context)
    reject_submission(context.submission, actor=step.actor, now=step.now)


def conclude(approval: Approval, step: Step[Any]) -> None:
    """Continue after the end of an approval. Hook on ``approval.approved``, ``.rejected`` and ``.expired``."""
    is_approved = approval.state == ApprovalState.APPROVED
    if not approval.has_ended or (approval.stage == 2 and is_approved and _has_unended(approval.submission_id)):
        return
    related = ("automation__team", "version", "policy", "submitted_by")
    submission = Submission.objects.select_related(*related).get(pk=approval.submission_id)
    context = load_context(submission, step.now)
    event = NOTICES.get((approval.stage, approval.state))
    if event is not None and not submission.light_path:  # the outcome of a light path has its own notice
        key, by = f"{event}:{approval.pk}:{approval.round}", step.actor.person
        candidates.notify_builders(step, submission, event, key=key, what=approval.title, by=by.name if by else "")
    if approval.stage == 1 and is_approved:
        _after_stage_1(step, context)
    elif approval.stage == 1:
        _reject_all(step, context)
    else:
        if not is_approved:
            _approve_without_conflict(step, context)
        _decide_if_complete(step, context)


def _has_unended(submission_id: int) -> bool:
    return Approval.objects.filter(submission=submission_id, state__in=UNENDED).exists()


def _approve_without_conflict(step: Step[Any], context: SubmissionContext) -> None:
    """Approve what only waited for an extra approval, if a refusal has removed the conflict (S6)."""
    for approval in context.approvals:
        is_waiting = SeatLabel.CONFLICT in additional_seats.labels_of(context, approval)
        is_filled = all(seat.is_filled for seat in context.route.standing(approval))
        if approval.state == ApprovalState.OPEN and is_waiting and is_filled:
            approve_left_alone(approval, actor=step.actor, now=step.now)


@internal_on_approval(event="approval.left_alone", source=(ApprovalState.OPEN,), target=(ApprovalState.APPROVED,))
def approve_left_alone(step: Step[Approval]) -> None:
    """Approve without the extra approval: all others have approved it, and a refusal has removed the conflict (S6)."""
    step.subject.ended_at = step.now
    step.subject.granted_term_days = step.subject.granted_term_days or step.subject.term_days


def _decide_if_complete(step: Step[Any], context: SubmissionContext) -> None:
    submission = context.submission
    if _has_unended(submission.pk) or add_seats.reopen_for_conflicts(step, context):
        return
    decide(submission, actor=step.actor, now=step.now, around=context)
    refused = submission.approvals.exclude(state=ApprovalState.APPROVED).exists()
    # Without a refusal it comes into force at once, unless an earlier approval no longer holds (T1, I3).
    refusal = None if refused else put_in_force.refusal(submission, actor=step.actor, now=step.now, context=context)
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


@internal_on_submission(event="submission.decided", source=(SubmissionState.OPEN,), target=(SubmissionState.DECIDED,))
def decide(step: Step[Submission], *, around: SubmissionContext) -> Effect:
    """Every approval has ended. Refused ones stay visible, and the business owner's clock starts (A5, A14).

    Args:
        step: the running step.
        around: the context of the submission.
    """
    submission, accepter = step.subject, around.submission.automation.accepting(step.now)
    states = submission.approvals.values_list("state", flat=True)
    submission.decided_at = step.now
    submission.accept_due_at = due_dates.deadline_after(step.now, around.facts.policy.builder_days, accepter)
    return Effect(payload={"records": sorted(states)})


@internal_on_submission(event="submission.rejected", source=(SubmissionState.OPEN,), target=(SubmissionState.REJECTED,))
def reject_submission(step: Step[Submission]) -> None:
    """Reject the submission: the app was rejected or not decided in time. What was live before runs on (A4)."""
    note_end(step)
    candidates.notify_builders(step, step.subject, "submission_rejected", key="rejected")
