"""Until when people answer: in words, and as events for their calendar, one an item, and one for all that they are asked in a campaign (R5).

The uid of an event is of what is asked, and of whom. So the mail of a day, a reminder and the file of `/recertify/calendar.ics` name the same
one, and the latest of them says when it is due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, F, Min, Q, QuerySet, When

from governance.core.access import access
from governance.core.clock import icalendar_file
from governance.core.mail import mail_text
from governance.core.models import Person
from governance.core.notices import outbox
from governance.recertification.items import item_title
from governance.recertification.models import CampaignKind, Item, ItemState, Question

#: What the words for a question read.
ABOUT = (
    "item__campaign",
    "item__automation__team",
    "item__grant__automation__team",
    "item__grant__credential",
    "item__grant__approval__privilege__entitlement__resource",
    "item__grant__approval__credential",
)

#: When a question is due, to a query: what was handed on because nobody answered in time, when silence takes it away.
DUE = Case(When(item__state=ItemState.ESCALATED, then=F("item__grace_until")), default=F("item__deadline"))

#: Questions of what somebody opened as one.
OF_CAMPAIGNS = Q(item__campaign__kind=CampaignKind.ADHOC)


def due(item: Item) -> datetime:
    """The same of an item at hand."""
    return item.grace_until if item.state == ItemState.ESCALATED else item.deadline


def words(question: Question) -> str:
    """What a digest and a calendar call a question."""
    item = question.item
    return f"{item.of_automation.team.name}: {item_title.title(item)}. Is it still {question.asks}?"


@dataclass(frozen=True)
class Together:
    """What waits for somebody in one campaign.

    Args:
        count: how many questions.
        event: until when the first of them, in words.
    """

    count: int
    event: icalendar_file.Event


def left(
    campaigns: Iterable[int], people: Collection[int] | QuerySet[Person]
) -> dict[tuple[int, int], tuple[int, datetime]]:
    """By campaign and person: how many questions wait for them, and when the first is due. One query."""
    rows = Question.objects.unanswered().filter(item__campaign__in=campaigns, reviewer__in=people)
    found = rows.order_by().values_list("item__campaign", "reviewer").annotate(count=Count("pk"), first=Min(DUE))
    return {(campaign, person): (count, first) for campaign, person, count, first in found}


def of_campaigns(person: Person, names: Mapping[int, str], now: datetime) -> dict[int, Together]:
    """By campaign, what waits in it for somebody and for those for whom they stand in; without those in which nothing does. One query.

    Args:
        person: whose calendar it is.
        names: of the campaigns, by id.
        now: business time.
    """
    said: dict[int, list[tuple[int, datetime]]] = {}
    for (campaign, _), one in left(names, access.answering_as(person, now)).items():
        said.setdefault(campaign, []).append(one)
    found = {}
    for campaign, own in said.items():
        count, first = sum(one for one, _ in own), min(one for _, one in own)
        text = f"{names[campaign]}: {count:,} {'question waits' if count == 1 else 'questions wait'} for you"
        found[campaign] = Together(count, _event(f"campaign-{campaign}", person, text, first, ["recert_mine"]))
    return found


def of_questions(person: Person, questions: Iterable[Question], now: datetime) -> dict[int, icalendar_file.Event]:
    """By item, the event of what is asked about it: its own, or its campaign's where somebody opened that. At most one query.

    Args:
        person: whose calendar it is: they are asked, or somebody for whom they stand in.
        questions: those that wait for them, with what `ABOUT` names.
        now: business time.
    """
    asked = list(questions)
    opened = [one.item.campaign for one in asked if one.item.campaign.kind == CampaignKind.ADHOC]
    together = of_campaigns(person, {one.pk: one.name for one in opened}, now) if opened else {}
    return {one.item_id: _of(one, person, together) for one in asked}


def of_person(person: Person, now: datetime) -> list[icalendar_file.Event]:
    """Everything that somebody is asked, or those for whom they stand in: three queries, however much it is."""
    rows = Question.objects.unanswered().filter(reviewer__in=access.answering_as(person, now))
    opened = rows.filter(OF_CAMPAIGNS).order_by().values_list("item__campaign", "item__campaign__name").distinct()
    single = rows.exclude(OF_CAMPAIGNS).select_related(*ABOUT)
    together = of_campaigns(person, dict(opened), now)
    return [*of_questions(person, single, now).values(), *(one.event for one in together.values())]


def _of(question: Question, person: Person, together: Mapping[int, Together]) -> icalendar_file.Event:
    item = question.item
    if item.campaign_id in together:
        return together[item.campaign_id].event
    return _event(f"item-{item.pk}", person, words(question), due(item), ["recert_item", item.pk])


def _event(what: str, person: Person, text: str, at: datetime, page: list[object]) -> icalendar_file.Event:
    uid = f"recertify-{what}-{person.opaque_id}@{outbox.MESSAGE_DOMAIN}"
    return icalendar_file.Event(uid, at, text, mail_text.link({"page": page}))
