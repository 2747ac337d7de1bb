"""The tier of an automation whatever it runs as, and whatever it is joined with: what it lends to those (I5, A16). Reads only."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import CharField, F, OuterRef, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from governance.core.database.key_filters import among
from inventory.models import Assessment, Version
from inventory.risk.tiers import Tier

#: Of an assessment; those made before that was noted say only what came out.
JUDGED = Coalesce(KeyTextTransform("own", "levels"), F("tier"), output_field=CharField())


def tier(own_tier_value: str, raised_to: str) -> Tier:
    """As it was judged, or as a person raised it, which takes no new assessment (T2)."""
    return max(Tier.of(own_tier_value), Tier.of(raised_to or "low"))


def of_approved(automations: Collection[int]) -> dict[int, Tier]:
    """Of some automations the tier of what is approved, each by itself; one query."""
    newest = Assessment.objects.filter(version=OuterRef("pk")).order_by("-pk").values(own=JUDGED)[:1]
    approved = Version.objects.filter(among(automations, "approved_for")).annotate(own=Subquery(newest)).order_by()
    columns = ("approved_for", "approved_for__tier", "approved_for__raised_to", "own")
    return {
        pk: tier(own_tier_value or stands, raised)
        for pk, stands, raised, own_tier_value in approved.values_list(*columns)
    }
