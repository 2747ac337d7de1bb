"""How a campaign stands, in figures: what is answered day by day, who is late, what came of it (R2, R6). Reads only, few queries each.

Who has a part in what a campaign reviews: they are asked in it, or gain from it (S4). Reads only.

What a campaign that is being filled shares with one that was called off: that lets it go first, and then it is taken in after all (R2). Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate

from approvals.models import Grant
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import cancelled_items
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item, ItemOutcome, ItemState, Question
from inventory.models import Automation

#: Reviewers that the table lists.
MOST = 100


@dataclass(frozen=True)
class Reviewer:
    """Somebody who is asked.

    Args:
        key, name: of the person.
        asked, answered, overdue: how many questions were put to them, how many of these are answered or settled, how many are late.
        due: when the next is due, or None.
    """

    key: int
    name: str
    asked: int
    answered: int
    overdue: int
    due: datetime | None

    @property
    def left(self) -> int:
        """How many still wait for them."""
        return self.asked - self.answered


def reviewers(items: QuerySet[Item], now: datetime) -> list[Reviewer]:
    """Whoever is asked about some items, who is late first; at most `MOST`, and one query."""
    waits = Q(answered_at__isnull=True, item__state__in=[ItemState.OPEN, ItemState.ESCALATED])
    rows = (
        Question.objects.filter(item__in=items.order_by().values("pk"))
        .order_by()
        .values("reviewer", "reviewer__name")
        .annotate(
            asked=Count("pk"),
            left=Count("pk", filter=waits),
            overdue=Count("pk", filter=waits & Q(item__deadline__lte=now)),
            due=Min("item__deadline", filter=waits),
        )
        .order_by("-overdue", "-left", "reviewer__name", "reviewer")[:MOST]
    )
    return [
        Reviewer(
            row["reviewer"],
            row["reviewer__name"],
            row["asked"],
            row["asked"] - row["left"],
            row["overdue"],
            row["due"],
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Standing:
    """How some items stand.

    Args:
        total: how many there are.
        waiting: that wait for an answer in time.
        late: that wait past their deadline, with the next person on the ladder.
        suspended: of these, what silence has suspended.
        answered: that were taken away and can be corrected still.
        nobody: about which nobody can be asked.
        outcomes: how many are closed, by outcome.
    """

    total: int
    waiting: int
    late: int
    suspended: int
    answered: int
    nobody: int
    outcomes: Mapping[str, int]

    @property
    def closed(self) -> int:
        """How many are closed."""
        return sum(self.outcomes.values())

    @property
    def unclosed(self) -> int:
        """How many are not."""
        return self.total - self.closed


def standing(items: QuerySet[Item], now: datetime) -> Standing:
    """How some items stand: one query."""
    is_open = Q(state__in=[ItemState.OPEN, ItemState.ESCALATED])
    found = items.order_by().aggregate(
        total=Count("pk"),
        waiting=Count("pk", filter=is_open & Q(deadline__gt=now, nobody=False)),
        late=Count("pk", filter=is_open & Q(deadline__lte=now, nobody=False)),
        suspended=Count("pk", filter=Q(state=ItemState.ESCALATED, suspended_at__isnull=False)),
        answered=Count("pk", filter=Q(state=ItemState.ANSWERED)),
        nobody=Count("pk", filter=Q(state__in=UNCLOSED, nobody=True)),
        **{f"of_{one}": Count("pk", filter=Q(state=ItemState.CLOSED, outcome=one)) for one in ItemOutcome.values},
    )
    outcomes = {one: found.pop(f"of_{one}") for one in ItemOutcome.values}
    return Standing(**found, outcomes={one: count for one, count in outcomes.items() if count})


def burn_down(
    items: QuerySet[Item], *, opened_at: datetime, until: datetime, now: datetime, zone: ZoneInfo
) -> list[tuple[date, int]]:
    """How many questions were left at the end of each day, from the first to today or the end, whichever is earlier: one query.

    A question is left until it is answered, or its item is closed without.

    Args:
        items: of the campaign.
        opened_at: when it was opened.
        until: when silence takes effect at the latest.
        now: business time.
        zone: in which days end.
    """
    done = TruncDate(Coalesce("answered_at", "item__closed_at"), tzinfo=zone)
    rows = Question.objects.filter(item__in=items.order_by().values("pk")).order_by()
    by_day = dict(rows.values_list(done).annotate(Count("pk")))
    first, last = opened_at.astimezone(zone).date(), min(now, until).astimezone(zone).date()
    left, found = sum(by_day.values()), []
    for ago in range((last - first).days + 1):
        day = first + timedelta(days=ago)
        left -= by_day.get(day, 0)
        found.append((day, left))
    return found


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


def in_the_way(campaign: Campaign, now: datetime) -> bool:
    """Whether something that a campaign is about is still to be let go by one that was called off."""
    about, left = Scope.of(campaign.scope), Item.objects.filter(cancelled_items.LET_GO).order_by()
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
    gone = Item.objects.filter(cancelled_items.NEVER_ASKED, campaign__state=CampaignState.CALLED_OFF)
    return gone.filter(closed_at__gte=campaign.snapshot_at).order_by().values(about)
