"""The list beside the card: what waits for the reader, what they chose so far, what they can still correct."""

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

#: What a row of the list says, and nothing else of a dozen tables: drawing forty whole rows was most of the page.
LISTED = (
    *("asks", "reviewer__name", "draft__answer", "draft__person", "item__deadline", "item__automation__name"),
    *(
        f"item__grant__{name}"
        for name in ("level", "scope", "tier", "raised_to", "automation__name", "credential__name", "credential__kind")
    ),
    *(
        f"item__grant__approval__privilege__{name}"
        for name in (
            *("target", "target_name", "level", "scope"),
            *(f"entitlement__{one}" for one in ("words", "form", "resource__name")),
        )
    ),
)
RELATED = (
    "reviewer",
    "draft",
    "item__automation",
    "item__grant__automation",
    "item__grant__credential",
    "item__grant__approval__privilege__entitlement__resource",
)
#: What the card of one question reads.
WHOLE = (
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

#: How many questions the list shows; those that follow come up as these are answered.
SHOWN = 40


def href(question: Question) -> str:
    """Where one question is answered: the item's page, which shows the reader's own question of the two."""
    return f"{reverse('recert_item', args=[question.item_id])}?asks={question.asks}"


@dataclass(frozen=True)
class Waiting:
    """What waits for a reader: how much, and of it the most urgent.

    Args:
        left: that they have chosen nothing for, at most `SHOWN`; the most urgent first.
        drafted: that they have chosen something for, at most `SHOWN`.
        left_count, drafted_count: how many there are of each.
        now: the instant at which it was so.
    """

    left: list[Question]
    drafted: list[Question]
    left_count: int
    drafted_count: int
    now: datetime

    @property
    def count(self) -> int:
        """How many there are in all."""
        return self.left_count + self.drafted_count

    @property
    def next_open(self) -> Question | None:
        """The first that the reader has chosen nothing for."""
        return self.left[0] if self.left else None


def waiting(actor: Actor, now: datetime) -> Waiting:
    """The questions that wait for the reader, or for somebody they stand in for: three queries at most, however many there are.

    Which ones are shown is found first: to sort thousands with all that a row says of each would read a dozen tables for all of them.
    """
    me = actor.person
    if me is None:
        return Waiting([], [], 0, 0, now)
    people = access.answers_as(actor, now)
    found: dict[bool, list[Question]] = {False: [], True: []}
    for one in ROWS(people=people, me=me.pk):
        found[draft_of(one, actor) is not None].append(one)
    counts = {
        is_own: len(these) if len(these) <= SHOWN else NUMBERS[is_own](people=people, me=me.pk)[0]
        for is_own, these in found.items()
    }
    return Waiting(found[False][:SHOWN], found[True][:SHOWN], counts[False], counts[True], now)


def _asked(*, is_own: bool) -> QuerySet[Question]:
    """What some people are asked: what the reader has chosen something for, or the rest."""
    asked = Question.objects.unanswered().filter(compiled_queries.among_those("people", "reviewer"))
    own = Q(draft__person=compiled_queries.number("me"))
    return asked.filter(own) if is_own else asked.filter(Q(draft__isnull=True) | ~own)


def _rows() -> QuerySet[Question]:
    order = ("item__deadline", "pk")
    left, drafted = (_asked(is_own=own).order_by(*order).values("pk")[: SHOWN + 1] for own in (False, True))
    rows = Question.objects.filter(keyed_by(left.union(drafted, all=True)))
    return rows.select_related(*RELATED).only(*LISTED).order_by(*order)


def _number(*, is_own: bool) -> QuerySet[Question, int]:
    asked = _asked(is_own=is_own).order_by().annotate(one=Value(1)).values("one")
    return asked.annotate(number=Count("*")).values_list("number", flat=True)


def _whole() -> QuerySet[Question]:
    return Question.objects.filter(item=compiled_queries.number("item")).select_related(*WHOLE).order_by("pk")


def _correctable() -> QuerySet[Question]:
    asked = Question.objects.filter(compiled_queries.among_those("people", "reviewer"), answered_at__isnull=False)
    revoked = asked.filter(item__state=ItemState.ANSWERED, answers__answer=AnswerKind.REVOKE).distinct()
    rows = revoked.select_related("item__grant__automation", "item__automation")
    named = rows.only("asks", "item__closes_at", "item__automation__name", "item__grant__automation__name")
    return named.order_by(F("item__closes_at").asc(nulls_last=True), "pk")[:SHOWN]


ROWS = compiled_queries.Statement(_rows)
NUMBERS = {own: compiled_queries.Statement(partial(_number, is_own=own)) for own in (False, True)}
SAID = Prefetch("answers", Answer.objects.select_related("person", "for_person", "reason"))
WHOLLY = compiled_queries.Statement(_whole)
CORRECTABLE = compiled_queries.Statement(_correctable)


def whole(question: Question | None) -> Question | None:
    """The question with everything that its card reads (see `both`)."""
    return next((one for one in both(question.item_id) if one == question), None) if question is not None else None


def both(item: int) -> list[Question]:
    """The questions of an item, by its key, with everything that a card reads and all that was said to them: two queries.

    They share the item, which knows them: each button asks who is in its way.
    """
    questions = WHOLLY(item=item)
    if not questions:
        return []
    prefetch_related_objects(questions, SAID)
    shared, asked = questions[0].item, questions[0].item.questions.all()
    asked._result_cache = questions  # so that whoever asks the item for its questions gets these very rows
    shared.__dict__.setdefault("_prefetched_objects_cache", {})["questions"] = asked
    for one in questions:
        one.item = shared
    return questions


def draft_of(question: Question, actor: Actor) -> Draft | None:
    """The reader's own draft on a question; what somebody else noted who stands in there too is not shown."""
    found: Draft | None = getattr(question, "draft", None)
    return found if found is not None and actor.person is not None and found.person_id == actor.person.pk else None


def context(found: Waiting, shown: Question | None, actor: Actor, now: datetime) -> Shape:
    """What ``recertification/items/progress.html`` takes."""
    rows = [*found.left, *found.drafted]
    total = found.count
    return {
        "head_words": "What you answer for. Drafts until you submit them together.",
        "progress": {
            "answered": found.drafted_count,
            "left": found.left_count,
            "total": total,
            "parts": _parts(found, shown, total),
        },
        "queue": [_row(one, shown, actor, now) for one in rows],
        "more": total - len(rows),
        "together_href": reverse("recert_together") if sum(map(_is_low, rows)) > 1 else "",
        "submit": {"action": reverse("recert_submit"), "count": found.drafted_count},
        "correctable": [_to_correct(one) for one in correctable(actor, now)],
    }


def _parts(found: Waiting, shown: Question | None, total: int) -> list[str]:
    """The bar: a part for each question while that can be told apart, else as many as can be in the same proportion."""
    if total > SHOWN:
        done = found.drafted_count * SHOWN // total
        return ["approved"] * done + ["other"] * (SHOWN - done)
    return ["approved"] * found.drafted_count + ["mine" if one == shown else "other" for one in found.left]


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
    """Whether it can be answered together with others like it (R7)."""
    return question.item.grant is not None and question.item.grant.counted_tier == "low"


def correctable(actor: Actor, now: datetime) -> list[Question]:
    """Revokes of the reader, or of somebody they stand in for, that have not taken effect for good (R4, A11)."""
    if actor.person is None:
        return []
    return CORRECTABLE(people=access.answers_as(actor, now))


def _to_correct(question: Question) -> Shape:
    return {"href": href(question), "name": question.item.of_automation.name, "until": question.item.closes_at}


def count(request: HttpRequest) -> int:
    """How many questions wait for the reader, for the main link."""
    actor: Actor | None = getattr(request, "actor", None)
    if not actor:
        return 0
    people = access.answers_as(actor, access.read_at(actor))
    return Question.objects.unanswered().filter(reviewer__in=people).count()


def register() -> None:
    """Have the main link show how much waits."""
    navigation.register_counter("recertify", count)
