"""Add seats to open approvals because of a later policy or conflict, with a notice; no seat is removed (A1, S6, T3).

Runs when an approval opens or is approved, and in a sweep after a rule came into force. An approval reopens for the
extra approval if it came into a conflict later (S6). That is checked before a submission is decided, and in a sweep
of decided submissions that are not in force.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.assignment import additional_seats, candidates, due_dates
from approvals.assignment.context import SubmissionContext, internal_on_approval, on_submission
from approvals.assignment.seat_state import list_names
from approvals.assignment.transitions.reassign import ask_next
from approvals.models import Approval, ApprovalState, Seat, SeatLabel, Submission, SubmissionState
from governance.core.access import Actor, Permission, Refusal, duty
from governance.core.engine.transition import Effect, Step


@duty("A1", needs_context=True)
def something_missing(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A later policy or conflict adds a signature to what is not in force, and takes none away."""
    is_decided = subject.state == SubmissionState.DECIDED
    if additional_seats.unsigned_approvals(context) if is_decided else lacking_seats(context):
        return None
    return Refusal("A1", "state", "It already asks for every approval that it needs.")


def lacking_seats(context: SubmissionContext) -> Mapping[int, Sequence[str]]:
    """Return the missing seats of the undecided approvals of a submission (`additional_seats.missing_seats`)."""
    undecided = [approval for approval in context.approvals if not approval.has_ended]
    return additional_seats.missing_seats(context, undecided)


@on_submission(
    event="submission.signatures_added",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN, SubmissionState.DECIDED),
    target=(SubmissionState.OPEN,),
    duties=(something_missing,),
)
def add_signatures(step: Step[Submission]) -> Effect:
    """Add the seats of a later policy or conflict, ask their approvers and notify the builders (A1, S6).

    A decided submission reopens. Its owner accepts it after the extra approval.
    """
    context: SubmissionContext = step.context
    if step.subject.state == SubmissionState.DECIDED:
        opened = reopen_for_conflicts(step, context)
        step.subject.decided_at = step.subject.accept_due_at = None
        return Effect(payload={"records": len(opened)})
    missing = lacking_seats(context)
    add_seats(step, context, missing)
    people = ask_next(step, context, because="added")
    return Effect(payload={"records": len(missing), "asked": [str(person.opaque_id) for person in people]})


def reopen_for_conflicts(step: Step[Any], context: SubmissionContext) -> Sequence[Approval]:
    """Reopen approvals that came into a conflict and ask for the extra approval; returns them (S6).

    A submission put in force at the same moment is not visible here. Putting in force checks again alone, and
    refuses.
    """
    pending = additional_seats.unsigned_approvals(context)
    if not pending:
        return ()
    because = " ".join(dict.fromkeys(conflict.sentence for _, conflict in pending))
    approvals = [approval for approval, _ in pending]
    add_seats(step, context, {approval.pk: (SeatLabel.CONFLICT,) for approval in approvals}, because=because)
    for approval in approvals:
        reopen(approval, actor=step.actor, now=step.now, around=context)
    ask_next(step, context, among=approvals, because="added")
    return approvals


@internal_on_approval(event="approval.opened_again", source=(ApprovalState.APPROVED,), target=(ApprovalState.OPEN,))
def reopen(step: Step[Approval], *, around: SubmissionContext) -> None:
    """Reopen an approval that came into a conflict: its decisions stay, one extra approval is added (S6, A10).

    Args:
        step: the running step.
        around: the context of its submission, with the added seat.
    """
    standings = around.route.standing(around.facts.approval(step.subject.pk))
    people = [person for seat in standings if not seat.is_filled for person in seat.may_decide]
    due_dates.start_clock(step.subject, around.route, people)
    step.subject.ended_at = step.subject.by_policy = None


def add_seats(
    step: Step[Any], context: SubmissionContext, missing: Mapping[int, Sequence[str]], *, because: str = ""
) -> list[Seat]:
    """Add the missing seats to approvals and notify the builders; asks no approver yet.

    Args:
        step: the running step.
        context: of the submission.
        missing: labels by approval id (`additional_seats.missing_seats`).
        because: sentences about conflicts that arose after the approval; empty if a rule came while it was open.
    """
    lacking = [approval for approval in context.approvals if approval.pk in missing]
    wanted = [(row, label) for row in lacking for label in missing[row.pk]]
    new = [(row, label) for row, label in wanted if label not in additional_seats.labels_of(context, row)]
    seats = [Seat(approval=row, label=label) for row, label in new]
    if not seats:
        return []
    Seat.objects.bulk_create(seats)
    for approval in lacking:
        step.record("approval.signature_added", approval, {"seats": list(missing[approval.pk])})
    context.route.add_seats(seats)
    labels = dict.fromkeys(str(SeatLabel(seat.label).label).lower() for seat in seats)
    candidates.notify_builders(
        step,
        context.submission,
        "signature_added",
        key=f"added:{min(seat.pk for seat in seats)}",
        what=list_names([approval.title for approval in lacking]),
        seats=" and ".join(labels),
        because=because,
    )
    return seats


def add_seats_to(step: Step[Approval]) -> None:
    """Add the missing seats to an approval that is being approved now. It stays open, and its clock runs on (A1)."""
    context: SubmissionContext = step.context
    if add_seats(step, context, additional_seats.missing_seats(context, [step.subject])):
        ask_next(step, context, among=[step.subject], because="added")
