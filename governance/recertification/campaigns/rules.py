"""Duties of campaigns: when each step is due (R2)."""

from datetime import datetime

from governance.core.access import Actor, Refusal, duty
from governance.recertification.models import Campaign, CampaignKind, CampaignState


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


@duty("R2")
def not_frozen(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A campaign is filled until its whole scope is in it."""
    return Refusal("R2", "state", "The campaign has its whole scope.") if subject.is_frozen else None


@duty("R2")
def all_asked(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A campaign opens when all its items are assigned."""
    if subject.is_frozen and not subject.has_unasked:
        return None
    return Refusal("R2", "state", "The campaign has items without a reviewer yet.")
