"""Job that moves reviews on: open, remind, escalate, suspend, close (R1, R5, R6, R9).

Each step finds its due rows and handles each in its own transaction. So a killed or doubled run does no harm. The
steps run in the order of a review, and none is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.assignment.escalation_chain import Bench
from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps
from governance.core.models import Person
from governance.recertification.items import notices as item_notices
from governance.recertification.items import reviewers
from governance.recertification.items.item_context import load_with_ladders
from governance.recertification.items.jobs.closing import close_due, still_open_questions
from governance.recertification.items.jobs.opening import (
    JOB,
    assign_waiting_items,
    open_due,
    open_in_conflict,
    run_due,
    subject_in_force,
)
from governance.recertification.items.transitions import missing_reviewer, reassess
from governance.recertification.models import Item, ItemState, Question
from governance.recertification.reminders import transitions as reminder_transitions
from inventory.models import Automation

#: Most automations that one run assesses by a policy, to leave time for the reviews.
AT_ONCE = 500


def sweep(now: datetime) -> Mapping[str, int]:
    """Do all steps that are due at ``now``; return the number for each."""
    actor = Actor.of_job(JOB)
    return {
        "opened": open_due(now, actor) + open_in_conflict(now, actor),
        "asked": assign_waiting_items(now, actor),
        "reassigned": reassign_due(now, actor),
        "reminded": remind_due(now, actor),
        "escalated": escalate_due(now, actor),
        "suspended": suspend_due(now, actor),
        "closed": close_due(now, actor),
        "reassessed": reassess_due(now, actor),
    }


def reassign_due(now: datetime, actor: Actor) -> int:
    """Give questions to the next on the ladder if the reviewer left or may not answer; return the number (R8)."""

    def reassign(question: Question) -> bool:
        item = question.item
        if reviewers.next_reviewer_now(load_with_ladders(question, now), question, Bench.load(now)) is not None:
            return reminder_transitions.replace_reviewer.when_due(question, actor=actor, now=now)
        if item.nobody or not missing_reviewer.leave_unasked.when_due(item, actor=actor, now=now):
            with transaction.atomic():  # once a week, until somebody is eligible
                item_notices.notify_security(item, [question.asks], now)
        return False

    departed = Person.objects.filter(Q(is_active=False) | Q(left_at__isnull=False))
    is_out = Q(reviewer__in=departed) | Q(pk__in=reviewers.ineligible_questions())
    return sweeps.sweep(still_open_questions(now).filter(is_out), reassign, job=JOB)


def remind_due(now: datetime, actor: Actor) -> int:
    """Remind reviewers with unanswered questions on their day; return the number (R5)."""
    due = still_open_questions(now).filter(remind_at__lte=now)
    return run_due(due, reminder_transitions.remind, now, actor)


def escalate_due(now: datetime, actor: Actor) -> int:
    """Escalate items past their deadline; return the number (R6)."""
    due = subject_in_force(_late_items().filter(state=ItemState.OPEN, deadline__lte=now))
    return run_due(due, reminder_transitions.escalate, now, actor)


def suspend_due(now: datetime, actor: Actor) -> int:
    """Suspend grants and automations without an answer in the grace period; return the number (R6)."""
    due = _late_items().filter(state=ItemState.ESCALATED, suspended_at__isnull=True, grace_until__lte=now)
    return run_due(subject_in_force(due), reminder_transitions.suspend_for_silence, now, actor)


def _late_items() -> QuerySet[Item]:
    """Items in which an active reviewer has an unanswered question (A9).

    The duty `deadline_passed` checks under the lock whether the reviewer may still answer.
    """
    active_reviewer = {"reviewer__is_active": True, "reviewer__left_at__isnull": True}
    waits = Question.objects.filter(item=OuterRef("pk"), answered_at__isnull=True, **active_reviewer)
    return Item.objects.filter(Q(nobody=False) | Exists(waits))


def reassess_due(now: datetime, actor: Actor) -> int:
    """Assess automations that a policy or a connected automation made riskier; return the number (T4, I5, A16)."""
    by_policy = reassess.assessed_by_earlier_policy(now).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    ids = sorted({*reassess.connected_with_riskier(), *by_policy})
    due = Automation.objects.filter(pk__in=ids, state__in=reassess.HELD)
    return run_due(due, reassess.reassess, now, actor)
