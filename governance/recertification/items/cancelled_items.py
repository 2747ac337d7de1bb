"""What a campaign that was called off leaves behind: which of its items are closed for that, and which were never reviews (R2)."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from governance.recertification.models import CampaignState, ItemOutcome, ItemState, Joining

#: Items on which another campaign counts that was not called off (R5).
COUNTED_ON = Q(Exists(Joining.objects.filter(item=OuterRef("pk")).exclude(campaign__state=CampaignState.CALLED_OFF)))

#: Items of which nobody has settled anything. What silence has suspended stays until an answer comes or it ends (R6).
UNSETTLED = Q(state__in=[ItemState.OPEN, ItemState.ESCALATED], suspended_at__isnull=True)

#: Items that go with their campaign.
LET_GO = Q(campaign__state=CampaignState.CALLED_OFF) & UNSETTLED & ~COUNTED_ON

#: Items that are gone so: nobody was asked anything by them, so what they were opened for is asked again.
NEVER_ASKED = Q(outcome=ItemOutcome.CALLED_OFF)
