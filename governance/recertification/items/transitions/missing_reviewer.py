"""Items without an eligible reviewer: they wait, and are assigned later; silence does not count (A9, R6, R8)."""

from __future__ import annotations

from typing import Any

from approvals.assignment.escalation_chain import Bench
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from governance.recertification.items import notices as item_notices
from governance.recertification.items import reviewers, schedule
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions.open_item import ask_questions, reset_reminder
from governance.recertification.models import Item, ItemState, Question

#: States in which an item can be assigned.
UNSETTLED = (ItemState.OPEN, ItemState.ESCALATED)


@transition(
    Item,
    event="item.asked",
    permission=Permission.ITEM_OPEN,
    source=UNSETTLED,
    duties=[item_rules.STANDING, item_rules.ASKED_OF_NOBODY],
    parents=["of_automation", "grant"],
)
def ask_now(step: Step[Item]) -> Effect:
    """Assign an item that had no eligible reviewer, with time for an answer unless another is late (A9, R1).

    Reviewers who could not answer for a while and may again get the same time.
    """
    item = step.subject
    bench = reviewers.bench_of(item, step.now)
    lacking = reviewers.missing_questions(item)
    if reviewers.missing_without_reviewer(item, bench):
        raise refuse(Refusal("A9", "state", "Still nobody can be asked about it."))
    _extend_deadline(step, item)
    item.nobody = bool(reviewers.vacant_questions(item))
    step.save(item)
    for question in item.questions.filter(answered_at__isnull=True, remind_at__isnull=True).order_by("pk"):
        question.item = item
        if not reviewers.is_out(question):
            reset_reminder(step, question)
    questions = ask_questions(step, item, lacking, bench)
    return Effect(payload={"asked": {question.asks: str(question.reviewer.opaque_id) for question in questions}})


@transition(
    Item,
    event="item.left_unasked",
    permission=Permission.ITEM_OPEN,
    source=UNSETTLED,
    duties=[item_rules.STANDING, item_rules.NOBODY_LEFT],
    parents=["of_automation", "grant"],
)
def leave_unasked(step: Step[Item]) -> Effect:
    """Mark an item whose reviewers have left or may not answer, with nobody next on the ladder (A9, R8).

    Its questions get no reminders: a question without a reminder waits for a reviewer.
    """
    item = step.subject
    short = reviewers.vacant_questions(item)
    for question in item.questions.filter(asks__in=short).order_by("pk"):
        question.remind_at = None
        step.save(question)
    item.nobody = True
    step.save(item)
    item_notices.notify_security(item, short, step.now)
    return Effect(payload={"asks": [asks.value for asks in short]})


def prepare_for_new_reviewer(step: Step[Any], question: Question, bench: Bench) -> None:
    """Prepare an item for a new reviewer: extend the deadline, and check its other questions (A9, R1).

    Args:
        step: the running call.
        question: with its item, locked.
        bench: of now.
    """
    item = question.item
    _extend_deadline(step, item)
    others = [asks for asks in reviewers.vacant_questions(item) if asks != question.asks]
    item.nobody = bool(others or reviewers.missing_without_reviewer(item, bench))
    step.save(item)


def _extend_deadline(step: Step[Any], item: Item) -> None:
    """Give a late-asked reviewer their working days, at most to the grant's end; not if another reviewer is late.

    The item is not saved.
    """
    zone, holidays = organisation_zone(), organisation_holidays()
    least = working_days.add_working_days(step.now, schedule.LEAST_WORKING_DAYS, zone, holidays)
    waiting = [question for question in item.questions.all() if question.answered_at is None]
    is_anybody_late = any(question.remind_at is not None and not reviewers.is_out(question) for question in waiting)
    if item.deadline < least and not is_anybody_late:
        tier = str(item.snapshot.get("tier", "high"))
        grace_until = schedule.grace_after(least, zone, holidays)[tier]
        end = item.grant.ends_at if item.grant is not None else grace_until
        item.deadline, item.grace_until = min(least, end), min(grace_until, end)
