"""Calling off a campaign that is still opening: its items close and their grants stay as they are (R2, H1).

Nothing is suspended, ended or counted as reviewed. Grants come up again by their date or by an event. Submitted
answers stay in force. Items that silence has suspended still need an answer.

Joined reviews continue, and so do the campaign's own items that another campaign has joined. Each gets back the date
that it has without the called-off campaign. Only then can a deadline move to a later date (R2).
"""

from __future__ import annotations

from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.repeats import last_word
from governance.core.engine.transition import Effect, Step, transition
from governance.core.jobs import nudge
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from governance.recertification.campaigns import notices as campaign_notices
from governance.recertification.campaigns import rules as campaign_rules
from governance.recertification.campaigns import snapshot
from governance.recertification.campaigns.snapshot import AD_HOC
from governance.recertification.campaigns.transitions.open_campaign import JOB
from governance.recertification.items import joined_due_dates
from governance.recertification.items.item_context import load_context
from governance.recertification.items.transitions.open_item import PARENTS, reset_reminder
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item, ItemState

#: Most items that one operation closes.
LETS_GO = 10_000


@transition(
    Campaign,
    event="campaign.called_off",
    permission=Permission.CAMPAIGN_OPEN,
    source=[CampaignState.OPENING],
    target=[CampaignState.CALLED_OFF],
    duties=[campaign_rules.NO_PART],
    reason_needed=True,
    repeats=last_word("campaign.called_off"),
)
def call_off(step: Step[Campaign]) -> Effect:
    """Call off a campaign before all its questions are assigned; a job closes its items."""
    campaign = step.subject
    campaign.called_off_by, campaign.called_off_why, campaign.called_off_at = step.actor.person, step.reason, step.now
    asked_count = campaign_notices.notify_called_off(step, campaign)
    nudge.send(JOB)
    return Effect(payload={"items": campaign.items.count(), "asked": asked_count})


@transition(
    Campaign,
    event="campaign.items_let_go",
    permission=Permission.ITEM_CLOSE,
    source=[CampaignState.CALLED_OFF],
    duties=[campaign_rules.LEFT_OPEN],
)
def let_go(step: Step[Campaign], *, size: int = LETS_GO) -> Effect:
    """Close the next unsettled items; their grants and automations stay as they are.

    Args:
        step: the running call.
        size: how many at most.
    """
    return Effect(payload=snapshot.close_unsettled_items(step, size).payload)


@transition(Campaign, event="campaign.item_left", permission=Permission.ITEM_CLOSE, source=[CampaignState.CALLED_OFF])
def leave_item(step: Step[Campaign], *, item: Item) -> Effect:
    """Give a review that continues without the campaign its own dates back (R2).

    Args:
        step: the running call.
        item: joined by the campaign, or its own and joined by another campaign.
    """
    give_back(item, actor=step.actor, now=step.now, campaign=step.subject)
    return Effect(payload={"item": str(item.pk)})


@transition(
    Item,
    event="item.dates_given_back",
    permission=None,
    source=UNCLOSED,
    parents=PARENTS,
    context=load_context,
)
def give_back(step: Step[Item], *, campaign: Campaign) -> Effect:
    """Undo the dates that a called-off campaign brought forward (R2, R5).

    An escalated item stays escalated; its silence takes effect later.

    Args:
        step: the running step.
        campaign: the called-off campaign.
    """
    item = step.subject
    times = joined_due_dates.remove_dates(item, campaign.pk) if item.suspended_at is None else None
    if times is None:
        raise refuse(
            Refusal("R2", "state", "The campaign has brought nothing of it forward, or silence has suspended it.")
        )
    if item.state != ItemState.ESCALATED:
        item.deadline = max(item.deadline, times[0])
    item.grace_until = max(item.grace_until, times[1])
    if not joined_due_dates.joining_campaigns(item):
        item.snapshot["joined"] = [reason for reason in item.snapshot["joined"] if reason != AD_HOC]
    step.save(item)
    for question in step.context.unanswered:
        reset_reminder(step, question)
    return Effect(payload={"campaign": str(campaign.pk), "deadline": ledger_events.instant(item.deadline)})
