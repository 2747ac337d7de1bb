"""Notices and webhook messages about single items, each sent once for its key (R5, R9). Templates hold the texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.people.queries import people_with
from governance.core.roles.roles import Role
from governance.core.webhooks import webhook_outbox
from governance.recertification.items import item_title
from governance.recertification.items.reviewers import with_delegates
from governance.recertification.models import Item, Question


def notify_reviewer(step: Step[Any], question: Question, event: str, *, key: str) -> None:
    """Notify the reviewer of a question and their delegates.

    Args:
        step: the running operation.
        question: the question.
        event: last part of the notice's name: ``opened``, ``passed``, ``reminder``, ``escalated``.
        key: makes the notice unique, together with item, question and person.
    """
    facts = {"asks": question.asks, "question": question.get_asks_display()}
    outbox.queue(
        _notice(
            step,
            question.item,
            person,
            event,
            f"{question.asks}:{key}",
            {**facts, **({"instead_of": reviewer.name} if person != reviewer else {})},
        )
        for person, reviewer in with_delegates([question.reviewer], step.now)
    )


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
    people, thread = people_with(Role.SECURITY_REVIEWER, now).order_by("pk"), f"unasked:{subject_key}"
    outbox.queue(
        outbox.each(people, "recertification_unasked", thread=thread, key=f"{year}-{week}", now=now, context=context)
    )


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
            "because": item_title.reason_words(item),
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
