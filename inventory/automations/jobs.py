"""Retire automations after a long suspension; owners get a notice two weeks and one day before (L1).

Retirement waits at least two weeks after the first notice, however long the suspension is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min

from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.jobs import sweeps
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Permission, Role
from inventory.models import Automation, AutomationState
from inventory.ownership.transitions import leads_of

#: Days of suspension after which an automation is retired.
LONGEST_DAYS = 90
#: Days before retirement on which notices go out.
NOTICE_DAYS = (14, 1)

EVENT = "suspended_retires"
DAY = timedelta(days=1)


def thread_of(automation: Automation) -> str:
    """Thread of the notices of this suspension."""
    since = automation.suspended_at.strftime("%Y%m%d%H%M") if automation.suspended_at is not None else ""
    return f"suspended:{automation.pk}:{since}"


def retires_at(automation: Automation) -> datetime | None:
    """Instant of the retirement: after the suspension days and the notice period. None before the first notice."""
    notices = Notice.objects.filter(event=EVENT, thread=thread_of(automation))
    noticed_at: datetime | None = notices.aggregate(first=Min("created_at"))["first"]
    if automation.suspended_at is None or noticed_at is None:
        return None
    return max(automation.suspended_at + LONGEST_DAYS * DAY, noticed_at + NOTICE_DAYS[0] * DAY)


def _require_long_suspension(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    at = retires_at(subject)
    if at is not None and now >= at:
        return None
    return Refusal("L1", "state", "It has not been suspended for that long, or nobody has heard of it in time.")


LONG_SUSPENSION = Duty(
    "L1", "L1", "What is suspended for long is retired once people have had their notice.", _require_long_suspension
)


@transition(
    Automation,
    event="automation.retired",
    permission=Permission.AUTOMATION_LAPSE,
    source=(AutomationState.SUSPENDED,),
    target=(AutomationState.RETIRED,),
    duties=[LONG_SUSPENSION],
)
def retire_suspended(step: Step[Automation]) -> Effect:
    """Retire an automation that was suspended for 90 days, as its owner would (L1)."""
    return Effect(payload={"why": "suspended"})


def retire_due(now: datetime, actor: Actor) -> int:
    """Retire automations that were suspended too long; returns how many."""
    due = Automation.objects.filter(state=AutomationState.SUSPENDED, suspended_at__lte=now - LONGEST_DAYS * DAY)
    return sweeps.sweep(
        due, lambda automation: retire_suspended.when_due(automation, actor=actor, now=now), job=actor.job
    )


def send_reminders(now: datetime) -> int:
    """Notify owners and leads two weeks and one day before the retirement, once each (R9); returns how many."""
    near = now - (LONGEST_DAYS - NOTICE_DAYS[0]) * DAY
    rows = Automation.objects.filter(state=AutomationState.SUSPENDED, suspended_at__lte=near)
    related = ("business_owner", "technical_owner", "interim__person", "team__lead", "team__deputy_lead")
    count = 0
    for automation in rows.select_related(*related).order_by("pk"):
        at = retires_at(automation) or max(
            now + NOTICE_DAYS[0] * DAY, (automation.suspended_at or now) + LONGEST_DAYS * DAY
        )
        days = min((before for before in NOTICE_DAYS if now >= at - before * DAY), default=None)
        if days is not None and now < at:
            with transaction.atomic():
                count += _notify(automation, _people_to_remind(automation, now), at, days, now)
    return count


def _people_to_remind(automation: Automation, now: datetime) -> Iterable[Person]:
    """Owners and team leads of the automation; security reviewers if none of them is here."""
    people = [person for person in (*automation.answering(now), *leads_of(automation)) if person.is_here]
    return people or people_with(Role.SECURITY_REVIEWER, now).order_by("pk")


def _notify(automation: Automation, people: Iterable[Person], at: datetime, days: int, now: datetime) -> int:
    context = {"automation": automation.name, "at": at.isoformat(), "days": days, "page": ["automation", automation.pk]}
    thread = thread_of(automation)
    return len(outbox.queue(outbox.each(people, EVENT, thread=thread, key=str(days), now=now, context=context)))
