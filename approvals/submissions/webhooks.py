"""Webhook messages about submissions; `ready()` of approvals registers them."""

from __future__ import annotations

from typing import Any

from approvals.models import Approval, Submission
from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox

SUBMISSION_EVENTS = ("submission.submitted", "submission.rejected", "submission.put_in_force", "submission.expired")
APPROVAL_EVENTS = ("approval.changes_asked",)


def register() -> None:
    """Register the hooks."""
    for event in SUBMISSION_EVENTS:
        hooks.register(event, announce)
    for event in APPROVAL_EVENTS:
        hooks.register(event, announce_approval)


def announce(submission: Submission, step: Step[Any]) -> None:
    """Send a message to the endpoints of this team."""
    automation = submission.automation
    webhook_outbox.announce(
        step, submission, team=automation.team, what=automation.name, page=["review", submission.pk]
    )


def announce_approval(approval: Approval, step: Step[Any]) -> None:
    """Send a message about an approval's submission. One act on ten approvals sends one."""
    announce(approval.submission, step)
