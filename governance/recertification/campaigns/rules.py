"""Duties of campaigns: when each step is due (R2, R5)."""

from __future__ import annotations

from datetime import datetime

from governance.core.actors.actor import Actor
from governance.core.duties.duty import duty
from governance.core.duties.refusals import Refusal
from governance.recertification.items.rules import state_duty
from governance.recertification.models import Campaign, CampaignKind, CampaignState, Question


@duty("R2", backed_by=("campaign_name_once",))
def named_once(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A name belongs to one running campaign."""
    if not subject._state.adding:
        return Refusal("R2", "state", "It is already open.")
    campaigns = Campaign.objects.filter(kind=CampaignKind.ADHOC, name=subject.name.strip()).exclude(
        state=CampaignState.CLOSED
    )
    if not campaigns.exists():
        return None
    return Refusal("R2", "state", "A running campaign has this name.", "Choose another name.")


@duty("R2")
def frozen(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """Questions are assigned when the whole scope of a campaign is in it."""
    if not subject.is_frozen:
        return Refusal("R2", "state", "The campaign does not have its whole scope yet.")
    return None if subject.has_unasked else Refusal("R2", "state", "All its items are assigned.")


WAITS_FOR_SOMEBODY = state_duty(
    "R5",
    "Only reviewers with unanswered questions are reminded.",
    lambda campaign, now, context: Question.objects.unanswered().filter(item__campaign=campaign).exists(),
    "All reviewers have answered.",
)
NOT_FROZEN = state_duty(
    "R2",
    "A campaign is filled until its whole scope is in it.",
    lambda campaign, now, context: not campaign.is_frozen,
    "The campaign has its whole scope.",
)
ALL_ASKED = state_duty(
    "R2",
    "A campaign opens when all its items are assigned.",
    lambda campaign, now, context: campaign.is_frozen and not campaign.has_unasked,
    "The campaign has items without a reviewer yet.",
)
