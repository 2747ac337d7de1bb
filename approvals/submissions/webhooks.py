"""Which endpoints are told of what happens to submissions, for approvals' `ready()`."""

from __future__ import annotations

from typing import Any

from approvals.models import Approval, Submission
from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox

OF_SUBMISSIONS = ("submission.submitted", "submission.rejected", "submission.put_in_force", "submission.expired")
OF_RECORDS = ("approval.changes_asked",)


def register() -> None:
    """Have endpoints told."""
    for event in OF_SUBMISSIONS:
        hooks.register(event, announce)
    for event in OF_RECORDS:
        hooks.register(event, announce_of_record)


def announce(submission: Submission, step: Step[Any]) -> None:
    """Tell whoever is told of this team's submissions."""
    automation = submission.automation
    webhook_outbox.announce(
        step, submission, team=automation.team, what=automation.name, page=["review", submission.pk]
    )


def announce_of_record(record: Approval, step: Step[Any]) -> None:
    """Tell whoever is told of the submission that a record belongs to: one act on ten records is told once."""
    announce(record.submission, step)
