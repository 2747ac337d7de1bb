"""Cards of a reviewer: their open questions about one automation on one resource (R3, S4). Reads only.

A card is no row: it is what one statement groups. An item about the automation itself is a card of its own.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Case, Count, F, Func, IntegerField, Min, Q, QuerySet, TextField, Value, When, Window
from django.db.models.functions import Coalesce
from django.urls import reverse

from governance.core.access import Actor, access
from governance.recertification.items.reviewers import resource_of
from governance.recertification.items.rules import TAKES_BULK_ANSWERS
from governance.recertification.models import AnswerKind, ItemState, Question
from governance.recertification.models.item import DUE

#: Most cards of a list; the next ones are on the next page.
SHOWN = 40

#: Most items of a card at once; the next ones follow as these are answered.
MOST_ITEMS = 50

#: `Key.resource` of an item about the automation itself.
ITSELF = 0

_GRANT = "item__grant"
_RESOURCES = tuple(
    f"{_GRANT}__{path}" for path in ("entitlement__resource", "credential__kept_in", "credential__opens")
)

#: Automation of an item in a query.
OF_AUTOMATION = Coalesce("automation", "grant__automation")

#: Automation and resource of a question in a query; the resource is that of `resource_of`.
AUTOMATION = Coalesce("item__automation", f"{_GRANT}__automation")
AUTOMATION_NAME = Coalesce("item__automation__name", f"{_GRANT}__automation__name")
RESOURCE = Coalesce(
    *_RESOURCES, Case(When(item__automation__isnull=False, then=Value(ITSELF)), output_field=IntegerField())
)
RESOURCE_NAME = Coalesce(*(f"{path}__name" for path in _RESOURCES), Value(""))

#: What digests and Home say of an escalated item.
ESCALATED = "The first deadline has passed."

#: Level to draw: as `Grant.drawn_level`; empty for the automation itself.
_LEVEL = Case(
    When(item__grant__isnull=True, then=Value("")),
    When(item__grant__entitlement__isnull=True, then=Value("secret")),
    default=f"{_GRANT}__level",
)

#: Number of cards of some questions.
NUMBER = Count(
    Func(AUTOMATION, RESOURCE, F("asks"), F("reviewer"), function="ROW", output_field=TextField()), distinct=True
)


class _SumOfGroups(Func):
    """Sum of an aggregate over all groups; Django's own `Sum` takes no aggregate."""

    function, window_compatible, output_field = "SUM", True, IntegerField()


class Key(NamedTuple):
    """What the questions of one card share. The resource is None if it is unknown."""

    automation: int
    resource: int | None
    asks: str
    reviewer: int


@dataclass(frozen=True)
class Card:
    """One card of a list.

    Args:
        key: see `Key`.
        first_item: id of its first item.
        count, drafted: number of its open questions, and of those with the reader's draft.
        low: number of those that take bulk answers (R7).
        deadline: the first due date.
        escalated: number of those past their first deadline.
        automation_name, resource_name, reviewer_name: names; the resource's may be empty.
        sentence: what is held, of one item.
        level: access level of one item; empty for the automation itself.
        answers: the reader's different drafts.
    """

    key: Key
    first_item: int
    count: int
    drafted: int
    low: int
    opened_at: datetime
    deadline: datetime
    escalated: int
    automation_name: str
    resource_name: str
    reviewer_name: str
    sentence: str
    level: str
    answers: list[str]

    @property
    def is_drafted(self) -> bool:
        """Whether the reader has chosen an answer for each of its items."""
        return self.drafted == self.count

    @property
    def href(self) -> str:
        """Address of the card."""
        return f"{reverse('recert_item', args=[self.first_item])}?asks={self.key.asks}"

    @property
    def words(self) -> str:
        """What the card is about, below the automation's name."""
        if self.count == 1:
            return self.sentence or "the automation itself"
        return f"{self.count} items on {self.resource_name}" if self.resource_name else f"{self.count} items"

    @property
    def chosen(self) -> str:
        """The chosen answers in words."""
        return ", ".join(AnswerKind(answer).label for answer in self.answers)


@dataclass(frozen=True)
class OpenCards:
    """A page of a reader's cards.

    Args:
        cards: those without an answer first, then the most urgent, at most `SHOWN`.
        left_count, drafted_count: numbers of all cards, not and fully answered.
        answer_count: number of drafts.
        next_place: for ``after`` of the next page; empty on the last.
        now: when they were read.
    """

    cards: list[Card]
    left_count: int
    drafted_count: int
    answer_count: int
    next_place: str
    now: datetime

    @property
    def left(self) -> list[Card]:
        """Cards of this page with an item to answer."""
        return [card for card in self.cards if not card.is_drafted]

    @property
    def count(self) -> int:
        """Number of all cards."""
        return self.left_count + self.drafted_count


def key_of(question: Question) -> Key:
    """The card of a question with its item, and with the grant's entitlement and credential."""
    item = question.item
    resource = resource_of(item.grant)
    key = ITSELF if item.grant is None else resource.pk if resource is not None else None
    return Key(item.of_automation.pk, key, question.asks, question.reviewer_id)


def open_questions(actor: Actor, now: datetime) -> QuerySet[Any, Any]:
    """The reader's open questions, and those of people they are a delegate of."""
    return Question.objects.open_for(access.answers_as(actor, now)).order_by()


def questions_of(key: Key) -> QuerySet[Question]:
    """The open questions of a card, in the order of their items."""
    rows = Question.objects.open_for([key.reviewer]).alias(of_automation=AUTOMATION, of_resource=RESOURCE)
    on = {"of_resource__isnull": True} if key.resource is None else {"of_resource": key.resource}
    return rows.filter(asks=key.asks, of_automation=key.automation, **on).order_by("pk")


def find_key(actor: Actor, now: datetime, item: int, asks: str = "") -> Key | None:
    """The reader's card of an item; None if they have no open question about it. One query."""
    rows = open_questions(actor, now).filter(item=item, **({"asks": asks} if asks else {}))
    row = rows.order_by("pk").values_list(AUTOMATION, RESOURCE, "asks", "reviewer").first()
    return Key(*row) if row is not None else None


def load_cards(actor: Actor, now: datetime, after: str = "", *, most: int = SHOWN) -> OpenCards:
    """Load a page of the reader's cards. One statement groups them; a later page takes one more for the totals.

    Args:
        actor: the reader.
        now: business time.
        after: `OpenCards.next_place` of the page before.
        most: most cards.
    """
    groups = _grouped(actor, now)
    place = _parse_place(after)
    rows = list((groups.filter(_is_behind(place)) if place else groups)[: most + 1])
    head = groups.first() if place else next(iter(rows), None)
    total, done, drafted = (head["total"], head["done_total"], head["drafted_total"]) if head else (0, 0, 0)
    last = rows[most - 1] if len(rows) > most else None
    next_place = f"{last['done']}~{last['deadline'].isoformat()}~{last['first']}" if last else ""
    return OpenCards([_card(row) for row in rows[:most]], total - done, done, drafted, next_place, now)


def _grouped(actor: Actor, now: datetime) -> QuerySet[Any, Any]:
    """Cards as rows, with the numbers of all cards, of the answered ones, and of drafts."""
    has_draft = Q(draft__person=actor.person)
    return (
        open_questions(actor, now)
        .values("asks", "reviewer", automation=AUTOMATION, resource=RESOURCE, resource_name=RESOURCE_NAME)
        .annotate(
            reviewer_name=F("reviewer__name"),
            automation_name=AUTOMATION_NAME,
            count=Count("pk"),
            drafted=Count("pk", filter=has_draft),
            low=Count("pk", filter=TAKES_BULK_ANSWERS),
            answers=ArrayAgg("draft__answer", filter=has_draft, distinct=True, default=Value([])),
            opened_at=Min("item__opened_at"),
            deadline=Min(DUE),
            escalated=Count("pk", filter=Q(item__state=ItemState.ESCALATED)),
            first=Min("pk"),
            first_item=Min("item"),
            sentence=Coalesce(Min(f"{_GRANT}__sentence"), Value(""), output_field=TextField()),
            level=Min(_LEVEL),
            done=Case(When(drafted=F("count"), then=1), default=0),
            total=Window(Count("*")),
            done_total=Window(_SumOfGroups(F("done"))),
            drafted_total=Window(_SumOfGroups(F("drafted"))),
        )
        .order_by("done", "deadline", "first")
    )


def _card(row: dict[str, Any]) -> Card:
    key = Key(row["automation"], row["resource"], row["asks"], row["reviewer"])
    return Card(key, **{field.name: row[field.name] for field in fields(Card)[1:]})


#: Where a page ends: whether its last card is answered, its deadline, and its first question.
Place = tuple[int, datetime, int]


def _is_behind(place: Place) -> Q:
    done, until, first = place
    later = Q(deadline__gt=until) | Q(deadline=until, first__gt=first)
    return Q(done__gt=done) | Q(done=done) & later


def _parse_place(text: str) -> Place | None:
    try:
        done, until, first = text.split("~")
        place = (int(done), datetime.fromisoformat(until), int(first))
    except ValueError:
        return None
    return place if place[1].tzinfo is not None and 0 <= place[2] < 2**63 and place[0] in (0, 1) else None
