"""Who has a part in what a campaign reviews: they are asked in it, or gain from it (S4). Reads only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from approvals.models import Grant
from governance.recertification.models import Campaign, Question
from governance.recertification.scope import Scope


def has_part(campaign: Campaign, people: Collection[int], now: datetime) -> bool:
    """Whether some people are asked in a campaign, or gain from what it is about, in it already or not: a few queries, whatever its size.

    Args:
        campaign: which is being opened.
        people: their keys.
        now: business time.
    """
    asked = Question.objects.filter(reviewer__in=people).order_by()
    if asked.filter(Q(item__campaign=campaign) | Q(item__joinings__campaign=campaign)).exists():
        return True
    about = Scope.of(campaign.scope)
    gains = _owned("automation__", people)
    for approval in ("approval", "app_approval"):
        took_part = Grant.objects.filter(**{f"{approval}__submission__parties__person__in": people}).order_by()
        gains |= Q(pk__in=took_part.values("pk"))
    held = about.grants(now).filter(gains)
    return held.exists() or about.automations(now).filter(_owned("", people)).exists()


def _owned(at: str, people: Collection[int]) -> Q:
    """Theirs, as `reviewers.gains` says of one item."""
    names = ("business_owner", "technical_owner", "interim__person")
    found = Q()
    for name in names:
        found |= Q(**{f"{at}{name}__in": people})
    return found
