"""Retire automations after a long suspension; owners get a notice two weeks and one day before (L1).

Retirement waits at least two weeks after the first notice, however long the suspension is.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from governance.core.access import Actor, Role
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.automations import rules
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, AutomationState
from inventory.ownership.notices import leads_of


def retire_due(now: datetime, actor: Actor) -> int:
    """Retire automations that were suspended too long; returns how many."""
    long_ago = now - rules.LONGEST_DAYS * rules.DAY
    due = Automation.objects.filter(state=AutomationState.SUSPENDED, suspended_at__lte=long_ago)
    return lifecycle.retire_suspended.sweep(due, actor=actor, now=now)


def send_reminders(now: datetime) -> int:
    """Notify owners and leads two weeks and one day before the retirement, once each (R9); returns how many.

    Security reviewers are notified if none of them is here.
    """
    near = now - (rules.LONGEST_DAYS - rules.NOTICE_DAYS[0]) * rules.DAY
    rows = Automation.objects.filter(state=AutomationState.SUSPENDED, suspended_at__lte=near)
    related = ("business_owner", "technical_owner", "interim__person", "team__lead", "team__deputy_lead")
    count = 0
    for automation in rows.select_related(*related).order_by("pk"):
        at = rules.retires_at(automation) or max(
            now + rules.NOTICE_DAYS[0] * rules.DAY, (automation.suspended_at or now) + rules.LONGEST_DAYS * rules.DAY
        )
        days = min((before for before in rules.NOTICE_DAYS if now >= at - before * rules.DAY), default=None)
        if days is not None and now < at:
            people = [person for person in (*automation.answering(now), *leads_of(automation)) if person.is_here]
            reviewers = Person.objects.with_role(Role.SECURITY_REVIEWER, now).order_by("pk")
            with transaction.atomic():
                count += _notify(automation, people or reviewers, at, days, now)
    return count


def _notify(automation: Automation, people: Iterable[Person], at: datetime, days: int, now: datetime) -> int:
    context = {"automation": automation.name, "at": at.isoformat(), "days": days, "page": ["automation", automation.pk]}
    thread = rules.thread_of(automation)
    return outbox.notify(people, rules.LONG_SUSPENSION_NOTICE, thread=thread, key=str(days), now=now, context=context)
