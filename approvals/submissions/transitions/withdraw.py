"""Ends of a submission that is not put in force (A5, A14, A15, L1). Comments and decisions stay.

It is declined, withdrawn, continued by a newer one, or its automation was retired; `expire` has ends by time.
"""

from typing import Any

from approvals.assignment.context import internal_on_approval, internal_on_submission, on_submission
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.models.approval import UNENDED
from approvals.models.submission import UNFINISHED
from governance.core.access import Permission
from governance.core.engine.transition import Step, last_word
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, AutomationState


@internal_on_approval(event="approval.withdrawn", source=UNENDED, target=(ApprovalState.WITHDRAWN,))
def withdraw_approval(step: Step[Approval], *, loaded: Approval) -> None:
    """Withdraw an approval with its submission. Decisions stay (A14, A15).

    Args:
        step: the running step.
        loaded: the approval with the submission, and the resource of its privilege.
    """
    step.subject.submission, step.subject.privilege = loaded.submission, loaded.privilege
    step.subject.ended_at = step.now


def note_end(step: Step[Submission]) -> None:
    """Set the end. An automation that was never live goes back to draft."""
    step.subject.ended_at = step.now
    automation = step.subject.automation
    if automation.state == AutomationState.IN_REVIEW:
        lifecycle.back_to_draft(automation, actor=step.actor, now=step.now)


@on_submission(
    event="submission.declined",
    repeats=last_word("submission.declined"),
    permission=Permission.SUBMISSION_ACCEPT,
    source=(SubmissionState.DECIDED,),
    target=(SubmissionState.DECLINED,),
    reason_needed=True,
)
def decline(step: Step[Submission]) -> None:
    """The business owner declines: nothing changes, and what was live before runs on (A5)."""
    note_end(step)


@on_submission(
    event="submission.withdrawn",
    repeats=last_word("submission.withdrawn"),
    permission=Permission.SUBMISSION_WITHDRAW,
    source=UNFINISHED,
    target=(SubmissionState.WITHDRAWN,),
    reason_needed=True,
)
def withdraw(step: Step[Submission]) -> None:
    """Withdraw the submission, as the submitter, with a reason. Comments and decisions stay (A15)."""
    _withdraw_records(step)
    note_end(step)


@internal_on_submission(event="submission.continued", source=UNFINISHED, target=(SubmissionState.WITHDRAWN,))
def withdraw_for_newer(step: Step[Submission]) -> None:
    """Withdraw it for a newer version that continues it. Unchanged approvals keep their decisions there (A14)."""
    _withdraw_records(step)


@internal_on_submission(event="submission.closed", source=UNFINISHED, target=(SubmissionState.WITHDRAWN,))
def close_with_automation(step: Step[Submission]) -> None:
    """Close it because the automation was retired (L1)."""
    _withdraw_records(step)


def close_unfinished(automation: Automation, step: Step[Any]) -> None:
    """Close the unfinished submission of a retired automation. Hook on ``automation.retired`` (L1)."""
    for submission in automation.submissions.filter(state__in=UNFINISHED):
        close_with_automation(submission, actor=step.actor, now=step.now)


def _withdraw_records(step: Step[Submission]) -> None:
    step.subject.ended_at = step.now
    approvals = step.subject.approvals.filter(state__in=UNENDED).select_related("privilege__entitlement__resource")
    for approval in approvals.order_by("pk"):
        withdraw_approval(approval, actor=step.actor, now=step.now, loaded=approval)
