"""The thread of an approval: its questions, and the answers and comments about it, oldest first (A14)."""

from dataclasses import dataclass
from datetime import datetime

from approvals.models import Approval
from approvals.models.approval import DecisionOutcome


@dataclass(frozen=True)
class Message:
    """One message of the thread. ``is_question`` says whether it requested changes."""

    at: datetime
    name: str
    text: str
    is_question: bool = False


def load_thread(approval: Approval) -> list[Message]:
    """Return the messages of an approval, except questions that were taken back."""
    asked = approval.decisions.standing().filter(outcome=DecisionOutcome.ASK).select_related("person", "reason")
    questions = [Message(row.at, row.person.name, row.reason.shown, True) for row in asked if row.reason is not None]
    comments = approval.comments.filter(is_objection=False).select_related("by", "text")
    return sorted([*questions, *(Message(row.at, row.by.name, row.text.shown) for row in comments)], key=lambda m: m.at)
