"""Duties of campaigns: who may open or call off a campaign, and when each step is due (R2, R5)."""

from __future__ import annotations

from datetime import datetime

from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import snapshot
from governance.recertification.items import cancelled_items
from governance.recertification.items.rules import state_duty
from governance.recertification.models import OVER, Campaign, CampaignKind, Item, Question


def _named_once(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    if not subject._state.adding:
        return Refusal("R2", "state", "It was opened already.")
    campaigns = Campaign.objects.filter(kind=CampaignKind.ADHOC, name=subject.name.strip()).exclude(state__in=OVER)
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
    if campaign_queries.is_blocked_by_called_off(subject, now) or snapshot.is_passed_over(subject, now):
        return Refusal("R2", "state", "Some of it is in a campaign that was called off and has not let it go yet.")
    return None


def _no_part(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    people = {person.pk for person in actor.people if person.pk != subject.opened_by_id}
    if not people or not campaign_queries.has_part(subject, people, now):
        return None
    opening = "You, or whom you stand in for, are" if actor.standing_for is not None else "You are"
    sentence = f"{opening} asked in it, or gain from something that it reviews, and did not open it."
    next_step = "Ask whoever opened it, or an admin or somebody in security who has no part in it."
    return Refusal("SOD-4", "duty", sentence, next_step)


NAMED_ONCE = Duty("R2", "R2", "A name belongs to one running campaign.", _named_once, ("campaign_name_once",))
NO_PART = Duty(
    "SOD-4", "S4", "The opener calls a campaign off, or a person who has no part in it and gains nothing.", _no_part
)
LEFT_OPEN = state_duty(
    "R2",
    "R2",
    "Unsettled items of a called-off campaign close.",
    lambda campaign, now, context: Item.objects.filter(cancelled_items.LET_GO, campaign=campaign).exists(),
    "Nothing in it waits any more.",
)
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
    lambda campaign, now, context: not campaign.is_frozen or snapshot.is_passed_over(campaign, now),
    "All of it is in the campaign.",
)
FROZEN = Duty("R2", "R2", "Questions are assigned when the whole scope of a campaign is in it.", _frozen)
ALL_ASKED = Duty(
    "R2", "R2", "A campaign opens when all its items are assigned and shared items have been let go.", _all_asked
)
