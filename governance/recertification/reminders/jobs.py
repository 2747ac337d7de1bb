"""What jobs do in a review when the time has come: open, remind, hand on, suspend, close (R1, R5, R6, R9).

Each finds by itself what is due, does one thing in its own transaction, and may be killed or doubled anywhere: what was done is
due no more, and what was not is found again. The order within a run is the order of a review: nothing skips a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps
from governance.core.models import Person
from governance.recertification.items import cancelled_items, reviewers
from governance.recertification.items import notices as item_notices
from governance.recertification.items.jobs.closing import _asked_still, close_due
from governance.recertification.items.jobs.opening import JOB, _still_there, ask_nobodys, open_due, open_in_conflict
from governance.recertification.items.jobs.reassessment import judge_by_policy, judge_sharers
from governance.recertification.items.transitions import (
    missing_reviewer,
)
from governance.recertification.models import Item, ItemState, Question
from governance.recertification.reminders import transitions as reminder_transitions


def sweep(now: datetime) -> Mapping[str, int]:
    """Everything that is due at ``now``; returns how many of what."""
    actor = Actor.of_job(JOB)
    return {
        "opened": open_due(now, actor) + open_in_conflict(now, actor),
        "asked": ask_nobodys(now, actor),
        "reassigned": reassign_due(now, actor),
        "reminded": remind_due(now, actor),
        "escalated": escalate_due(now, actor),
        "suspended": suspend_due(now, actor),
        "closed": close_due(now, actor),
        "judged_with_sharers": judge_sharers(now, actor),
        "judged_by_policy": judge_by_policy(now, actor),
    }


def reassign_due(now: datetime, actor: Actor) -> int:
    """Ask the next on the ladder what a reviewer was asked who left, or may not answer it any more; returns how many (R8)."""

    def reassign(question: Question) -> bool:
        item = question.item
        if reviewers.next_now(question, reviewers.bench_of(item, now)) is not None:
            return reminder_transitions.replace_reviewer.when_due(question, actor=actor, now=now)
        if item.nobody or not missing_reviewer.leave_unasked.when_due(item, actor=actor, now=now):
            with transaction.atomic():  # once a week, for as long as nobody is there
                item_notices.tell_security(item, [question.asks], now)
        return False

    out = _asked_still(now).filter(Q(reviewer__in=_gone()) | Q(pk__in=reviewers.asked_who_may_not()))
    return sweeps.sweep(out, reassign, job=JOB)


def _gone() -> QuerySet[Person]:
    return Person.objects.filter(Q(is_active=False) | Q(left_at__isnull=False))


def remind_due(now: datetime, actor: Actor) -> int:
    """Remind whoever has not answered and whose day for it has come; returns how many (R5)."""
    due = _asked_still(now).filter(remind_at__lte=now)
    return sweeps.sweep(due, partial(reminder_transitions.remind.when_due, actor=actor, now=now), job=JOB)


def escalate_due(now: datetime, actor: Actor) -> int:
    """Hand on what was not answered by its deadline; returns how many (R6)."""
    due = _still_there(_somebody_late().filter(state=ItemState.OPEN, deadline__lte=now))
    return sweeps.sweep(due, partial(reminder_transitions.escalate.when_due, actor=actor, now=now), job=JOB)


def suspend_due(now: datetime, actor: Actor) -> int:
    """Suspend what nobody answered for in the grace period; returns how many (R6)."""
    due = _somebody_late().filter(state=ItemState.ESCALATED, suspended_at__isnull=True, grace_until__lte=now)
    return sweeps.sweep(
        _still_there(due), partial(reminder_transitions.suspend_for_silence.when_due, actor=actor, now=now), job=JOB
    )


def _somebody_late() -> QuerySet[Item]:
    """Without those of which whoever is there has answered what they were asked, and the rest can be asked of nobody (A9).

    Whether who is there may still answer is asked of each, under its lock (`duties.DEADLINE_PASSED`).
    """
    here = {"reviewer__is_active": True, "reviewer__left_at__isnull": True}
    waits = Question.objects.filter(item=OuterRef("pk"), answered_at__isnull=True, **here)
    return Item.objects.exclude(cancelled_items.LET_GO).filter(Q(nobody=False) | Exists(waits))
