"""Items without an eligible reviewer: they wait, and are assigned later; silence does not count (A9, R6, R8)."""

from __future__ import annotations

from typing import Any

from approvals.assignment.escalation_chain import Bench
from governance.core.clock import deadlines
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step
from governance.core.roles.roles import Permission
from governance.recertification.items import notices as item_notices
from governance.recertification.items import reviewers, schedule
from governance.recertification.items import rules as item_rules
from governance.recertification.items.item_context import ItemContext, load_context, load_with_ladders
from governance.recertification.items.transitions.open_item import ask_questions, on_item, reset_reminder
from governance.recertification.models import WAITING, Item, Question


@on_item(
    event="item.asked",
    permission=Permission.ITEM_OPEN,
    source=WAITING,
    duties=[item_rules.standing, item_rules.asked_of_nobody],
    context=load_with_ladders,
)
def ask_now(step: Step[Item]) -> Effect:
    """Assign an item that had no eligible reviewer, with time for an answer unless another is late (A9, R1).

    Reviewers who could not answer for a while and may again get the same time.
    """
    item, context, bench = step.subject, step.context, Bench.load(step.now)
    lacking = reviewers.missing_questions(context)
    if reviewers.missing_without_reviewer(context, bench):
        raise refuse(Refusal("A9", "state", "It still has no eligible reviewer."))
    _extend_deadline(step, context)
    item.nobody = bool(reviewers.vacant_questions(context))
    step.save(item)
    for question in context.unanswered:
        if question.remind_at is None and not reviewers.is_out(context, question):
            reset_reminder(step, question)
    questions = ask_questions(step, context, lacking, bench)
    return Effect(payload={"asked": {question.asks: str(question.reviewer.opaque_id) for question in questions}})


@on_item(
    event="item.left_unasked",
    permission=Permission.ITEM_OPEN,
    source=WAITING,
    duties=[item_rules.standing, item_rules.nobody_left],
    context=load_context,
)
def leave_unasked(step: Step[Item]) -> Effect:
    """Mark an item whose reviewers have left or may not answer, with nobody next on the ladder (A9, R8).

    Its questions get no reminders: a question without a reminder waits for a reviewer.
    """
    item, short = step.subject, reviewers.vacant_questions(step.context)
    for question in step.context.questions:
        if question.asks in short:
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
    item, context = question.item, step.context
    _extend_deadline(step, context)
    others = [asks for asks in reviewers.vacant_questions(context) if asks != question.asks]
    item.nobody = bool(others or reviewers.missing_without_reviewer(context, bench))
    step.save(item)


def _extend_deadline(step: Step[Any], context: ItemContext) -> None:
    """Give a late-asked reviewer their working days, at most to the grant's end; not if another reviewer is late.

    The item is not saved.
    """
    item, zone, holidays = context.item, organisation_zone(), organisation_holidays()
    least = deadlines.add_working_days(step.now, schedule.LEAST_WORKING_DAYS, zone, holidays)
    is_anybody_late = any(
        question.remind_at is not None and not reviewers.is_out(context, question) for question in context.unanswered
    )
    if item.deadline < least and not is_anybody_late:
        tier = str(item.snapshot.get("tier", "high"))
        grace_until = schedule.grace_after(least, zone, holidays)[tier]
        end = item.ends_at or grace_until
        item.deadline, item.grace_until = min(least, end), min(grace_until, end)
