"""Duties of campaigns: when each step is due (R2, R5)."""

from __future__ import annotations

from datetime import datetime

from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.recertification.items.rules import state_duty
from governance.recertification.models import Campaign, CampaignKind, CampaignState, Question


def _named_once(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    if not subject._state.adding:
        return Refusal("R2", "state", "It was opened already.")
    campaigns = Campaign.objects.filter(kind=CampaignKind.ADHOC, name=subject.name.strip()).exclude(
        state=CampaignState.CLOSED
    )
    if not campaigns.exists():
        return None
    return Refusal("R2", "state", "A campaign of this name is under way.", "Look at that one, or give it another name.")


def _frozen(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    if not subject.is_frozen:
        return Refusal("R2", "state", "Not all of it is in the campaign yet.")
    return None if subject.has_unasked else Refusal("R2", "state", "All of it is asked.")


def _all_asked(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    if not subject.is_frozen or subject.has_unasked:
        return Refusal("R2", "state", "Not all of it is asked yet.")
    return None


NAMED_ONCE = Duty("R2", "R2", "A name belongs to one running campaign.", _named_once, ("campaign_name_once",))
WAITS_FOR_SOMEBODY = state_duty(
    "R5",
    "R5",
    "Only reviewers with unanswered questions are reminded.",
    lambda campaign, now, context: Question.objects.unanswered().filter(item__campaign=campaign).exists(),
    "Everybody has answered.",
)
NOT_FROZEN = state_duty(
    "R2",
    "R2",
    "A campaign is filled until its whole scope is in it.",
    lambda campaign, now, context: not campaign.is_frozen,
    "All of it is in the campaign.",
)
FROZEN = Duty("R2", "R2", "Questions are assigned when the whole scope of a campaign is in it.", _frozen)
ALL_ASKED = Duty("R2", "R2", "A campaign opens when all its items are assigned.", _all_asked)
