"""Notices about a campaign: its opening, reminders on demand, its end, and items without a reviewer (R5, A9).

`items.notices` sends the notices about single items, from half-way on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count

from governance.core.clock.organisation import zone_of
from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Role
from governance.recertification.items import due_dates
from governance.recertification.items.reviewers import with_delegates
from governance.recertification.models import Campaign, Question

OPENED, REMINDED, NOBODY = "recertification_campaign", "recertification_campaign_reminder", "recertification_nobody"


def register() -> None:
    """Register the digest lines for campaign notices."""
    daily_digest.register(campaign_lines, OPENED, REMINDED)


def notify_opened(step: Step[Any], campaign: Campaign) -> None:
    """Notify every reviewer of a campaign, and their delegates, once."""
    questions = Question.objects.filter(item__campaign=campaign).order_by()
    counts = dict(questions.values_list("reviewer").annotate(Count("pk")))
    people = list(Person.objects.in_bulk(counts).values())
    outbox.queue(_notices(step, campaign, people, OPENED, "opened", counts))


def remind(step: Step[Any], campaign: Campaign, people: Collection[Person]) -> list[Person]:
    """Remind people with unanswered questions, at most once on each of their days.

    Returns:
        The people who were not reminded earlier on that day.
    """
    by_person = due_dates.unanswered_counts([campaign.pk], [person.pk for person in people])
    counts = {person: count for (_, person), (count, _) in by_person.items()}
    reminded: list[Person] = []
    for person in people:
        if person.pk in counts:
            day = step.now.astimezone(zone_of(person)).date().isoformat()
            made = outbox.queue(_notices(step, campaign, [person], REMINDED, f"reminded:{day}", counts))
            reminded += [person] if made else []
    return reminded


def notify_missing_reviewers(step: Step[Any], campaign: Campaign, count: int) -> None:
    """Notify security of items without an eligible reviewer, so that they name an owner (A9)."""
    context = {"campaign": campaign.name, "count": count, "page": ["campaign", campaign.pk]}
    people, thread = people_with(Role.SECURITY_REVIEWER, step.now), f"campaign:{campaign.pk}"
    outbox.queue(outbox.each(people, NOBODY, thread=thread, key="nobody", now=step.now, context=context))


def _notices(
    step: Step[Any], campaign: Campaign, people: Collection[Person], event: str, key: str, counts: Mapping[int, int]
) -> Iterable[Notice]:
    """Yield one notice for each person and one for each delegate (A11)."""
    for person, reviewer in with_delegates(people, step.now):
        yield outbox.notice(
            recipient=person,
            event=event,
            thread=f"campaign:{campaign.pk}",
            key=f"campaign:{campaign.pk}:{key}:{reviewer.pk}:{person.pk}",
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


def campaign_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Digest lines: campaigns with unanswered questions for a person or for someone they are a delegate of."""
    names = dict(Campaign.objects.filter(pk__in=daily_digest.keys(threads)).values_list("pk", "name"))
    campaigns_due = due_dates.due_in_campaigns(person, names, now)
    return {
        f"campaign:{pk}": Line(due.event.at, due.event.summary, {"count": due.count}, due.event)
        for pk, due in campaigns_due.items()
    }
