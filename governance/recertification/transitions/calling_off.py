"""A campaign that is called off while it is being opened: what is in it closes without an outcome that touches anything (R2, H1).

Nothing of it is suspended or ended by it, and nothing counts as reviewed: what was to come up by its date, or because something happened, comes up
again by itself. What somebody has answered meanwhile stands, and what silence has suspended waits for an answer still.
"""

from __future__ import annotations

from governance.controls import nudge
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from governance.recertification import campaign_notices, duties, freezing
from governance.recertification.models import Campaign, CampaignState
from governance.recertification.transitions.campaigns import JOB

#: Items that one operation closes.
LETS_GO = 10_000


@transition(
    Campaign,
    event="campaign.called_off",
    permission=Permission.CAMPAIGN_OPEN,
    source=[CampaignState.OPENING],
    target=[CampaignState.CALLED_OFF],
    reason_needed=True,
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
    duties=[duties.LEFT_OPEN],
)
def let_go(step: Step[Campaign], *, size: int = LETS_GO) -> Effect:
    """The next items that nobody has settled are closed, and what they are about stays as it is.

    Args:
        step: the running call.
        size: how many at most.
    """
    return Effect(payload=freezing.let_go(step, size).payload)
