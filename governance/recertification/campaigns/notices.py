"""Notices about a campaign: its opening, and items without a reviewer (R5, A9).

`items.notices` sends the notices about single items, from half-way on.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Count

from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.people.queries import people_with
from governance.core.roles.roles import Role
from governance.recertification.items import due_dates
from governance.recertification.items.reviewers import with_delegates
from governance.recertification.models import Campaign, Question

OPENED, NOBODY = "recertification_campaign", "recertification_nobody"


def register() -> None:
    """Register the digest lines for campaign notices."""
    daily_digest.register(campaign_lines, OPENED)


def notify_opened(step: Step[Any], campaign: Campaign) -> None:
    """Notify every reviewer of a campaign, and their delegates, once."""
    questions = Question.objects.filter(item__campaign=campaign).order_by()
    counts = dict(questions.values_list("reviewer").annotate(Count("pk")))
    people = list(Person.objects.in_bulk(counts).values())
    outbox.queue(
        outbox.notice(
            recipient=person,
            event=OPENED,
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
    people, thread = people_with(Role.SECURITY_REVIEWER, step.now), f"campaign:{campaign.pk}"
    outbox.queue(outbox.each(people, NOBODY, thread=thread, key="nobody", now=step.now, context=context))


def campaign_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Digest lines: campaigns with unanswered questions for a person or for someone they are a delegate of."""
    names = dict(Campaign.objects.filter(pk__in=daily_digest.keys(threads)).values_list("pk", "name"))
    campaigns_due = due_dates.due_in_campaigns(person, names, now)
    return {
        f"campaign:{pk}": Line(due.event.at, due.event.summary, {"count": due.count}, due.event)
        for pk, due in campaigns_due.items()
    }
