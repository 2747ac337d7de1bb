"""Tier of an automation by itself, without its identities' and its chain's influence (I5, A16). Reads only."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import CharField, F, OuterRef, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from governance.core.database.key_filters import among
from inventory.models import Assessment, Version
from inventory.risk.tiers import Tier

#: Own tier of an assessment; older assessments have the resulting tier only.
JUDGED = Coalesce(KeyTextTransform("own", "levels"), F("tier"), output_field=CharField())


def own_tier(own_tier_value: str, raised_to: str) -> Tier:
    """Assessed tier, or the tier that a person raised it to (T2)."""
    return max(Tier.of(own_tier_value), Tier.of(raised_to or "low"))


def approved_tiers(automations: Collection[int]) -> dict[int, Tier]:
    """Own tiers of the approved versions of some automations; one query."""
    newest = Assessment.objects.filter(version=OuterRef("pk")).order_by("-pk").values(own=JUDGED)[:1]
    approved = Version.objects.filter(among(automations, "approved_for")).annotate(own=Subquery(newest)).order_by()
    columns = ("approved_for", "approved_for__tier", "approved_for__raised_to", "own")
    return {
        pk: own_tier(own_tier_value or stands, raised)
        for pk, stands, raised, own_tier_value in approved.values_list(*columns)
    }
