"""What follows silence in open reviews, by jobs: remind, replace the reviewer, escalate, suspend, end (R5, R6, R8).

Items without an eligible reviewer wait, and are assigned later; silence does not count (A9). `close` ends what
silence or a revoke suspended. An earlier answer still counts.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from approvals.assignment.escalation_chain import Bench
from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle
from approvals.models import EndCause, Grant
from approvals.models.grant import Why
from governance.core.access import Permission, Refusal, refuse
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone, zone_of
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.recertification.items import answer_deadlines, review_triggers, reviewers
from governance.recertification.items import context as item_context
from governance.recertification.items import notices as item_notices
from governance.recertification.items import rules as item_rules
from governance.recertification.items.context import ItemContext, load_context, load_with_chains
from governance.recertification.items.transitions.answer import LOCKED_PARENTS, hand_over
from governance.recertification.items.transitions.open_item import ask_questions, ensure_a_day, on_item, reset_reminder
from governance.recertification.items.transitions.settle import (
    close_effect,
    closing_at,
    reinstate_subject,
    suspend_subject,
    tell_owners,
)
from governance.recertification.models.campaign import Campaign
from governance.recertification.models.item import UNCLOSED, WAITING, Item, ItemOutcome, ItemState, Question

#: Declares an operation of the job on a question that waits for an answer, and on such an item.
on_waiting_question = partial(
    transition, Question, permission=Permission.ITEM_OPEN, source=WAITING, parents=LOCKED_PARENTS
)
on_waiting_item = partial(on_item, permission=Permission.ITEM_OPEN, source=WAITING)


@on_waiting_question(event="question.reminded", duties=[item_rules.reminder_due, item_rules.standing])
def remind(step: Step[Question]) -> Effect:
    """Remind a reviewer of an unanswered question, at most once on each of their days (R5)."""
    question = step.subject
    day = step.now.astimezone(zone_of(question.reviewer)).date()
    item_notices.notify_reviewer(step, question, "reminder", key=f"reminder:{day.isoformat()}")
    next_at = reset_reminder(step, question)
    return Effect(payload={"to": str(question.reviewer.opaque_id), "next": ledger_events.instant(next_at)})


@on_waiting_question(
    event="question.reassigned", duties=[item_rules.reviewer_out, item_rules.standing], context=load_with_chains
)
def replace_reviewer(step: Step[Question]) -> Effect:
    """Give a question to the next on the escalation chain, because the reviewer left or may not answer; same deadline (R8).

    At the end of the stored escalation chain, the first on the present escalation chain gets it, with time to answer (A9).
    """
    question = step.subject
    bench = Bench.load(step.now)
    to = reviewers.next_reviewer_now(step.context, question, bench)
    if to is None:
        raise refuse(Refusal("A9", "state", "No eligible reviewer is left."))
    if question.item.nobody or to.pk not in question.escalation_chain:
        _extend_deadline(step, step.context)
        others = [asks for asks in reviewers.vacant_questions(step.context) if asks != question.asks]
        question.item.nobody = bool(others or reviewers.missing_without_reviewer(step.context, bench))
        step.save(question.item)
    if to.pk not in question.escalation_chain:
        question.escalation_chain = [*question.escalation_chain, to.pk]
    hand_over(step, question, to)
    item_notices.notify_reviewer(step, question, "passed", key="passed")
    return Effect(payload={"to": str(to.opaque_id)})


@on_item(
    event="item.escalated",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.OPEN],
    target=[ItemState.ESCALATED],
    duties=[item_rules.standing, item_rules.deadline_passed],
    context=load_context,
)
def escalate(step: Step[Item]) -> Effect:
    """Give unanswered questions to the deputy or the next on the escalation chain after the deadline (R6).

    Silence takes effect at least a day later.
    """
    item = step.subject
    ensure_a_day(step, item)
    new_reviewers: dict[str, str] = {}
    for question in step.context.unanswered:
        before, to = question.reviewer, reviewers.next_reviewer(step.context, question)
        if to is None:
            continue
        hand_over(step, question, to)
        step.record("question.escalated", question, {"to": str(to.opaque_id)})
        item_notices.notify_reviewer(step, question, "escalated", key="escalated")
        item_notices.notify_people(step, item, [before], "taken_over", key=f"taken_over:{question.asks}", by=to.name)
        new_reviewers[question.asks] = str(to.opaque_id)
    return Effect(payload={"to": new_reviewers})


@on_item(
    event="item.silence_suspended",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.ESCALATED],
    duties=[item_rules.standing, item_rules.grace_passed],
    context=load_context,
)
def suspend_for_silence(step: Step[Item]) -> Effect:
    """Suspend the grant or automation after the grace period; it ends unless an answer comes (R6)."""
    item = step.subject
    suspend_subject(step, item, Why.SILENCE)
    item.suspended_at = step.now
    item.closes_at = closing_at(item, step.now)
    step.save(item)
    for question in step.context.unanswered:
        item_notices.notify_reviewer(step, question, "suspended", key="suspended")
    reviewer_ids = {question.reviewer_id for question in step.context.unanswered}
    others = [owner for owner in item.of_automation.answering(step.now) if owner.pk not in reviewer_ids]
    item_notices.notify_people(step, item, others, "suspended", key="suspended")
    return Effect(payload={"closes_at": ledger_events.instant(item.closes_at)})


@on_item(
    event="item.closed",
    permission=Permission.ITEM_CLOSE,
    source=UNCLOSED,
    target=[ItemState.CLOSED, ItemState.ANSWERED, ItemState.ESCALATED],
    duties=[item_rules.closing_due],
)
def close(step: Step[Item]) -> Effect:
    """Close an item: end revoked or unanswered grants; also if the grant ended otherwise or the conflict is resolved.

    An item with held grants stays open. An automation's released grants end (G6).
    """
    item = step.subject
    revoked = item.state == ItemState.ANSWERED
    if item_rules.has_subject_ended(item):
        return close_effect(step, ItemOutcome.REVOKED if revoked else ItemOutcome.SUPERSEDED)
    if review_triggers.is_resolved(item):
        reinstate_subject(step, item)
        return close_effect(step, ItemOutcome.RESOLVED)
    why = Why.REVIEW if revoked else Why.SILENCE
    if item.grant is None and item.of_automation.suspended_by_review_at is None:
        # Stage 1 decided about it after the suspension: a new submission is the other way back (R4).
        return close_effect(step, ItemOutcome.SUPERSEDED)
    standing = item.of_automation.grants.standing().credentials_first()
    held = [item.grant] if item.grant is not None else list(standing)
    ending = _released_grants(item, held, step)
    for grant in ending:
        lifecycle.end(grant, actor=step.actor, now=step.now, why=why)
    if len(ending) < len(held):
        counts = {"grants": len(ending), "held": len(held) - len(ending)}
        return Effect(to=item.state, verb="item.partly_ended", payload=counts)
    tell_owners(step, item, "ended", "ended", silent=not revoked)
    return close_effect(step, ItemOutcome.REVOKED, {"why": why})


def cause_of(campaign: Campaign) -> EndCause:
    """The campaign with its opener as a cause for the circuit breaker (G6)."""
    return EndCause(key=f"campaign:{campaign.pk}", title=f"The close of {campaign.name}", person=campaign.opened_by)


def _released_grants(item: Item, held: Sequence[Grant], step: Step[Item]) -> Sequence[Grant]:
    """Grants that may end now: all of them, or the released ones; the sweep holds the others (G6)."""
    cause, ids = cause_of(item.campaign), [grant.pk for grant in held]
    if circuit_breaker.were_let(cause, ids) or circuit_breaker.let_through(circuit_breaker.lock(cause), ids, step.now):
        return held
    through = circuit_breaker.released(cause.key, ids)
    if not through:
        raise refuse(circuit_breaker.HELD)
    return [grant for grant in held if grant.pk in through]


@on_waiting_item(event="item.asked", duties=[item_rules.standing, item_rules.asked_of_nobody], context=load_with_chains)
def ask_now(step: Step[Item]) -> Effect:
    """Assign an item that had no eligible reviewer, with time for an answer unless another is late (A9, R1).

    Reviewers who could not answer for a while and may again get the same time.
    """
    item, context, bench = step.subject, step.context, Bench.load(step.now)
    lacking = item_context.missing_questions(context)
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


@on_waiting_item(event="item.left_unasked", duties=[item_rules.standing, item_rules.nobody_left], context=load_context)
def leave_unasked(step: Step[Item]) -> Effect:
    """Mark an item whose reviewers have left or may not answer, with nobody next on the escalation chain (A9, R8).

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


def _extend_deadline(step: Step[Any], context: ItemContext) -> None:
    """Give a late-asked reviewer their working days, at most to the grant's end; not if another reviewer is late.

    The item is not saved.
    """
    item, zone, holidays = context.item, organisation_zone(), organisation_holidays()
    least = working_days.add_working_days(step.now, answer_deadlines.LEAST_WORKING_DAYS, zone, holidays)
    is_anybody_late = any(
        question.remind_at is not None and not reviewers.is_out(context, question) for question in context.unanswered
    )
    if item.deadline < least and not is_anybody_late:
        tier = str(item.snapshot.get("tier", "high"))
        grace_until = answer_deadlines.grace_after(least, zone, holidays)[tier]
        end = item.ends_at or grace_until
        item.deadline, item.grace_until = min(least, end), min(grace_until, end)
