"""Why what was approved can't come into force as it is decided: an enforced conflict, or one that nobody has signed for yet (S6). Reads only.

What is asked before an automation moves to another team, by facts of approvals (L2).
"""

from __future__ import annotations

from datetime import datetime

from approvals.assignment import additional_seats
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check import transfer
from approvals.models import Submission
from approvals.models.submission import UNFINISHED
from approvals.submissions import rules as submission_rules
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from inventory.models import Automation, Transfer


def conflict(submission: Submission, now: datetime) -> Refusal | None:
    """Why what was approved can't come into force together, or together with what others hold; None where it can (S6)."""
    records = submission.approvals.filter(stage=2).select_related("privilege")
    return conflicts.refusal(conflicts.left(submission, records, now)) or _unsigned(submission, now)


def _unsigned(submission: Submission, now: datetime) -> Refusal | None:
    """Why what was approved before it came into a conflict waits for a signature more; None where nothing does."""
    found = next(iter(additional_seats.unsigned(submission, now)), None)
    if found is None:
        return _grown(submission, now)
    what = "The app" if found.record.title == "the app" else f"“{found.record.title}”"
    sentence = f"{what} was approved before it came into a conflict, and needs one more approval, from Security. {found.conflict.sentence}"
    return Refusal("S6", "state", sentence, "Look again in a minute: Security is asked for it by then.")


def _grown(submission: Submission, now: datetime) -> Refusal | None:
    """Why what was signed does not come into force: more is held together by now than Security signed."""
    found = additional_seats.grown(submission, now)
    if found is None:
        return None
    sentence = f"More is held together now than Security signed. {found.sentence}"
    return Refusal("S6", "state", sentence, "Decline this, and submit it again: Security signs what there is then.")


def _nothing_submitted(subject: Automation | Transfer, actor: Actor, now: datetime) -> Refusal | None:
    automation = subject.automation if isinstance(subject, Transfer) else subject
    if not automation.submissions.filter(state__in=UNFINISHED).exists():
        return None
    sentence = f"{automation.name} is under review: whoever was asked first decides about it."
    return Refusal("L2", "state", sentence, "It moves once that has ended, or is withdrawn.")


NOTHING_SUBMITTED = Duty(
    "L2", "L2", "What is under review stays with its team until that has ended.", _nothing_submitted
)


def _in_no_conflict(subject: Transfer, actor: Actor, now: datetime) -> Refusal | None:
    return transfer.refusal(subject.automation, subject.to_team, now)


IN_NO_CONFLICT = Duty(
    "S6",
    "S6",
    "Nothing moves to where it would stand in a conflict that is refused, unless it is waived.",
    _in_no_conflict,
)


def _conflict_free(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    return submission_rules.conflict(subject, now)


CONFLICT_FREE = Duty(
    "S6",
    "S6",
    "Nothing comes into force that an enforced conflict rule forbids, unless it is waived, or that lacks the signature that one takes.",
    _conflict_free,
)
