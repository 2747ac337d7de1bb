"""Digest lines of reviews: questions that a person has not answered (R5)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateformat import format as date_format

from approvals.models import Grant, GrantState
from governance.core.access import access
from governance.core.clock.organisation import zone_of
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Person
from governance.core.people.queries import people_with
from governance.core.roles.roles import Role
from governance.recertification.items import due_dates
from governance.recertification.models import UNCLOSED, Item, ItemState, Question
from inventory.models import Automation, AutomationState

EVENTS = ("opened", "joined", "passed", "reminder", "escalated")
OF_SUSPENDED = ("suspended", "revoked")


def register() -> None:
    """Register the digest lines for notices of reviews."""
    daily_digest.register(question_lines, *(f"recertification_{event}" for event in EVENTS))
    daily_digest.register(suspended_lines, *(f"recertification_{event}" for event in OF_SUSPENDED))
    daily_digest.register(unassigned_lines, "recertification_unasked")


def question_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items with an unanswered question of a person or of someone they are a delegate of.

    An escalated question is due when silence takes effect.
    """
    rows = Question.objects.open_for(access.answering_as(person, now)).filter(item__in=daily_digest.keys(threads))
    questions = list(rows.select_related(*due_dates.QUESTION_RELATIONS))
    events = due_dates.events_of_questions(person, questions, now)
    lines = {}
    for question in questions:
        at, words = due_dates.due_at(question.item), due_dates.question_words(question)
        lines[f"item:{question.item_id}"] = Line(at, words, date=events[question.item_id])
    return lines


def suspended_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items with a suspended grant or automation that an answer can still change, with the end date (R4, R6)."""
    items = Item.objects.filter(pk__in=daily_digest.keys(threads), state__in=UNCLOSED, closes_at__isnull=False)
    lines = {}
    for item in items.select_related(*due_dates.ITEM_RELATIONS).order_by("pk"):
        assert item.closes_at is not None  # filtered above
        ends = date_format(item.closes_at.astimezone(zone_of(person)), "D j M")
        why = "A reviewer took it away" if item.state == ItemState.ANSWERED else "Nobody answered"
        text = f"{item.of_automation.team.name}: {item.title}. {why}; it ends for good on {ends}."
        lines[f"item:{item.pk}"] = Line(text=text)
    return lines


def unassigned_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Reviews without an eligible reviewer, for people in security; without ended or assigned ones (A9, R8)."""
    if not people_with(Role.SECURITY_REVIEWER, now).filter(pk=person.pk).exists():
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
