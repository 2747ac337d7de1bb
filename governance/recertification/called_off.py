"""What a campaign that was called off leaves behind: which of its items are closed for that, and which were never reviews (R2)."""

from __future__ import annotations

from django.db.models import Q

from governance.recertification.models import CampaignState, ItemOutcome, ItemState

#: Items that go with their campaign: nobody has settled them. What silence has suspended before stays, until an answer comes or it ends (R6).
LET_GO = Q(
    campaign__state=CampaignState.CALLED_OFF, state__in=[ItemState.OPEN, ItemState.ESCALATED], suspended_at__isnull=True
)

#: Items that are gone so: nobody was asked anything by them, so what they were opened for is asked again.
NEVER_ASKED = Q(outcome=ItemOutcome.CALLED_OFF)
