"""What the rules, writes and pages of one item ask: its questions, answers, parties and ladders, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from approvals.models import Grant, Party
from governance.core.models import Person
from governance.recertification.models import SETTLING, Answer, Item, Question
from inventory.models import Automation

#: Relations of a question's reviewer and of an answer, for pages and rules.
ANSWER_RELATIONS = ("person", "for_person", "reason")


#: Relations of the reviewed automation and grant that its ladders read.
OF_AUTOMATION = ("business_owner", "technical_owner", "team__lead", "team__deputy_lead", "team__parent__lead")
OF_GRANT = (
    *(f"automation__{path}" for path in OF_AUTOMATION),
    *("entitlement__resource__owner", "entitlement__resource__deputy", "entitlement__resource__team"),
    "credential",
)


@dataclass
class ItemContext:
    """Data of one item, loaded after its lock by a transition, or by a page. Parties and people are read when asked.

    Args:
        item: the item with its grant or automation.
        questions: in the order of asking, each with its reviewer and this very item.
        answers: by question, oldest first; empty before one is answered.
    """

    item: Item
    questions: list[Question]
    answers: dict[int, list[Answer]]

    @cached_property
    def parties(self) -> frozenset[int]:
        """Ids of the parties of both approvals of the grant (S1); empty for an automation."""
        grant = self.item.grant
        if grant is None:
            return frozenset()
        approvals = (grant.approval_id, grant.app_approval_id)
        return frozenset(
            Party.objects.filter(submission__approvals__in=approvals).order_by().values_list("person", flat=True)
        )

    @cached_property
    def people(self) -> dict[int, Person]:
        """People on the ladders of the questions, by id."""
        return Person.objects.in_bulk({pk for question in self.questions for pk in question.ladder})

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
    """Load the context of an item, or of the item of a question. At most two queries."""
    item = subject.item if isinstance(subject, Question) else subject
    if item._state.adding:
        return ItemContext(item, [], {})
    questions = list(Question.objects.filter(item=item).select_related("reviewer", "draft").order_by("pk"))
    questions = [subject if question == subject else question for question in questions]
    for question in questions:
        question.item = item
    answers: dict[int, list[Answer]] = {}
    if any(question.answered_at is not None for question in questions):
        for answer in Answer.objects.filter(question__item=item).select_related(*ANSWER_RELATIONS).order_by("pk"):
            answers.setdefault(answer.question_id, []).append(answer)
    return ItemContext(item, questions, answers)


def load_with_ladders(subject: Item | Question, now: datetime) -> ItemContext:
    """As `load_context`, with the grant or automation read again with the people on its ladders. One query more."""
    item = subject.item if isinstance(subject, Question) else subject
    if item.grant is not None:
        item.grant = Grant.objects.select_related(*OF_GRANT).get(pk=item.grant.pk)
    elif item.automation is not None:
        item.automation = Automation.objects.select_related(*OF_AUTOMATION).get(pk=item.automation.pk)
    return load_context(subject, now)
