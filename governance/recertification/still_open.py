"""What of that which somebody was asked in reviews still waits for their answer, for their digest (R5)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from governance.controls import access, mail_digest
from governance.controls.mail_digest import Line
from governance.controls.models import Person
from governance.recertification import wording
from governance.recertification.models import ItemState, Question

EVENTS = ("opened", "joined", "passed", "reminder", "escalated")

#: What the words for an item read of it.
ABOUT = (
    "item__automation__team",
    "item__grant__automation__team",
    "item__grant__credential",
    "item__grant__approval__privilege__entitlement__resource",
    "item__grant__approval__credential",
)


def register() -> None:
    """Have the digest ask here about what reviews tell."""
    mail_digest.register(to_review, *(f"recertification_{event}" for event in EVENTS))


def to_review(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items with a question that the person, or somebody for whom they stand in, has not answered.

    What was handed on because nobody answered in time is due when silence takes it away.
    """
    asked = (
        Question.objects.filter(reviewer__in=access.answering_as(person, now))
        .unanswered()
        .filter(item__in=mail_digest.keys(threads))
    )
    found = {}
    for question in asked.select_related(*ABOUT).order_by("pk"):
        item = question.item
        team = item.of_automation.team.name
        due = item.grace_until if item.state == ItemState.ESCALATED else item.deadline
        found[f"item:{item.pk}"] = Line(due, f"{team}: {wording.title(item)}. Is it still {question.asks}?")
    return found
