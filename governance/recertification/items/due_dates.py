"""Due dates in words and as calendar events: one for each item, and one for all questions of a campaign (R5).

The uid of an event names the item or campaign and the person. So digests, reminders and `/recertify/calendar.ics`
share an event, and the latest one sets the due date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, F, Min, Q, When

from governance.core.access import access
from governance.core.clock import icalendar_file
from governance.core.mail import mail_text
from governance.core.models import Person
from governance.core.notices import outbox
from governance.recertification.models import CampaignKind, Item, ItemState, Question

#: Relations for the title of an item and its team, and for a question with its campaign.
ITEM_RELATIONS = ("automation__team", "grant__automation__team")
QUESTION_RELATIONS = ("item__campaign", *(f"item__{path}" for path in ITEM_RELATIONS))

#: Due date of a question in a query; an escalated one is due when silence takes effect.
DUE = Case(When(item__state=ItemState.ESCALATED, then=F("item__grace_until")), default=F("item__deadline"))

#: Questions of ad hoc campaigns.
OF_CAMPAIGNS = Q(item__campaign__kind=CampaignKind.ADHOC)


def due_at(item: Item) -> datetime:
    """Due date of a loaded item, as `DUE`."""
    return item.grace_until if item.state == ItemState.ESCALATED else item.deadline


def question_words(question: Question) -> str:
    """A question's text in digests and calendars."""
    item = question.item
    return f"{item.of_automation.team.name}: {item.title}. Is it still {question.asks}?"


@dataclass(frozen=True)
class CampaignDue:
    """A person's unanswered questions in one campaign.

    Args:
        count: number of questions.
        event: calendar event of the first due date.
    """

    count: int
    event: icalendar_file.Event


def due_in_campaigns(person: Person, names: Mapping[int, str], now: datetime) -> dict[int, CampaignDue]:
    """Unanswered questions of a person and of those they are a delegate of, by campaign. One query.

    Campaigns without such questions are left out.

    Args:
        person: owner of the calendar.
        names: of the campaigns, by id.
        now: business time.
    """
    rows = Question.objects.open_for(access.answering_as(person, now)).filter(item__campaign__in=names).order_by()
    together = {}
    for campaign, count, first in rows.values_list("item__campaign").annotate(count=Count("pk"), first=Min(DUE)):
        text = f"{names[campaign]}: {count:,} {'question waits' if count == 1 else 'questions wait'} for you"
        event = _make_event(f"campaign-{campaign}", person, text, first, ["recert_mine"])
        together[campaign] = CampaignDue(count, event)
    return together


def events_of_questions(
    person: Person, questions: Iterable[Question], now: datetime
) -> dict[int, icalendar_file.Event]:
    """Calendar events by item: its own, or the one of its ad hoc campaign. At most one query.

    Args:
        person: owner of the calendar: the reviewer or their delegate.
        questions: unanswered, loaded with `QUESTION_RELATIONS`.
        now: business time.
    """
    question_list = list(questions)
    opened = [question.item.campaign for question in question_list if question.item.campaign.kind == CampaignKind.ADHOC]
    together = due_in_campaigns(person, {campaign.pk: campaign.name for campaign in opened}, now) if opened else {}
    return {question.item_id: _event_of(question, person, together) for question in question_list}


def events_of_person(person: Person, now: datetime) -> list[icalendar_file.Event]:
    """Calendar events for the questions of a person and of those they are a delegate of. Always three queries."""
    rows = Question.objects.open_for(access.answering_as(person, now))
    opened = rows.filter(OF_CAMPAIGNS).order_by().values_list("item__campaign", "item__campaign__name").distinct()
    single = rows.exclude(OF_CAMPAIGNS).select_related(*QUESTION_RELATIONS)
    together = due_in_campaigns(person, dict(opened), now)
    return [*events_of_questions(person, single, now).values(), *(group.event for group in together.values())]


def _event_of(question: Question, person: Person, together: Mapping[int, CampaignDue]) -> icalendar_file.Event:
    item = question.item
    if item.campaign_id in together:
        return together[item.campaign_id].event
    return _make_event(f"item-{item.pk}", person, question_words(question), due_at(item), ["recert_item", item.pk])


def _make_event(uid_part: str, person: Person, text: str, at: datetime, page: list[object]) -> icalendar_file.Event:
    uid = f"recertify-{uid_part}-{person.opaque_id}@{outbox.MESSAGE_DOMAIN}"
    return icalendar_file.Event(uid, at, text, mail_text.link({"page": page}))
