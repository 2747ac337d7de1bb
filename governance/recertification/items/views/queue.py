"""The list beside the card: open questions, drafts, and revokes that can still be corrected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Count, F, Prefetch, Q, QuerySet, Value, prefetch_related_objects
from django.http import HttpRequest
from django.urls import reverse

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.database.key_filters import keyed_by
from governance.recertification.models import Answer, AnswerKind, Draft, ItemState, Question
from governance.web.pages import navigation

Shape = dict[str, Any]

#: Columns of a list row only: loading whole rows of a dozen tables took most of the page's time.
LISTED = (
    *("asks", "reviewer__name", "draft__answer", "draft__person", "item__deadline", "item__automation__name"),
    *(f"item__grant__{name}" for name in ("level", "sentence", "tier", "raised_to", "automation__name")),
)
RELATED = (
    "reviewer",
    "draft",
    "item__automation",
    "item__grant__automation",
)
#: Relations for a question's card.
CARD_RELATIONS = (
    "reviewer",
    "draft",
    "item__campaign__reason",
    "item__automation__team",
    "item__automation__business_owner",
    "item__grant__automation__team",
    "item__grant__automation__business_owner",
    "item__grant__entitlement__resource",
    "item__grant__credential",
    "item__grant__approval__privilege__entitlement__resource",
    "item__grant__approval__privilege__credential",
    "item__grant__approval__justification",
    "item__grant__app_approval",
)

#: Most questions in the list; the next ones follow as these are answered.
SHOWN = 40


def href(question: Question) -> str:
    """Address of a question's card on the item's page."""
    return f"{reverse('recert_item', args=[question.item_id])}?asks={question.asks}"


@dataclass(frozen=True)
class OpenQuestions:
    """A reader's unanswered questions.

    Args:
        left: without a draft, most urgent first, at most `SHOWN`.
        drafted: with a draft, at most `SHOWN`.
        left_count, drafted_count: total numbers.
        now: when they were read.
    """

    left: list[Question]
    drafted: list[Question]
    left_count: int
    drafted_count: int
    now: datetime

    @property
    def count(self) -> int:
        """Total number of questions."""
        return self.left_count + self.drafted_count

    @property
    def next_open(self) -> Question | None:
        """The first question without a draft."""
        return self.left[0] if self.left else None


def load_open_questions(actor: Actor, now: datetime) -> OpenQuestions:
    """Load the unanswered questions of the reader and of those they are a delegate of. At most three queries.

    The ids are found first: sorting thousands of full rows would read a dozen tables for all of them.
    """
    me = actor.person
    if me is None:
        return OpenQuestions([], [], 0, 0, now)
    people = access.answers_as(actor, now)
    questions_by_draft: dict[bool, list[Question]] = {False: [], True: []}
    for question in ROWS(people=people, me=me.pk):
        questions_by_draft[draft_of(question, actor) is not None].append(question)
    counts = {
        is_own: len(these) if len(these) <= SHOWN else NUMBERS[is_own](people=people, me=me.pk)[0]
        for is_own, these in questions_by_draft.items()
    }
    return OpenQuestions(
        questions_by_draft[False][:SHOWN], questions_by_draft[True][:SHOWN], counts[False], counts[True], now
    )


def _open_questions(*, is_own: bool) -> QuerySet[Question]:
    """Unanswered questions of some people: with a draft of the reader, or without."""
    questions = Question.objects.unanswered().filter(compiled_queries.among_those("people", "reviewer"))
    is_drafted = Q(draft__person=compiled_queries.number("me"))
    return questions.filter(is_drafted) if is_own else questions.filter(Q(draft__isnull=True) | ~is_drafted)


def _rows() -> QuerySet[Question]:
    order = ("item__deadline", "pk")
    left, drafted = (
        _open_questions(is_own=is_own).order_by(*order).values("pk")[: SHOWN + 1] for is_own in (False, True)
    )
    rows = Question.objects.filter(keyed_by(left.union(drafted, all=True)))
    return rows.select_related(*RELATED).only(*LISTED).order_by(*order)


def _count_query(*, is_own: bool) -> QuerySet[Question, int]:
    questions = _open_questions(is_own=is_own).order_by().annotate(one=Value(1)).values("one")
    return questions.annotate(number=Count("*")).values_list("number", flat=True)


def _card_questions() -> QuerySet[Question]:
    return Question.objects.filter(item=compiled_queries.number("item")).select_related(*CARD_RELATIONS).order_by("pk")


def _correctable() -> QuerySet[Question]:
    questions = Question.objects.filter(compiled_queries.among_those("people", "reviewer"), answered_at__isnull=False)
    revoked = questions.filter(item__state=ItemState.ANSWERED, answers__answer=AnswerKind.REVOKE).distinct()
    rows = revoked.select_related("item__grant__automation", "item__automation")
    named = rows.only("asks", "item__closes_at", "item__automation__name", "item__grant__automation__name")
    return named.order_by(F("item__closes_at").asc(nulls_last=True), "pk")[:SHOWN]


ROWS = compiled_queries.Statement(_rows)
NUMBERS = {is_own: compiled_queries.Statement(partial(_count_query, is_own=is_own)) for is_own in (False, True)}
ANSWERS_PREFETCH = Prefetch("answers", Answer.objects.select_related("person", "for_person", "reason"))
WHOLLY = compiled_queries.Statement(_card_questions)
CORRECTABLE = compiled_queries.Statement(_correctable)


def load_for_card(question: Question | None) -> Question | None:
    """The question with all relations of its card (see `questions_for_card`)."""
    return (
        next((candidate for candidate in questions_for_card(question.item_id) if candidate == question), None)
        if question is not None
        else None
    )


def questions_for_card(item: int) -> list[Question]:
    """The questions of an item with all relations and answers for a card. Two queries.

    They share one item object, so that the checks for each button need no query.
    """
    questions = WHOLLY(item=item)
    if not questions:
        return []
    prefetch_related_objects(questions, ANSWERS_PREFETCH)
    shared, item_questions = questions[0].item, questions[0].item.questions.all()
    item_questions._result_cache = questions  # so that the item's questions are these very rows
    shared.__dict__.setdefault("_prefetched_objects_cache", {})["questions"] = item_questions
    for question in questions:
        question.item = shared
    return questions


def draft_of(question: Question, actor: Actor) -> Draft | None:
    """The reader's own draft on a question; drafts of other delegates are hidden."""
    draft: Draft | None = getattr(question, "draft", None)
    return draft if draft is not None and actor.person is not None and draft.person_id == actor.person.pk else None


def context(waiting_list: OpenQuestions, shown: Question | None, actor: Actor, now: datetime) -> Shape:
    """Context of ``recertification/items/progress.html``."""
    rows = [*waiting_list.left, *waiting_list.drafted]
    total = waiting_list.count
    return {
        "head_words": "What you answer for. Drafts until you submit them together.",
        "progress": {
            "answered": waiting_list.drafted_count,
            "left": waiting_list.left_count,
            "total": total,
            "parts": _parts(waiting_list, shown, total),
        },
        "queue": [_row(question, shown, actor, now) for question in rows],
        "more": total - len(rows),
        "together_href": reverse("recert_together") if sum(map(_is_low, rows)) > 1 else "",
        "submit": {"action": reverse("recert_submit"), "count": waiting_list.drafted_count},
        "correctable": [_correction_row(question) for question in correctable(actor, now)],
    }


def _parts(waiting_list: OpenQuestions, shown: Question | None, total: int) -> list[str]:
    """Parts of the progress bar: one for each question, or proportional above `SHOWN`."""
    if total > SHOWN:
        done = waiting_list.drafted_count * SHOWN // total
        return ["approved"] * done + ["other"] * (SHOWN - done)
    return ["approved"] * waiting_list.drafted_count + [
        "mine" if question == shown else "other" for question in waiting_list.left
    ]


def _row(question: Question, shown: Question | None, actor: Actor, now: datetime) -> Shape:
    draft, grant = draft_of(question, actor), question.item.grant
    what = grant.sentence.removeprefix("May ") if grant is not None else "the automation itself"
    for_whom = (
        "" if actor.person is None or question.reviewer_id == actor.person.pk else f" · for {question.reviewer.name}"
    )
    return {
        "href": href(question),
        "name": question.item.of_automation.name,
        "text": f"{what}{for_whom}",
        "answer": AnswerKind(draft.answer).label if draft is not None else "",
        "current": question == shown,
        "overdue": now >= question.item.deadline,
    }


def _is_low(question: Question) -> bool:
    """Whether a question can be answered together with others (R7)."""
    return question.item.grant is not None and question.item.grant.counted_tier == "low"


def correctable(actor: Actor, now: datetime) -> list[Question]:
    """Revokes of the reader, or of those they are a delegate of, that are not final (R4, A11)."""
    if actor.person is None:
        return []
    return CORRECTABLE(people=access.answers_as(actor, now))


def _correction_row(question: Question) -> Shape:
    return {"href": href(question), "name": question.item.of_automation.name, "until": question.item.closes_at}


def count(request: HttpRequest) -> int:
    """Number of the reader's unanswered questions, for the main link."""
    actor: Actor | None = getattr(request, "actor", None)
    if not actor:
        return 0
    people = access.answers_as(actor, access.read_at(actor))
    return Question.objects.unanswered().filter(reviewer__in=people).count()


def register() -> None:
    """Register the counter of the main link."""
    navigation.register_counter("recertify", count)
