"""What of that which somebody was asked in reviews still waits for their answer, for their digest (R5)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q
from django.utils.dateformat import format as date_format

from approvals.models import Grant, GrantState
from governance.core.access import access
from governance.core.mail import daily_digest, mail_text
from governance.core.mail.daily_digest import Line
from governance.core.models import Person
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Role
from governance.recertification.items import due_dates, item_title
from governance.recertification.models import UNCLOSED, Item, ItemState, Question
from inventory.models import Automation, AutomationState

EVENTS = ("opened", "joined", "passed", "reminder", "escalated")
OF_SUSPENDED = ("suspended", "revoked")


def register() -> None:
    """Have the digest ask here about what reviews tell."""
    daily_digest.register(to_review, *(f"recertification_{event}" for event in EVENTS))
    daily_digest.register(suspended, *(f"recertification_{event}" for event in OF_SUSPENDED))
    daily_digest.register(unasked, "recertification_unasked")


def to_review(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items with a question that the person, or somebody for whom they stand in, has not answered.

    What was handed on because nobody answered in time is due when silence takes it away.
    """
    asked = (
        Question.objects.filter(reviewer__in=access.answering_as(person, now))
        .unanswered()
        .filter(item__in=daily_digest.keys(threads))
    )
    questions = list(asked.select_related(*due_dates.ABOUT).order_by("pk"))
    events = due_dates.of_questions(person, questions, now)
    return {
        f"item:{one.item_id}": Line(due_dates.due(one.item), due_dates.words(one), date=events[one.item_id])
        for one in questions
    }


def suspended(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Items whose review has suspended what they are about, and that an answer can still change, with when it ends for good (R4, R6)."""
    items = Item.objects.filter(pk__in=daily_digest.keys(threads), state__in=UNCLOSED, closes_at__isnull=False)
    found = {}
    for item in items.select_related(*(path.removeprefix("item__") for path in due_dates.ABOUT)).order_by("pk"):
        assert item.closes_at is not None  # asked for
        ends = date_format(item.closes_at.astimezone(mail_text.zone_of(person)), "D j M")
        why = "A reviewer took it away" if item.state == ItemState.ANSWERED else "Nobody answered"
        text = f"{item.of_automation.team.name}: {item_title.title(item)}. {why}; it ends for good on {ends}."
        found[f"item:{item.pk}"] = Line(text=text)
    return found


def unasked(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """What nobody can be asked about, and has neither ended nor come to be asked meanwhile; for who is of security still (A9, R8)."""
    if not people_with(Role.SECURITY_REVIEWER, now).filter(pk=person.pk).exists():
        return {}
    of_grants = [one for one in threads if one.startswith("unasked:grant:")]
    of_automations = [one for one in threads if one.startswith("unasked:automation:")]
    asked = Item.objects.filter(state__in=UNCLOSED, nobody=False, suspended_at__isnull=True)
    held = Grant.objects.exclude(
        Q(state=GrantState.ENDED) | Q(pk__in=asked.filter(grant__isnull=False).values("grant"))
    )
    there = Automation.objects.exclude(
        Q(state=AutomationState.RETIRED) | Q(pk__in=asked.filter(automation__isnull=False).values("automation"))
    )
    grants = held.filter(pk__in=daily_digest.keys(of_grants)).values_list("pk", flat=True)
    automations = there.filter(pk__in=daily_digest.keys(of_automations)).values_list("pk", flat=True)
    return {f"unasked:grant:{pk}": Line() for pk in grants} | {f"unasked:automation:{pk}": Line() for pk in automations}
