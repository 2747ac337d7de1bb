"""Checks before a submission comes into force, and before an automation moves to another team (S6, L2). Reads only."""

from datetime import datetime

from approvals.assignment import additional_seats
from approvals.assignment.context import SubmissionContext
from approvals.conflicts.check import access_in_force
from approvals.conflicts.check import submission as conflicts
from approvals.models import Submission
from approvals.models.submission import UNFINISHED
from governance.core.access import Actor, Refusal, duty
from inventory.models import Automation, Transfer


def conflict_refusal(context: SubmissionContext) -> Refusal | None:
    """Return why approved access can't come into force together, or None (S6).

    The reason is an enforced conflict, access that was approved before it came into a conflict, or a conflict that has
    grown since Security signed.
    """
    left = context.conflicts.after_decisions(context.approvals)
    if (refusal := conflicts.refusal(left)) is not None:
        return refusal
    for approval, conflict in additional_seats.unsigned_approvals(context, left):
        name = f"{approval.quoted[:1].upper()}{approval.quoted[1:]}"
        sentence = f"{name} was approved before it came into a conflict, and needs one more approval, from Security."
        to_do = "Look again in a minute: Security is asked for it by then."
        return Refusal("S6", "state", f"{sentence} {conflict.sentence}", to_do)
    grown = additional_seats.grown_conflict(context, left)
    if grown is None:
        return None
    sentence = f"The conflict now covers more access than Security approved. {grown.sentence}"
    return Refusal("S6", "state", sentence, "Decline this, and submit it again: Security signs what there is then.")


@duty("L2")
def nothing_submitted(subject: Automation | Transfer, actor: Actor, now: datetime) -> Refusal | None:
    """What is under review stays with its team until that has ended."""
    automation = subject.automation if isinstance(subject, Transfer) else subject
    if not automation.submissions.filter(state__in=UNFINISHED).exists():
        return None
    sentence = f"{automation.name} is under review. Its present approvers decide first."
    return Refusal("L2", "state", sentence, "It moves once that has ended, or is withdrawn.")


@duty("S6")
def in_no_conflict(subject: Transfer, actor: Actor, now: datetime) -> Refusal | None:
    """Nothing moves to where it would stand in a conflict that is refused, unless it is waived."""
    return access_in_force.refusal(subject.automation, subject.to_team, now)


@duty("S6", needs_context=True)
def conflict_free(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Nothing comes into force that an enforced conflict rule forbids, unless it is waived, or that lacks the
    signature that one takes.
    """
    return conflict_refusal(context)
