"""Webhook messages about submissions; `ready()` of approvals registers them."""

from __future__ import annotations

from typing import Any

from approvals.models import Approval, Submission
from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox

OF_SUBMISSIONS = ("submission.submitted", "submission.rejected", "submission.put_in_force", "submission.expired")
OF_RECORDS = ("approval.changes_asked",)


def register() -> None:
    """Register the hooks."""
    for event in OF_SUBMISSIONS:
        hooks.register(event, announce)
    for event in OF_RECORDS:
        hooks.register(event, announce_of_record)


def announce(submission: Submission, step: Step[Any]) -> None:
    """Send a message to the endpoints of this team."""
    automation = submission.automation
    webhook_outbox.announce(
        step, submission, team=automation.team, what=automation.name, page=["review", submission.pk]
    )


def announce_of_record(approval: Approval, step: Step[Any]) -> None:
    """Send a message about an approval's submission. One act on ten approvals sends one."""
    announce(approval.submission, step)
