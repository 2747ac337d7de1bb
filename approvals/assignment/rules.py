"""Duties of asking the next approvers, and the approvers that a later deadline adds (A9, A10)."""

from __future__ import annotations

from datetime import datetime

from approvals.assignment import candidates
from approvals.assignment.context import SubmissionContext
from approvals.models import ApprovalState, Submission
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, duty


@duty("A9", needs_context=True)
def has_next_approver(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """The next approvers are asked when no asked approver may decide any more."""
    is_open = (approval for approval in context.approvals if approval.state == ApprovalState.OPEN)
    if any(candidates.seats_to_reassign(approval, context.route) for approval in is_open):
        return None
    return Refusal("A9", "state", "Those who were asked may still decide, or nobody else may.")


@duty("A10", needs_context=True)
def is_half_time_over(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """The deputy is asked too at half of an approval's time, and the rest of the escalation chain at its due date."""
    is_open = (approval for approval in context.approvals if approval.state == ApprovalState.OPEN)
    if any(candidates.seats_for_late_rungs(approval, context.route) for approval in is_open):
        return None
    return Refusal("A10", "state", "Not enough time has passed, or nobody else may decide.")
