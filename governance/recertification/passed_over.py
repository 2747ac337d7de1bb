"""What a campaign that is being filled shares with one that was called off: that lets it go first, and then it is taken in after all (R2). Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.recertification import called_off
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item
from governance.recertification.scope import Scope
from inventory.models import Automation


def in_the_way(campaign: Campaign, now: datetime) -> bool:
    """Whether something that a campaign is about is still to be let go by one that was called off."""
    about, left = Scope.of(campaign.scope), Item.objects.filter(called_off.LET_GO).order_by()
    grants = about.grants(now).filter(pk__lte=campaign.grants_until, pk__in=left.values("grant"))
    automations = about.automations(now).filter(pk__lte=campaign.automations_until, pk__in=left.values("automation"))
    return grants.exists() or automations.exists()


def grants(campaign: Campaign, now: datetime) -> QuerySet[Any]:
    """Grants that it came past while they were in a campaign that was called off and has let them go since, whatever is left of their term.

    Args:
        campaign: which is being filled.
        now: business time.
    """
    rows = Scope.of(campaign.scope).grants(now).filter(~_known(campaign, "grant"), pk__in=_let_go(campaign, "grant"))
    return rows.filter(pk__lte=campaign.grants_until)


def automations(campaign: Campaign, now: datetime) -> QuerySet[Automation]:
    """The same of automations."""
    rows = Scope.of(campaign.scope).automations(now)
    rows = rows.filter(~_known(campaign, "automation"), pk__in=_let_go(campaign, "automation"))
    return rows.filter(pk__lte=campaign.automations_until)


def _known(campaign: Campaign, about: str) -> Exists:
    """Whether a row has been in the campaign, or is under review."""
    return Exists(Item.objects.filter(Q(campaign=campaign) | Q(state__in=UNCLOSED), **{about: OuterRef("pk")}))


def _let_go(campaign: Campaign, about: str) -> QuerySet[Any]:
    """Keys of what was let go since the campaign was opened."""
    gone = Item.objects.filter(called_off.NEVER_ASKED, campaign__state=CampaignState.CALLED_OFF)
    return gone.filter(closed_at__gte=campaign.snapshot_at).order_by().values(about)
