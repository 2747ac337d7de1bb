"""What is asked before an automation moves to another team, by facts of approvals (L2)."""

from __future__ import annotations

from datetime import datetime

from approvals.conflicts import moved
from approvals.models.submission import UNFINISHED
from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.refusals import Refusal
from inventory.models import Automation, Transfer


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
    return moved.refusal(subject.automation, subject.to_team, now)


IN_NO_CONFLICT = Duty(
    "S6",
    "S6",
    "Nothing moves to where it would stand in a conflict that is refused, unless it is waived.",
    _in_no_conflict,
)
