"""Notices, webhook messages, digest lines and calendar events of reviews and campaigns (R5, R9). Templates hold the texts.

A notice is sent once for its key. A calendar has one event for each item, and one for all questions of a campaign. The
uid of an event names the item or campaign and the person. So digests, reminders and `/recertify/calendar.ics` share an
event, and the latest one sets the due date.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min, Q, QuerySet
from django.utils.dateformat import format as date_format

from approvals.models import Grant, GrantState
from governance.core.access import Role, access
from governance.core.clock import icalendar_file
from governance.core.clock.organisation import zone_of
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.mail import daily_digest, mail_text
from governance.core.mail.daily_digest import Line
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.webhooks import webhook_outbox
from governance.recertification.items import cards
from governance.recertification.items.reviewers import resource_of, with_delegates
from governance.recertification.models import UNCLOSED, Campaign, CampaignKind, Item, ItemState, Question
from governance.recertification.models.item import DUE
from inventory.models import Automation, AutomationState

#: Relations for the title of an item and its team, and for a question with its campaign.
ITEM_RELATIONS = ("automation__team", "grant__automation__team")

QUESTION_RELATIONS = (
    "item__campaign",
    *(f"item__{path}" for path in ITEM_RELATIONS),
    *(f"item__grant__{path}" for path in ("entitlement__resource", "credential__kept_in", "credential__opens")),
)

#: Questions of ad hoc campaigns.
OF_CAMPAIGNS = Q(item__campaign__kind=CampaignKind.ADHOC)


def register() -> None:
    """Register the digest lines for notices of reviews."""
    asked = ("opened", "joined", "passed", "reminder", "escalated")
    daily_digest.register(question_lines, *(f"recertification_{event}" for event in asked))
    daily_digest.register(suspended_lines, "recertification_suspended", "recertification_revoked")
    daily_digest.register(unassigned_lines, "recertification_unasked")
    daily_digest.register(campaign_lines, "recertification_campaign")


def notify_reviewer(step: Step[Any], question: Question, event: str, *, key: str) -> None:
    """Notify the reviewer of a question and their delegates.

    Args:
        step: the running operation.
        question: the question.
        event: last part of the notice's name: ``opened``, ``passed``, ``reminder``, ``escalated``.
        key: makes the notice unique, together with item, question and person.
    """
    notices = []
    for person, reviewer in with_delegates([question.reviewer], step.now):
        instead_of = reviewer.name if person != reviewer else ""
        context = {"asks": question.asks, "question": question.get_asks_display(), "instead_of": instead_of}
        notices.append(_notice(step, question.item, person, event, f"{question.asks}:{key}", context))
    outbox.queue(notices)


def notify_people(
    step: Step[Any], item: Item, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> None:
    """Notify people about an item, each once; arguments as in `notify_reviewer`."""
    recipients = {person.pk: person for person in people}.values()
    outbox.queue([_notice(step, item, person, event, key, context) for person in recipients])


def notify_security(item: Item, short: Sequence[str], now: datetime) -> None:
    """Notify security of an item without an eligible reviewer: once a week until it has one (R8). Only in their digest.

    Args:
        item: saved or not.
        short: values of `Asks` without an eligible reviewer.
        now: business time.
    """
    subject_key = f"grant:{item.grant_id}" if item.grant is not None else f"automation:{item.automation_id}"
    year, week, _ = now.isocalendar()
    context = {
        "automation": item.of_automation.name,
        "what": item.title,
        "asks": " and ".join(short),
        "page": ["automation", item.of_automation.pk],
    }
    people, thread = Person.objects.with_role(Role.SECURITY_REVIEWER, now).order_by("pk"), f"unasked:{subject_key}"
    outbox.notify(people, "recertification_unasked", thread=thread, key=f"{year}-{week}", now=now, context=context)


def _notice(step: Step[Any], item: Item, person: Person, event: str, key: str, context: dict[str, Any]) -> Notice:
    return outbox.notice(
        recipient=person,
        event=f"recertification_{event}",
        thread=f"item:{item.pk}",
        key=f"item:{item.pk}:{key}:{person.pk}",
        now=step.now,
        context={
            "automation": item.of_automation.name,
            "team": item.of_automation.team.name,
            "what": item.title,
            "tier": item.snapshot.get("tier", ""),
            "is_sample": item.is_sample,
            "because": item.reason_words,
            "deadline_at": ledger_events.instant(item.deadline),
            "grace_at": ledger_events.instant(item.grace_until),
            "closes_at": ledger_events.instant(item.closes_at) if item.closes_at else "",
            "ends_at": ledger_events.instant(item.ends_at) if item.ends_at else "",
            "page": ["recert_item", item.pk],
            **context,
        },
    )


def announce(item: Item, step: Step[Any]) -> None:
    """Announce an event of an item to the webhooks of its automation's team."""
    automation = item.of_automation
    webhook_outbox.announce(step, item, team=automation.team, what=automation.name, page=["recert_item", item.pk])


def by_card(questions: Iterable[Question]) -> dict[cards.Key, list[Question]]:
    """Questions by their card, both in order. They are loaded with `QUESTION_RELATIONS`."""
    return grouped((cards.key_of(question), question) for question in questions)


def card_words(questions: Sequence[Question]) -> str:
    """The text of a card in digests and calendars."""
    item, asks = questions[0].item, questions[0].asks
    team, resource = item.of_automation.team.name, resource_of(item.grant)
    late = f" {cards.ESCALATED}" if any(row.item.state == ItemState.ESCALATED for row in questions) else ""
    if len(questions) == 1:
        return f"{team}: {item.title}. Is it still {asks}?{late}"
    place = f" on {resource.name}" if resource is not None else ""
    return f"{team}: {item.of_automation.name}{place}, {len(questions)} items. Are they still {asks}?{late}"


#: How many cards with unanswered questions of a campaign a person has, and the calendar event of the first due date.
CampaignDue = tuple[int, icalendar_file.Event]


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
    for campaign, count, first in rows.values_list("item__campaign").annotate(count=cards.NUMBER, first=Min(DUE)):
        text = f"{names[campaign]}: {count:,} {'card waits' if count == 1 else 'cards wait'} for you"
        together[campaign] = (count, _make_event(f"campaign-{campaign}", person, text, first, ["recert_mine"]))
    return together


def events_of_cards(person: Person, questions: Iterable[Question], now: datetime) -> dict[int, icalendar_file.Event]:
    """Calendar events by item: the one of its card, or of its ad hoc campaign. At most one query.

    Args:
        person: owner of the calendar: the reviewer or their delegate.
        questions: unanswered, loaded with `QUESTION_RELATIONS`.
        now: business time.
    """
    question_list = list(questions)
    opened = [question.item.campaign for question in question_list if question.item.campaign.kind == CampaignKind.ADHOC]
    together = due_in_campaigns(person, {campaign.pk: campaign.name for campaign in opened}, now) if opened else {}
    in_campaign = [question for question in question_list if question.item.campaign_id in together]
    events = {question.item_id: together[question.item.campaign_id][1] for question in in_campaign}
    for key, some in by_card(question for question in question_list if question not in in_campaign).items():
        uid, at = f"card-{key.automation}-{key.resource or ''}-{key.asks}", min(row.item.due_at for row in some)
        event = _make_event(uid, person, card_words(some), at, ["recert_item", some[0].item_id])
        events |= dict.fromkeys((question.item_id for question in some), event)
    return events


def events_of_person(person: Person, now: datetime) -> list[icalendar_file.Event]:
    """Calendar events for the questions of a person and of those they are a delegate of. Always three queries."""
    rows = Question.objects.open_for(access.answering_as(person, now))
    opened = rows.filter(OF_CAMPAIGNS).order_by().values_list("item__campaign", "item__campaign__name").distinct()
    single = rows.exclude(OF_CAMPAIGNS).select_related(*QUESTION_RELATIONS)
    together = due_in_campaigns(person, dict(opened), now)
    return [*events_of_cards(person, single, now).values(), *(event for _, event in together.values())]


def _make_event(uid_part: str, person: Person, text: str, at: datetime, page: list[object]) -> icalendar_file.Event:
    uid = f"recertify-{uid_part}-{person.opaque_id}@{outbox.MESSAGE_DOMAIN}"
    return icalendar_file.Event(uid, at, text, mail_text.link({"page": page}))


def question_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items with an unanswered question of a person or of someone they are a delegate of; those of a card are one line.

    An escalated question is due when silence takes effect.
    """
    of_automations = Item.objects.filter(pk__in=daily_digest.keys(threads)).order_by().values(of=cards.OF_AUTOMATION)
    rows = Question.objects.open_for(access.answering_as(person, now)).alias(of=cards.AUTOMATION)
    questions = list(rows.filter(of__in=of_automations).select_related(*QUESTION_RELATIONS))
    events = events_of_cards(person, questions, now)
    lines: dict[str, Line] = {}
    for card in by_card(questions).values():
        due, words = min(question.item.due_at for question in card), card_words(card)
        dates = {f"item:{question.item_id}": events[question.item_id] for question in card}
        lines |= {thread: Line(due, words, date=event, joins=min(dates)) for thread, event in dates.items()}
    return {thread: line for thread, line in lines.items() if thread in threads}


def suspended_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items with a suspended grant or automation that an answer can still change, with the end date (R4, R6)."""
    items = Item.objects.filter(pk__in=daily_digest.keys(threads), state__in=UNCLOSED, closes_at__isnull=False)
    lines = {}
    for item in items.select_related(*ITEM_RELATIONS).order_by("pk"):
        assert item.closes_at is not None  # filtered above
        ends = date_format(item.closes_at.astimezone(zone_of(person)), "D j M")
        why = "A reviewer took it away" if item.state == ItemState.ANSWERED else "Nobody answered"
        text = f"{item.of_automation.team.name}: {item.title}. {why}; the access ends permanently on {ends}."
        lines[f"item:{item.pk}"] = Line(text=text)
    return lines


def unassigned_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Reviews without an eligible reviewer, for people in security; without ended or assigned ones (A9, R8)."""
    if not access.holds(person, Role.SECURITY_REVIEWER, now):
        return {}
    assigned = Item.objects.filter(state__in=UNCLOSED, nobody=False, suspended_at__isnull=True)
    in_use: dict[str, QuerySet[Any]] = {
        "grant": Grant.objects.exclude(state=GrantState.ENDED),
        "automation": Automation.objects.exclude(state=AutomationState.RETIRED),
    }
    lines: dict[str, Line] = {}
    for kind, rows in in_use.items():
        keys = daily_digest.keys([thread for thread in threads if thread.startswith(f"unasked:{kind}:")])
        elsewhere = assigned.filter(**{f"{kind}__isnull": False}).values(kind)
        left = rows.filter(pk__in=keys).exclude(pk__in=elsewhere).values_list("pk", flat=True)
        lines |= {f"unasked:{kind}:{pk}": Line() for pk in left}
    return lines


def notify_opened(step: Step[Any], campaign: Campaign) -> None:
    """Notify every reviewer of a campaign, and their delegates, once."""
    questions = Question.objects.filter(item__campaign=campaign).order_by()
    counts = dict(questions.values_list("reviewer").annotate(count=cards.NUMBER))
    people = list(Person.objects.in_bulk(counts).values())
    outbox.queue(
        outbox.notice(
            recipient=person,
            event="recertification_campaign",
            thread=f"campaign:{campaign.pk}",
            key=f"campaign:{campaign.pk}:opened:{reviewer.pk}:{person.pk}",
            now=step.now,
            context={
                "campaign": campaign.name,
                "count": counts[reviewer.pk],
                "deadline_at": ledger_events.instant(campaign.deadline),
                "grace_at": ledger_events.instant(campaign.grace_until),
                "instead_of": reviewer.name if person != reviewer else "",
                "page": ["recert_mine"],
            },
        )
        for person, reviewer in with_delegates(people, step.now)
    )


def notify_missing_reviewers(step: Step[Any], campaign: Campaign, count: int) -> None:
    """Notify security of items without an eligible reviewer, so that they name an owner (A9)."""
    context = {"campaign": campaign.name, "count": count, "page": ["campaign", campaign.pk]}
    people, thread = Person.objects.with_role(Role.SECURITY_REVIEWER, step.now), f"campaign:{campaign.pk}"
    outbox.notify(people, "recertification_nobody", thread=thread, key="nobody", now=step.now, context=context)


def campaign_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Digest lines: campaigns with unanswered questions for a person or for someone they are a delegate of."""
    names = dict(Campaign.objects.filter(pk__in=daily_digest.keys(threads)).values_list("pk", "name"))
    return {
        f"campaign:{pk}": Line(event.at, event.summary, {"count": count}, event)
        for pk, (count, event) in due_in_campaigns(person, names, now).items()
    }
