"""A campaign that is called off while it is being opened: what is in it closes without an outcome that touches anything (R2, H1).

Nothing of it is suspended or ended by it, and nothing counts as reviewed: what was to come up by its date, or because something happened, comes up
again by itself. What somebody has answered meanwhile stands, and what silence has suspended waits for an answer still.

Reviews that were open already and that it joined go on, and so do its own that another campaign has joined: those campaigns count on them. Each gets
the date back that it would have without the one that was called off, which is the one way in which a deadline goes back (R2).
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
from governance.recertification.items.transitions.open_item import remind_anew
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item, ItemState

#: Items that one operation closes.
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
    """Whoever may open campaigns calls one off before all of it is in it and asked; a job closes what is in it."""
    campaign = step.subject
    campaign.called_off_by, campaign.called_off_why, campaign.called_off_at = step.actor.person, step.reason, step.now
    asked = campaign_notices.called_off(step, campaign)
    nudge.send(JOB)
    return Effect(payload={"items": campaign.items.count(), "asked": asked})


@transition(
    Campaign,
    event="campaign.items_let_go",
    permission=Permission.ITEM_CLOSE,
    source=[CampaignState.CALLED_OFF],
    duties=[campaign_rules.LEFT_OPEN],
)
def let_go(step: Step[Campaign], *, size: int = LETS_GO) -> Effect:
    """The next items that nobody has settled are closed, and what they are about stays as it is.

    Args:
        step: the running call.
        size: how many at most.
    """
    return Effect(payload=snapshot.let_go(step, size).payload)


@transition(Campaign, event="campaign.item_left", permission=Permission.ITEM_CLOSE, source=[CampaignState.CALLED_OFF])
def leave_item(step: Step[Campaign], *, item: Item) -> Effect:
    """A review that goes on without the campaign gets its own dates back (R2).

    Args:
        step: the running call.
        item: which the campaign has joined, or that another campaign has joined in it.
    """
    give_back(item, actor=step.actor, now=step.now, campaign=step.subject)
    return Effect(payload={"item": str(item.pk)})


@transition(
    Item,
    event="item.dates_given_back",
    permission=None,
    source=UNCLOSED,
    parents=["of_automation", "grant"],
)
def give_back(step: Step[Item], *, campaign: Campaign) -> Effect:
    """What a campaign brought forward that was called off goes back to what everything else asks for (R2, R5).

    What has been handed on stays so, and silence takes effect later.

    Args:
        step: the running step.
        campaign: which was called off.
    """
    item = step.subject
    times = joined_due_dates.take_back(item, campaign.pk) if item.suspended_at is None else None
    if times is None:
        raise refuse(
            Refusal("R2", "state", "The campaign has brought nothing of it forward, or silence has suspended it.")
        )
    if item.state != ItemState.ESCALATED:
        item.deadline = max(item.deadline, times[0])
    item.grace_until = max(item.grace_until, times[1])
    if not joined_due_dates.others(item):
        item.snapshot["joined"] = [one for one in item.snapshot["joined"] if one != AD_HOC]
    step.save(item)
    for question in item.questions.filter(answered_at__isnull=True).select_related("reviewer").order_by("pk"):
        question.item = item
        remind_anew(step, question)
    return Effect(payload={"campaign": str(campaign.pk), "deadline": ledger_events.instant(item.deadline)})
