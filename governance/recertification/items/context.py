"""Questions of an item: which ones it needs, their answers, and the sample of low-risk grants (S4). Reads only.

Low-risk grants outside the sample and automations ask only *needed*.

The draw of the sample is a keyed digest of the grant and its review day. Without the installation's key, nobody can
predict or influence it. A successor is a new grant with a new draw.

`ItemContext` has what the rules, writes and pages of one item ask: its questions, answers, parties and escalation chains, read once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from approvals.models import Grant, Party
from governance.core.database.grouping import grouped
from governance.core.keys import key_files
from governance.core.models import Person
from governance.recertification.models import SETTLING, Answer, Asks, Item, Question
from inventory.models import Automation

#: One low-risk grant in so many is in the sample (S4).
SAMPLE_ONE_IN = 10

#: Relations of a question's reviewer and of an answer, for pages and rules.
ANSWER_RELATIONS = ("person", "for_person", "reason")

#: Relations of the reviewed automation and grant that its escalation chains read.
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
        approvals = _approvals_of(self.item)
        rows = Party.objects.filter(submission__approvals__in=approvals).order_by().values_list("person", flat=True)
        return frozenset(rows if approvals else ())

    @cached_property
    def people(self) -> dict[int, Person]:
        """People on the escalation chains of the questions, by id."""
        return Person.objects.in_bulk({pk for question in self.questions for pk in question.escalation_chain})

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


def _approvals_of(item: Item) -> tuple[int, ...]:
    """Ids of both approvals of a grant; none for an automation."""
    return (item.grant.approval_id, item.grant.app_approval_id) if item.grant is not None else ()


def _answers_of(questions: Sequence[Question]) -> dict[int, list[Answer]]:
    """Answers by question, oldest first. No query before one is answered."""
    items = {question.item_id for question in questions if question.answered_at is not None}
    rows = Answer.objects.filter(question__item__in=items).select_related(*ANSWER_RELATIONS).order_by("pk")
    return grouped((answer.question_id, answer) for answer in rows) if items else {}


def load_context(subject: Item | Question, now: datetime) -> ItemContext:
    """Load the context of an item, or of the item of a question. At most two queries."""
    item = subject.item if isinstance(subject, Question) else subject
    if item._state.adding:
        return ItemContext(item, [], {})
    questions = list(Question.objects.filter(item=item).select_related("reviewer", "draft").order_by("pk"))
    return context_of(item, [subject if question == subject else question for question in questions])


def context_of(item: Item, questions: list[Question]) -> ItemContext:
    """The context of an item whose questions are loaded, in order, with their reviewers. At most one query."""
    return contexts_of([item], questions)[0]


def contexts_of(items: Sequence[Item], questions: Sequence[Question]) -> list[ItemContext]:
    """The contexts of items whose grants and questions are loaded. At most three queries for any number.

    Args:
        items: each once.
        questions: all questions of the items, in order.
    """
    answers = _answers_of(questions)
    contexts = []
    for item in items:
        own = [question for question in questions if question.item_id == item.pk]
        for question in own:
            question.item = item
        contexts.append(ItemContext(item, own, {row.pk: answers[row.pk] for row in own if row.pk in answers}))
    if len(contexts) > 1:
        people = Person.objects.in_bulk({pk for question in questions for pk in question.escalation_chain})
        approvals = {pk for item in items for pk in _approvals_of(item)}
        rows = Party.objects.filter(submission__approvals__in=approvals).order_by()
        by_approval = grouped(rows.values_list("submission__approvals", "person"))
        for context in contexts:
            context.people = people
            context.parties = frozenset().union(*(by_approval.get(pk, ()) for pk in _approvals_of(context.item)))
    return contexts


def load_with_chains(subject: Item | Question, now: datetime) -> ItemContext:
    """As `load_context`, with the grant or automation read again with the people on its escalation chains. One query more."""
    item = subject.item if isinstance(subject, Question) else subject
    if item.grant is not None:
        item.grant = Grant.objects.select_related(*OF_GRANT).get(pk=item.grant.pk)
    elif item.automation is not None:
        item.automation = Automation.objects.select_related(*OF_AUTOMATION).get(pk=item.automation.pk)
    return load_context(subject, now)


def wanted_questions(item: Item) -> tuple[Asks, ...]:
    """Questions of an item: both for standard, high and sampled low-risk grants, otherwise only *needed* (S4).

    The present tier counts. A new item draws the sample; a saved one keeps its draw.
    """
    grant = item.grant
    if grant is None:
        return (Asks.NEEDED,)
    is_sample = is_drawn(grant) if item._state.adding else item.is_sample
    return (Asks.NEEDED, Asks.ACCEPTABLE) if grant.counted_tier != "low" or is_sample else (Asks.NEEDED,)


def missing_questions(context: ItemContext) -> list[Asks]:
    """Wanted questions that were not put to anybody: the risk rose, or there was no eligible reviewer."""
    asked_now = {question.asks for question in context.questions}
    return [asks for asks in wanted_questions(context.item) if asks not in asked_now]


def is_drawn(grant: Grant) -> bool:
    """Whether a low-risk grant is in the sample of its review. Other tiers always get a second reviewer.

    Raises:
        KeyMissing: the installation's digest key can't be read.
    """
    return is_in_sample(key_files.digest_key(), grant.pk, sample_period(grant.review_on, grant.ends_at))


def sample_period(review_on: date | None, ends_at: datetime) -> str:
    """The review day of a grant, as the draw uses it."""
    return (review_on or ends_at.date()).isoformat()


def is_in_sample(key: bytes, grant: int, period: str) -> bool:
    """Whether a grant is in the sample for a period. Pure.

    Args:
        key: 32 private bytes of the installation.
        grant: id of the grant.
        period: review day in ISO 8601.
    """
    drawn = key_files.keyed_digest(key, f"recertification.sample:{grant}:{period}")
    return int(drawn, 16) % SAMPLE_ONE_IN == 0
