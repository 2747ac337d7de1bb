"""Results of answers (kept or revoked), and the closing of items (R4, R6, G2).

==================================  =========  ====================================================
answers                             item       effect
==================================  =========  ====================================================
keep, by all reviewers              closed     the grant gets a successor, the automation a new date
keep until a day, by one reviewer   closed     the access ends on the earliest named day
revoke, by one                      answered   suspended at once, ended by `close` after the days of R4
none by one, past the grace period  escalated  suspended, ended by `close` after as many days
==================================  =========  ====================================================

Only a revoke settles the item alone.

An automation that a review ends stays suspended and loses its grants; a new submission brings it back.

`approvals.grants.transitions.lifecycle` changes grants, and `inventory.automations.transitions.lifecycle` suspends
automations. A review reinstates only suspensions by a review: a stop needs two other people (G5).
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle
from approvals.models import EndCause, Grant, GrantState
from approvals.models.grant import Why
from approvals.policies import queries as policy_queries
from governance.core.access import Permission, Refusal, refuse
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_zone
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.recertification.items import notices as item_notices
from governance.recertification.items import questions as item_questions
from governance.recertification.items import review_triggers
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions.open_item import on_item
from governance.recertification.models.campaign import Campaign
from governance.recertification.models.item import UNCLOSED, WAITING, Answer, AnswerKind, Item, ItemOutcome, ItemState
from inventory.automations.transitions import lifecycle as automation_lifecycle
from inventory.models import Automation


@on_item(event="item.settled", permission=None, source=WAITING, target=[ItemState.CLOSED, ItemState.ANSWERED])
def settle(step: Step[Item], *, answers: Sequence[Answer]) -> Effect:
    """Apply the answers of an item; see the module's table.

    Args:
        step: the running call.
        answers: the revoking one, or those of all questions.
    """
    item, kinds = step.subject, {answer.answer for answer in answers}
    item.nobody = False
    if AnswerKind.REVOKE in kinds:
        suspend_subject(step, item, Why.REVIEW)
        ends_at = closing_at(item, step.now)
        item.closes_at = min(ends_at, item.closes_at or ends_at)
        _tell_owners(step, item, "revoked", f"revoked:{answers[0].pk}")
        return Effect(to=ItemState.ANSWERED, payload={"closes_at": ledger_events.instant(item.closes_at)})
    if len(answers) < len(item_questions.wanted_questions(item)):
        raise refuse(Refusal("S4", "state", "A needed question has no answer yet."))
    return _close_effect(step, ItemOutcome.KEPT, {"until": _keep_access(step, item, answers)})


@on_item(event="item.reopened", permission=None, source=[ItemState.ANSWERED], target=WAITING)
def reopen(step: Step[Item]) -> Effect:
    """Reopen an item for a correction and lift its suspension, unless silence had suspended it before (R4, R6)."""
    item = step.subject
    if item.suspended_at is None:
        reinstate_subject(step, item)
        item.closes_at = None
    else:
        item.closes_at = closing_at(item, item.suspended_at)
    return Effect(to=ItemState.OPEN if step.now < item.deadline else ItemState.ESCALATED)


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
        return _close_effect(step, ItemOutcome.REVOKED if revoked else ItemOutcome.SUPERSEDED)
    if review_triggers.is_resolved(item):
        reinstate_subject(step, item)
        return _close_effect(step, ItemOutcome.RESOLVED)
    why = Why.REVIEW if revoked else Why.SILENCE
    if item.grant is None and item.of_automation.suspended_by_review_at is None:
        # Stage 1 decided about it after the suspension: a new submission is the other way back (R4).
        return _close_effect(step, ItemOutcome.SUPERSEDED)
    standing = item.of_automation.grants.standing().credentials_first()
    held = [item.grant] if item.grant is not None else list(standing)
    ending = _released_grants(item, held, step)
    for grant in ending:
        lifecycle.end(grant, actor=step.actor, now=step.now, why=why)
    if len(ending) < len(held):
        return Effect(
            to=item.state, verb="item.partly_ended", payload={"grants": len(ending), "held": len(held) - len(ending)}
        )
    _tell_owners(step, item, "ended", "ended", silent=not revoked)
    return _close_effect(step, ItemOutcome.REVOKED, {"why": why})


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


def _keep_access(step: Step[Item], item: Item, answers: Sequence[Answer]) -> str:
    """Renew the grant or end it on the earliest named day, or set the automation's next review; return until when."""
    grant = item.grant
    if grant is None:
        reinstate_subject(step, item)
        automation = item.of_automation
        review_on = (step.now + timedelta(days=policy_queries.in_force(step.now).review_after(automation.tier))).date()
        set_next_review(automation, actor=step.actor, now=step.now, review_on=review_on)
        return review_on.isoformat()
    ends_on = min((answer.ends_on for answer in answers if answer.ends_on is not None), default=None)
    if ends_on is not None and ends_on <= last_day(grant.ends_at):
        reinstate_subject(step, item)
        lifecycle.let_lapse(grant, actor=step.actor, now=step.now, ends_at=last_instant(ends_on))
        return ledger_events.instant(grant.ends_at)
    longest = lifecycle.longest_end(grant, step.now)
    ends_at = min(longest, last_instant(ends_on)) if ends_on is not None else longest
    keys = [answer.pk for answer in answers]
    lifecycle.succeed(grant, actor=step.actor, now=step.now, answers=keys, ends_at=ends_at, renew=ends_on is None)
    return ledger_events.instant(ends_at)


def last_instant(ends_on: date) -> datetime:
    """The instant on a named day at which access ends."""
    return working_days.end_of_day(ends_on, organisation_zone())


def last_day(ends_at: datetime) -> date:
    """The day on which access ends, in the organisation's time zone."""
    return ends_at.astimezone(organisation_zone()).date()


def _close_effect(step: Step[Item], outcome: ItemOutcome, payload: dict[str, str] | None = None) -> Effect:
    item = step.subject
    item.outcome, item.closed_at, item.closes_at = outcome, step.now, None
    return Effect(to=ItemState.CLOSED, payload={"outcome": outcome, **(payload or {})})


def closing_at(item: Item, since: datetime) -> datetime:
    """When a suspension from ``since`` becomes final: by the policy at the start of the review, not after the term (R2, R4, R6)."""
    last = since + timedelta(days=policy_queries.in_force(item.campaign.snapshot_at).correction_days)
    return min(last, item.ends_at or last)


def _tell_owners(step: Step[Item], item: Item, event: str, key: str, *, silent: bool = False) -> None:
    """Notify the automation's owners, except the actor."""
    owners: list[Person] = [owner for owner in item.of_automation.answering(step.now) if owner != step.actor.person]
    item_notices.notify_people(step, item, owners, event, key=key, silent=silent)


@transition(Automation, event="automation.reviewed", permission=None)
def set_next_review(step: Step[Automation], *, review_on: date) -> Effect:
    """Set the next review date of an automation that a review kept."""
    step.subject.review_on, step.subject.review_because = review_on, ""
    step.save(step.subject)
    return Effect(payload={"review_on": review_on.isoformat()})


def suspend_subject(step: Step[Any], item: Item, why: Why) -> None:
    """Suspend the reviewed grant or automation, unless it is already suspended."""
    grant, automation = item.grant, item.of_automation
    if grant is not None:
        if grant.state == GrantState.ACTIVE:
            lifecycle.suspend(grant, actor=step.actor, now=step.now, why=why)
    elif automation.suspended_by_review_at is None:
        automation_lifecycle.suspend(automation, actor=step.actor, now=step.now, why=why)


def reinstate_subject(step: Step[Any], item: Item) -> None:
    """Lift a suspension by this review; a stop by a person stays."""
    grant, automation, reviews = item.grant, item.of_automation, (Why.REVIEW, Why.SILENCE)
    if grant is not None:
        if grant.state == GrantState.SUSPENDED and grant.suspended_why in reviews:
            lifecycle.reinstate(grant, actor=step.actor, now=step.now, why=reviews)
    elif automation.suspended_by_review_at is not None:
        automation_lifecycle.reinstate(automation, actor=step.actor, now=step.now)
