"""Effects of a review on grants and automations: suspend, reinstate, next review date (R1, R4, R6).

`approvals.grants.transitions.lifecycle` changes grants, and `inventory.automations.transitions.lifecycle` suspends
automations. A review reinstates only suspensions by a review: a stop needs two other people (G5).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import GrantState
from approvals.models.grant import Why
from governance.core.engine.transition import Effect, Step, transition
from governance.recertification.models import Item
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, AutomationState
from inventory.risk.tiers import Tier


@transition(Automation, event="automation.reviewed", permission=None)
def set_next_review(step: Step[Automation], *, review_on: date) -> Effect:
    """Set the next review date of an automation that a review kept."""
    step.subject.review_on, step.subject.review_because = review_on, ""
    step.save(step.subject)
    return Effect(payload={"review_on": review_on.isoformat()})


@transition(
    Automation,
    event="automation.review_brought_forward",
    permission=None,
    source=(AutomationState.LIVE, AutomationState.SUSPENDED),
)
def bring_review_forward(step: Step[Automation], *, tier: Tier, review_on: date, because: str) -> Effect:
    """Bring an automation's review forward because of higher risk or new findings (I2, T4).

    Args:
        step: the running call.
        tier: the present one; never lowers the stored tier.
        review_on: new review date; never later than the present one.
        because: a key of `item_title.REASON_WORDS`.
    """
    automation = step.subject
    was, automation.tier = automation.tier, max(tier, Tier.of(automation.tier)).word
    automation.review_on = min(automation.review_on or review_on, review_on)
    automation.review_because = because
    step.save(automation)
    return Effect(payload={"was": was, "tier": automation.tier, "because": because})


def suspend_subject(step: Step[Any], item: Item, why: Why) -> None:
    """Suspend the reviewed grant or automation, unless it is already suspended."""
    grant, automation = item.grant, item.of_automation
    if grant is not None:
        if grant.state == GrantState.ACTIVE:
            transition_lifecycle.suspend(grant, actor=step.actor, now=step.now, why=why)
    elif automation.suspended_by_review_at is None:
        lifecycle.suspend(automation, actor=step.actor, now=step.now, why=why)


def reinstate_subject(step: Step[Any], item: Item) -> None:
    """Lift a suspension by this review; a stop by a person stays."""
    grant, automation, reviews = item.grant, item.of_automation, (Why.REVIEW, Why.SILENCE)
    if grant is not None:
        if grant.state == GrantState.SUSPENDED and grant.suspended_why in reviews:
            transition_lifecycle.reinstate(grant, actor=step.actor, now=step.now, why=reviews)
    elif automation.suspended_by_review_at is not None:
        lifecycle.reinstate(automation, actor=step.actor, now=step.now)
