"""Conditions for items of called-off campaigns: which close with the campaign, and which never asked anybody (R2)."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from governance.recertification.models import CampaignState, ItemOutcome, ItemState, Joining

#: Items that another campaign has joined and that was not called off (R5).
JOINED_BY_OTHERS = Q(
    Exists(Joining.objects.filter(item=OuterRef("pk")).exclude(campaign__state=CampaignState.CALLED_OFF))
)

#: Items without an outcome. Items suspended by silence are not among them: they wait for an answer or end (R6).
UNSETTLED = Q(state__in=[ItemState.OPEN, ItemState.ESCALATED], suspended_at__isnull=True)

#: Items that close with their called-off campaign.
LET_GO = Q(campaign__state=CampaignState.CALLED_OFF) & UNSETTLED & ~JOINED_BY_OTHERS

#: Items closed with their campaign. They asked nobody, so the same cause opens a review again.
NEVER_ASKED = Q(outcome=ItemOutcome.CALLED_OFF)
