"""What the answers come to: kept, revoked, not renewed; and closing what has come to its end (R4, R6, G2).

=============================================  =========  ====================================================
said                                           item       what is reviewed
=============================================  =========  ====================================================
keep, by everybody who is asked                closed     the grant is succeeded, the automation's date moves on
do not renew, by one, and no revoke by others  closed     the grant runs to its date, once everybody has answered
revoke, by one                                 answered   suspended at once, ended by `close` after the days of R4
nothing by one, past the grace period          escalated  suspended, ended by `close` after as many days
=============================================  =========  ====================================================

Nobody's word but a revoke answers for the other side: whoever says *do not renew* takes neither the other question away nor what silence did.

An automation that is ended by a review stays suspended and loses its grants; a new submission brings it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle
from approvals.models import Grant
from approvals.models.grant import Why
from approvals.policies import queries as policy_queries
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.roles.roles import Permission
from governance.recertification.items import conflict_reviews, reviewers, schedule
from governance.recertification.items import notices as item_notices
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions.outcome_effects import put_back, set_next_review, take_out_of_force
from governance.recertification.models import Answer, AnswerKind, Campaign, Item, ItemOutcome, ItemState

#: Rows that are locked before an item, outermost first.
ABOVE = ("of_automation", "grant")


@transition(
    Item,
    event="item.settled",
    permission=None,
    source=[ItemState.OPEN, ItemState.ESCALATED],
    target=[ItemState.CLOSED, ItemState.ANSWERED],
    parents=ABOVE,
)
def settle(step: Step[Item], *, answers: Sequence[Answer]) -> Effect:
    """The answers of an item come to something: see the module's table.

    Args:
        step: the running call.
        answers: the one that revokes, or those of all questions.
    """
    item, said = step.subject, {one.answer for one in answers}
    item.nobody = False
    if AnswerKind.REVOKE in said:
        take_out_of_force(step, item, Why.REVIEW)
        ends_at = closing(item, step.now)
        item.closes_at = min(ends_at, item.closes_at or ends_at)
        _tell_owners(step, item, "revoked", f"revoked:{answers[0].pk}")
        return Effect(to=ItemState.ANSWERED, payload={"closes_at": ledger_events.instant(item.closes_at)})
    if len(answers) < len(reviewers.wanted(item)):
        raise refuse(Refusal("S4", "state", "One of the questions that it takes was not answered."))
    if AnswerKind.DO_NOT_RENEW in said and item.grant is not None:
        put_back(step, item)
        lifecycle.let_lapse(item.grant, actor=step.actor, now=step.now)
        return _closed(step, ItemOutcome.NOT_RENEWED)
    return _closed(step, ItemOutcome.KEPT, {"until": _keep(step, item, answers)})


@transition(
    Item,
    event="item.reopened",
    permission=None,
    source=[ItemState.ANSWERED],
    target=[ItemState.OPEN, ItemState.ESCALATED],
    parents=ABOVE,
)
def reopen(step: Step[Item]) -> Effect:
    """A revoke is being corrected: its suspension is taken back, unless silence had suspended before (R4, R6)."""
    item = step.subject
    if item.suspended_at is None:
        put_back(step, item)
        item.closes_at = None
    else:
        item.closes_at = closing(item, item.suspended_at)
    return Effect(to=ItemState.OPEN if step.now < item.deadline else ItemState.ESCALATED)


@transition(
    Item,
    event="item.closed",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.OPEN, ItemState.ANSWERED, ItemState.ESCALATED],
    target=[ItemState.CLOSED, ItemState.ANSWERED, ItemState.ESCALATED],
    duties=[item_rules.CLOSING_DUE],
    parents=ABOVE,
)
def close(step: Step[Item]) -> Effect:
    """What was revoked, or never answered, ends for good; an item whose subject has ended otherwise, or whose conflict is resolved, closes with it.

    What the brake holds stays as it is, and the item open; of an automation, whatever was released ends meanwhile (G6).
    """
    item = step.subject
    revoked = item.state == ItemState.ANSWERED
    if item_rules.is_gone(item):
        return _closed(step, ItemOutcome.REVOKED if revoked else ItemOutcome.SUPERSEDED)
    if conflict_reviews.is_resolved(item):
        put_back(step, item)
        return _closed(step, ItemOutcome.RESOLVED)
    why = Why.REVIEW if revoked else Why.SILENCE
    if item.grant is None and item.of_automation.suspended_by_review_at is None:
        # Stage 1 has decided about it since it was suspended: a new submission is the other way back (R4).
        return _closed(step, ItemOutcome.SUPERSEDED)
    held = what_ends(item)
    ending = _let_end(item, held, step)
    for grant in ending:
        lifecycle.end(grant, actor=step.actor, now=step.now, why=why)
    if len(ending) < len(held):
        return Effect(
            to=item.state, verb="item.partly_ended", payload={"grants": len(ending), "held": len(held) - len(ending)}
        )
    _tell_owners(step, item, "ended", "ended", silent=not revoked)
    return _closed(step, ItemOutcome.REVOKED, {"why": why})


def cause_of(campaign: Campaign) -> circuit_breaker.Cause:
    """What ends what a campaign closes: the campaign, for the brake, and whoever opened it (G6)."""
    return circuit_breaker.Cause(
        f"campaign:{campaign.pk}", title=f"The close of {campaign.name}", person=campaign.opened_by
    )


def what_ends(item: Item) -> list[Grant]:
    """The grants that end with what is reviewed: itself, or all that an automation holds."""
    if item.grant is not None:
        return [item.grant]
    return list(item.of_automation.grants.standing().credentials_first())


def _let_end(item: Item, held: Sequence[Grant], step: Step[Item]) -> Sequence[Grant]:
    """Which of some grants end now: all, or those that were released; the sweep holds the others (G6)."""
    cause, ids = cause_of(item.campaign), [one.pk for one in held]
    if circuit_breaker.are_let(cause, ids) or circuit_breaker.let(circuit_breaker.lock(cause), ids, step.now):
        return held
    through = circuit_breaker.released(cause.key, ids)
    if not through:
        raise refuse(circuit_breaker.HELD)
    return [one for one in held if one.pk in through]


def _keep(step: Step[Item], item: Item, answers: Sequence[Answer]) -> str:
    """Go on holding it: a grant by its successor, an automation until its next review; returns until when."""
    grant = item.grant
    if grant is None:
        put_back(step, item)
        automation = item.of_automation
        review_on = (step.now + timedelta(days=policy_queries.in_force(step.now).review_after(automation.tier))).date()
        set_next_review(automation, actor=step.actor, now=step.now, review_on=review_on)
        return review_on.isoformat()
    ends_at = kept_until(grant, answers, step.now)
    lifecycle.succeed(grant, actor=step.actor, now=step.now, answers=[one.pk for one in answers], ends_at=ends_at)
    return ledger_events.instant(ends_at)


def kept_until(grant: Grant, answers: Sequence[Answer], now: datetime) -> datetime:
    """Until when a grant goes on that is kept: as long as was approved, or as the shorter of two answers says."""
    shorter = [now + timedelta(days=one.term_days) for one in answers if one.term_days]
    return min([lifecycle.longest_end(grant, now), *shorter])


def _closed(step: Step[Item], outcome: ItemOutcome, payload: dict[str, str] | None = None) -> Effect:
    item = step.subject
    item.outcome, item.closed_at, item.closes_at = outcome, step.now, None
    return Effect(to=ItemState.CLOSED, payload={"outcome": outcome, **(payload or {})})


def closing(item: Item, since: datetime) -> datetime:
    """When a suspension that began at ``since`` ends what it suspends: by the policy as it was when the review began (R2, R4, R6)."""
    days = policy_queries.in_force(item.campaign.snapshot_at).correction_days
    return schedule.closing(since, item.grant.ends_at if item.grant is not None else None, days=days)


def _tell_owners(step: Step[Item], item: Item, event: str, key: str, *, silent: bool = False) -> None:
    """Tell those who hold it; not who did it."""
    owners: list[Person] = [one for one in item.of_automation.answering(step.now) if one != step.actor.person]
    item_notices.tell(step, item, owners, event, key=key, silent=silent)
