"""Cards of a reviewer: their open questions about one automation on one resource (R3, S4). Reads only.

A card is no row: it is what one statement groups. An item about the automation itself is a card of its own.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, Func, IntegerField, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse

from governance.core.access import Actor, access
from governance.core.database.statements import fetch_rows
from governance.recertification.items.reviewers import resource_of
from governance.recertification.models import AnswerKind, Question

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
RESOURCE = Coalesce(
    *_RESOURCES, Case(When(item__automation__isnull=False, then=Value(ITSELF)), output_field=IntegerField())
)

#: What digests and Home say of an escalated item.
ESCALATED = "The first deadline has passed."

#: A page of cards, with the numbers of all: SQL, because building it from models takes longer than the rest of Home.
_SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")

#: Number of cards of some questions.
NUMBER = Count(
    Func(AUTOMATION, RESOURCE, F("asks"), F("reviewer"), function="ROW", output_field=TextField()), distinct=True
)


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
    """Load a page of the reader's cards, in one statement; the first page if nothing comes after the place.

    Args:
        actor: the reader.
        now: business time.
        after: `OpenCards.next_place` of the page before.
        most: most cards.
    """
    done, deadline, first = _parse_place(after) or (-1, now, 0)
    reader: dict[str, Any] = {"me": actor.person and actor.person.pk, "people": list(access.answers_as(actor, now))}
    rows = fetch_rows(_SQL, {**reader, "done": done, "deadline": deadline, "first": first, "most": most + 1})
    if after and not rows:
        return load_cards(actor, now, most=most)
    total, done, drafted = (rows[0][name] for name in ("total", "done_total", "drafted_total")) if rows else (0, 0, 0)
    last = rows[most - 1] if len(rows) > most else None
    next_place = f"{last['done']}~{last['deadline'].isoformat()}~{last['first']}" if last else ""
    return OpenCards([_card(row) for row in rows[:most]], total - done, done, drafted, next_place, now)


def _card(row: dict[str, Any]) -> Card:
    key = Key(row["automation"], row["resource"], row["asks"], row["reviewer"])
    return Card(key, **{field.name: row[field.name] for field in fields(Card)[1:]})


#: Where a page ends: whether its last card is answered, its deadline, and its first question.
Place = tuple[int, datetime, int]


def _parse_place(text: str) -> Place | None:
    try:
        done, until, first = text.split("~")
        place = (int(done), datetime.fromisoformat(until), int(first))
    except ValueError:
        return None
    return place if place[1].tzinfo is not None and 0 <= place[2] < 2**63 and place[0] in (0, 1) else None
