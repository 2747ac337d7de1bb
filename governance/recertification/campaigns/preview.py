"""Preview of a campaign before it is opened: its size, and what is left out (R2). Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.recertification.campaigns import scope
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_by_tier
from governance.recertification.models import under_review


@dataclass(frozen=True)
class Preview:
    """Figures of a campaign that is not opened yet.

    Args:
        grants, automations: how many items of each kind there would be.
        joined: how many are already under review and would be joined.
        too_short: grants that end before silence could remove them, or that will not be renewed; not reviewed.
    """

    grants: int
    automations: int
    joined: int
    too_short: int

    @property
    def total(self) -> int:
        """Number of items, with those under review that would be joined."""
        return self.grants + self.automations + self.joined


def preview_campaign(campaign_scope: Scope, deadline: datetime, now: datetime) -> Preview:
    """Preview a campaign with this scope and deadline, opened at ``now``. Six queries for any size."""
    grants, automations = campaign_scope.grants(now), campaign_scope.automations(now)
    long_enough = scope.reviewable(grants, grace_by_tier(deadline))
    return Preview(
        grants=long_enough.filter(~under_review()).count(),
        automations=automations.filter(~under_review("automation")).count(),
        joined=grants.filter(under_review()).count() + automations.filter(under_review("automation")).count(),
        too_short=grants.count() - long_enough.count(),
    )
