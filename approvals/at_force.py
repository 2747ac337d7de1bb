"""Why what was approved can't come into force as it is decided: an enforced conflict, or one that nobody has signed for yet (S6). Reads only."""

from __future__ import annotations

from datetime import datetime

from approvals import added
from approvals.conflicts import asked as conflicts
from approvals.models import Submission
from governance.controls.refusals import Refusal


def conflict(submission: Submission, now: datetime) -> Refusal | None:
    """Why what was approved can't come into force together, or together with what others hold; None where it can (S6)."""
    records = submission.approvals.filter(stage=2).select_related("privilege")
    return conflicts.refusal(conflicts.left(submission, records, now)) or _unsigned(submission, now)


def _unsigned(submission: Submission, now: datetime) -> Refusal | None:
    """Why what was approved before it came into a conflict waits for a signature more; None where nothing does."""
    found = next(iter(added.unsigned(submission, now)), None)
    if found is None:
        return None
    what = "The app" if found.record.title == "the app" else f"“{found.record.title}”"
    sentence = f"{what} was approved before it came into a conflict, and takes a signature of security more. {found.found.sentence}"
    return Refusal("S6", "state", sentence, "Look again in a minute: security is asked for it by then.")
