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
        return _grown(submission, now)
    what = "The app" if found.record.title == "the app" else f"“{found.record.title}”"
    sentence = f"{what} was approved before it came into a conflict, and needs one more approval, from Security. {found.found.sentence}"
    return Refusal("S6", "state", sentence, "Look again in a minute: Security is asked for it by then.")


def _grown(submission: Submission, now: datetime) -> Refusal | None:
    """Why what was signed does not come into force: more is held together by now than Security signed."""
    found = added.grown(submission, now)
    if found is None:
        return None
    sentence = f"More is held together now than Security signed. {found.sentence}"
    return Refusal("S6", "state", sentence, "Decline this, and submit it again: Security signs what there is then.")
