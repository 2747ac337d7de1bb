"""What of that which somebody was asked in reviews still waits for their answer, for their digest (R5)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from governance.controls import access, mail_digest
from governance.controls.mail_digest import Line
from governance.controls.models import Person
from governance.recertification import dates
from governance.recertification.models import Question

EVENTS = ("opened", "joined", "passed", "reminder", "escalated")


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
    questions = list(asked.select_related(*dates.ABOUT).order_by("pk"))
    events = dates.of_questions(person, questions, now)
    return {
        f"item:{one.item_id}": Line(dates.due(one.item), dates.words(one), date=events[one.item_id])
        for one in questions
    }
