"""An approval, or a submission to accept, whose time is up expires; silence never approves (A5, A10)."""

from approvals.assignment import candidates
from approvals.decisions.rules import deadlines
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.submissions.transitions.withdraw import note_end
from governance.core.access import Permission
from governance.core.engine.transition import Step, transition


@transition(
    Approval,
    event="approval.expired",
    permission=Permission.APPROVAL_EXPIRE,
    source=(ApprovalState.OPEN, ApprovalState.CHANGES_ASKED),
    target=(ApprovalState.EXPIRED,),
    duties=(deadlines.time_is_up,),
    parents=("submission.automation", "submission"),
)
def expire(step: Step[Approval]) -> None:
    """Expire an approval that no one decided, or a question that no one answered. It can be submitted again (A10)."""
    step.subject.ended_at = step.now


@transition(
    Submission,
    event="submission.expired",
    permission=Permission.APPROVAL_EXPIRE,
    source=(SubmissionState.DECIDED,),
    target=(SubmissionState.EXPIRED,),
    duties=(deadlines.accept_time_is_up,),
    parents=("automation",),
)
def expire_submission(step: Step[Submission]) -> None:
    """Expire a submission that no one accepted or declined in time. It can be submitted again (A5, A14)."""
    note_end(step)
    candidates.notify_builders(step, step.subject, "submission_expired", key="expired")
