"""Results of answers: kept or revoked (R4, G2). `silence.close` ends what was revoked or not answered.

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

from approvals.grants.transitions import lifecycle
from approvals.models import GrantState
from approvals.models.grant import Why
from approvals.policies import queries as policy_queries
from governance.core.access import Refusal, refuse
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_zone
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.recertification.items import context as item_context
from governance.recertification.items import notices as item_notices
from governance.recertification.items.transitions.open_item import on_item
from governance.recertification.models.item import WAITING, Answer, AnswerKind, Item, ItemOutcome, ItemState
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
        tell_owners(step, item, "revoked", f"revoked:{answers[0].pk}")
        return Effect(to=ItemState.ANSWERED, payload={"closes_at": ledger_events.instant(item.closes_at)})
    if len(answers) < len(item_context.wanted_questions(item)):
        raise refuse(Refusal("S4", "state", "A needed question has no answer yet."))
    return close_effect(step, ItemOutcome.KEPT, {"until": _keep_access(step, item, answers)})


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


def close_effect(step: Step[Item], outcome: ItemOutcome, payload: dict[str, str] | None = None) -> Effect:
    """Return the effect that closes an item, and set its outcome."""
    item = step.subject
    item.outcome, item.closed_at, item.closes_at = outcome, step.now, None
    return Effect(to=ItemState.CLOSED, payload={"outcome": outcome, **(payload or {})})


def closing_at(item: Item, since: datetime) -> datetime:
    """When a suspension from ``since`` becomes final: by the policy at the start of the review, not after the term (R2, R4, R6)."""
    last = since + timedelta(days=policy_queries.in_force(item.campaign.snapshot_at).correction_days)
    return min(last, item.ends_at or last)


def tell_owners(step: Step[Item], item: Item, event: str, key: str, *, silent: bool = False) -> None:
    """Notify the automation's owners, except the actor.

    Args:
        step: the running step.
        item: the item.
        event: names the mail templates.
        key: part of the unique key.
        silent: whether nobody answered.
    """
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
