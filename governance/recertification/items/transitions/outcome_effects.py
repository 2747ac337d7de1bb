"""What a review does to an automation and to a grant: out of force, back, on until the next time (R1, R4, R6).

Grants are changed by `approvals.grants.transitions.lifecycle` and the automation's suspension by `inventory.automations.transitions.lifecycle`; here stands what only a review does.
Only what a review suspended comes back by a review: a stop needs two others to lift it (G5).
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
    """An automation was reviewed and is still needed; it comes up again on a day."""
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
    """What it does is riskier, or more was found in it, than when it was approved: it is reviewed before its time (I2, T4).

    Args:
        step: the running call.
        tier: as it is now; never lower than it stands.
        review_on: the day by which it is reviewed, never later than it would have been.
        because: a key of `wording.BECAUSE`.
    """
    automation = step.subject
    was, automation.tier = automation.tier, max(tier, Tier.of(automation.tier)).word
    automation.review_on = min(automation.review_on or review_on, review_on)
    automation.review_because = because
    step.save(automation)
    return Effect(payload={"was": was, "tier": automation.tier, "because": because})


def take_out_of_force(step: Step[Any], item: Item, why: Why) -> None:
    """Suspend what is reviewed, unless it is out of force already."""
    grant, automation = item.grant, item.of_automation
    if grant is not None:
        if grant.state == GrantState.ACTIVE:
            transition_lifecycle.suspend(grant, actor=step.actor, now=step.now, why=why)
    elif automation.suspended_by_review_at is None:
        lifecycle.suspend(automation, actor=step.actor, now=step.now, why=why)


def put_back(step: Step[Any], item: Item) -> None:
    """Take the suspension by this review back; what somebody stopped meanwhile stays stopped."""
    grant, automation, reviews = item.grant, item.of_automation, (Why.REVIEW, Why.SILENCE)
    if grant is not None:
        if grant.state == GrantState.SUSPENDED and grant.suspended_why in reviews:
            transition_lifecycle.reinstate(grant, actor=step.actor, now=step.now, why=reviews)
    elif automation.suspended_by_review_at is not None:
        lifecycle.reinstate(automation, actor=step.actor, now=step.now)
