"""What the rules, writes and pages of one item ask: its questions, answers, parties and ladders, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from approvals.models import Party
from governance.core.models import Person
from governance.recertification.models import SETTLING, Answer, Item, Question

#: Relations of a question's reviewer and of an answer, for pages and rules.
ANSWER_RELATIONS = ("person", "for_person", "reason")


@dataclass
class ItemContext:
    """Data of one item, loaded after its lock by a transition, or by a page.

    Args:
        item: the item with its grant or automation.
        questions: in the order of asking, each with its reviewer and this very item.
        answers: by question, oldest first.
        parties: ids of the parties of both approvals of the grant (S1); empty for an automation.
        people: people on the ladders of the questions, by id.
    """

    item: Item
    questions: list[Question]
    answers: dict[int, list[Answer]]
    parties: frozenset[int]
    people: dict[int, Person]

    @property
    def unanswered(self) -> list[Question]:
        """Questions without an answer."""
        return [question for question in self.questions if question.answered_at is None]

    def settling(self, question: Question) -> list[Answer]:
        """Answers of a question that did not pass it on."""
        return [answer for answer in self.answers.get(question.pk, ()) if answer.answer in SETTLING]

    def latest_answer(self, question: Question) -> Answer | None:
        """The latest settling answer of a question, or None."""
        return next(reversed(self.settling(question)), None)


def load_context(subject: Item | Question, now: datetime) -> ItemContext:
    """Load the context of an item, or of the item of a question. At most four queries."""
    item = subject.item if isinstance(subject, Question) else subject
    if item._state.adding:
        return ItemContext(item, [], {}, _parties(item), {})
    questions = list(Question.objects.filter(item=item).select_related("reviewer", "draft").order_by("pk"))
    questions = [subject if question == subject else question for question in questions]
    for question in questions:
        question.item = item
    answers: dict[int, list[Answer]] = {}
    for answer in Answer.objects.filter(question__item=item).select_related(*ANSWER_RELATIONS).order_by("pk"):
        answers.setdefault(answer.question_id, []).append(answer)
    people = Person.objects.in_bulk({pk for question in questions for pk in question.ladder})
    return ItemContext(item, questions, answers, _parties(item), people)


def _parties(item: Item) -> frozenset[int]:
    grant = item.grant
    if grant is None:
        return frozenset()
    rows = Party.objects.filter(Q(submission__approvals__in=(grant.approval_id, grant.app_approval_id))).order_by()
    return frozenset(rows.values_list("person", flat=True))
