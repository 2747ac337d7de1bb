"""What people are told of a campaign as a whole: that they are asked in it, once; reminders on demand; what nobody can be asked (R5, A9).

What is said of its items, from half-way on, is said by `items.notices`, as of every item.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Delegation, Notice, Person
from governance.core.notices import outbox
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Role
from governance.recertification.items import due_dates, reviewers
from governance.recertification.models import Campaign, ItemState, Joining, Question

OPENED, REMINDED, NOBODY = "recertification_campaign", "recertification_campaign_reminder", "recertification_nobody"
CALLED_OFF = "recertification_called_off"


def register() -> None:
    """Have the digest ask here about what is told of campaigns."""
    daily_digest.register(to_answer, OPENED, REMINDED)


def opened(step: Step[Any], campaign: Campaign) -> None:
    """Tell everybody who is asked in a campaign, and who stands in for them, once."""
    asked = Question.objects.filter(item__campaign=campaign).order_by()
    counts = dict(asked.values_list("reviewer").annotate(Count("pk")))
    people = list(Person.objects.in_bulk(counts).values())
    outbox.queue(_notices(step, campaign, people, OPENED, "opened", counts))


def remind(step: Step[Any], campaign: Campaign, people: Collection[Person]) -> list[Person]:
    """Remind people who have something left to answer, once on one of their days; returns those who had not been yet."""
    counts = {one: count for (_, one), (count, _) in due_dates.left([campaign.pk], [one.pk for one in people]).items()}
    told: list[Person] = []
    for person in people:
        if person.pk in counts:
            day = step.now.astimezone(reviewers.zone_of(person)).date().isoformat()
            made = outbox.queue(_notices(step, campaign, [person], REMINDED, f"reminded:{day}", counts))
            told += [person] if made else []
    return told


def called_off(step: Step[Campaign], campaign: Campaign) -> int:
    """Tell whoever is asked something in it, or that it joined, and who stands in for them, and whoever has opened it, that it was called off.

    What is in it they may have seen on their pages; no mail has asked them, since that goes out once all of it is asked.

    Returns:
        How many are asked.
    """
    joined = Joining.objects.filter(campaign=campaign, item=OuterRef("item"))
    of_it = Q(item__campaign=campaign) | Q(Exists(joined))
    waiting = Question.objects.filter(of_it, item__state__in=[ItemState.OPEN, ItemState.ESCALATED]).order_by()
    people = list(Person.objects.filter(pk__in=waiting.values("reviewer")))
    told = {one for one, _ in _with_takers(people, step.now)}
    told |= {campaign.opened_by} if campaign.opened_by is not None else set()
    who = step.actor.person
    context = {
        "campaign": campaign.name,
        "by": who.name if who is not None else "",
        "page": ["campaign", campaign.pk],
    }
    others = sorted(told - {who}, key=lambda one: one.pk)
    thread = f"campaign:{campaign.pk}"
    outbox.queue(outbox.each(others, CALLED_OFF, thread=thread, key="called_off", now=step.now, context=context))
    return len(people)


def nobody_to_ask(step: Step[Any], campaign: Campaign, count: int) -> None:
    """Tell security that some of it can be asked of nobody: they name who answers (A9)."""
    context = {"campaign": campaign.name, "count": count, "page": ["campaign", campaign.pk]}
    people, thread = people_with(Role.SECURITY_REVIEWER, step.now), f"campaign:{campaign.pk}"
    outbox.queue(outbox.each(people, NOBODY, thread=thread, key="nobody", now=step.now, context=context))


def _notices(
    step: Step[Any], campaign: Campaign, people: Collection[Person], event: str, key: str, counts: Mapping[int, int]
) -> Iterable[Notice]:
    """One notice a person, and one for each who stands in for them (A11)."""
    for person, instead_of in _with_takers(people, step.now):
        whose = instead_of or person
        yield outbox.notice(
            recipient=person,
            event=event,
            thread=f"campaign:{campaign.pk}",
            key=f"campaign:{campaign.pk}:{key}:{whose.pk}:{person.pk}",
            now=step.now,
            context={
                "campaign": campaign.name,
                "count": counts[whose.pk],
                "deadline_at": ledger_events.instant(campaign.deadline),
                "grace_at": ledger_events.instant(campaign.grace_until),
                "instead_of": instead_of.name if instead_of is not None else "",
                "page": ["recert_mine"],
            },
        )


def _with_takers(people: Collection[Person], now: datetime) -> Iterable[tuple[Person, Person | None]]:
    running = Delegation.objects.running(now).filter(giver__in=[one.pk for one in people])
    yield from ((person, None) for person in people)
    yield from ((one.taker, one.giver) for one in running.select_related("taker", "giver").order_by("pk"))


def to_answer(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Campaigns in which the person, or somebody for whom they stand in, has something left to answer."""
    names = dict(Campaign.objects.filter(pk__in=daily_digest.keys(threads)).values_list("pk", "name"))
    found = due_dates.of_campaigns(person, names, now)
    return {
        f"campaign:{pk}": Line(one.event.at, one.event.summary, {"count": one.count}, one.event)
        for pk, one in found.items()
    }
