"""Figures of a campaign (progress by day, late reviewers, outcomes), and who has a part in it (R2, R6, S4).

It also finds the items that a filling campaign shares with a called-off one: that one must let them go first. Reads
only, with few queries each.
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

#: Most reviewers that the table lists.
MAX_REVIEWERS = 100


@dataclass(frozen=True)
class Reviewer:
    """A reviewer with their progress.

    Args:
        key, name: of the person.
        asked, answered, overdue: how many questions they got, have answered or had settled, and are late with.
        due: when their next question is due, or None.
    """

    key: int
    name: str
    asked: int
    answered: int
    overdue: int
    due: datetime | None

    @property
    def left(self) -> int:
        """Number of unanswered questions."""
        return self.asked - self.answered

    @property
    def percent(self) -> float:
        """Share of answered questions."""
        return self.answered / self.asked * 100


def late_reviewers(items: QuerySet[Item], now: datetime) -> list[Reviewer]:
    """Reviewers of some items, late ones first; at most `MAX_REVIEWERS`. One query."""
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
        .order_by("-overdue", "-left", "reviewer__name", "reviewer")[:MAX_REVIEWERS]
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
class ItemFigures:
    """Figures of some items.

    Args:
        total: number of items.
        waiting: open items before their deadline.
        late: open items past their deadline, handed to the next person on the ladder.
        suspended: late items that silence has suspended.
        answered: revoked items that can still be corrected.
        nobody: items without an eligible reviewer.
        outcomes: number of closed items by outcome.
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
        """Number of closed items."""
        return sum(self.outcomes.values())

    @property
    def unclosed(self) -> int:
        """Number of items that are not closed."""
        return self.total - self.closed


def count_items(items: QuerySet[Item], now: datetime) -> ItemFigures:
    """Count items by state and outcome. One query."""
    is_open = Q(state__in=[ItemState.OPEN, ItemState.ESCALATED])
    counts = items.order_by().aggregate(
        total=Count("pk"),
        waiting=Count("pk", filter=is_open & Q(deadline__gt=now, nobody=False)),
        late=Count("pk", filter=is_open & Q(deadline__lte=now, nobody=False)),
        suspended=Count("pk", filter=Q(state=ItemState.ESCALATED, suspended_at__isnull=False)),
        answered=Count("pk", filter=Q(state=ItemState.ANSWERED)),
        nobody=Count("pk", filter=Q(state__in=UNCLOSED, nobody=True)),
        **{
            f"of_{outcome}": Count("pk", filter=Q(state=ItemState.CLOSED, outcome=outcome))
            for outcome in ItemOutcome.values
        },
    )
    outcomes = {outcome: counts.pop(f"of_{outcome}") for outcome in ItemOutcome.values}
    return ItemFigures(**counts, outcomes={outcome: count for outcome, count in outcomes.items() if count})


def burn_down(items: QuerySet[Item], *, first: date, last: date, zone: ZoneInfo) -> tuple[list[tuple[date, int]], int]:
    """Unanswered questions at the end of each day, and the number of all questions. One query.

    A question counts until it is answered or its item is closed.

    Args:
        items: of the campaign.
        first, last: the days.
        zone: time zone in which days end.
    """
    done = TruncDate(Coalesce("answered_at", "item__closed_at"), tzinfo=zone)
    rows = Question.objects.filter(item__in=items.order_by().values("pk")).order_by()
    by_day = dict(rows.values_list(done).annotate(Count("pk")))
    left = total = sum(by_day.values())
    points = []
    for ago in range((last - first).days + 1):
        day = first + timedelta(days=ago)
        left -= by_day.get(day, 0)
        points.append((day, left))
    return points, total


def has_part(campaign: Campaign, people: Collection[int], now: datetime) -> bool:
    """Whether any of these people is a reviewer in a campaign or gains from its scope. A few queries for any size.

    Args:
        campaign: opening; not all of its scope needs to be in it yet.
        people: person ids.
        now: business time.
    """
    questions = Question.objects.filter(reviewer__in=people).order_by()
    if questions.filter(Q(item__campaign=campaign) | Q(item__joinings__campaign=campaign)).exists():
        return True
    scope = Scope.of(campaign.scope)
    gains = _owned_by("automation__", people)
    for approval in ("approval", "app_approval"):
        took_part = Grant.objects.filter(**{f"{approval}__submission__parties__person__in": people}).order_by()
        gains |= Q(pk__in=took_part.values("pk"))
    held = scope.grants(now).filter(gains)
    return held.exists() or scope.automations(now).filter(_owned_by("", people)).exists()


def _owned_by(at: str, people: Collection[int]) -> Q:
    """Condition for automations that these people own, as in `reviewers.gains`."""
    names = ("business_owner", "technical_owner", "interim__person")
    condition = Q()
    for name in names:
        condition |= Q(**{f"{at}{name}__in": people})
    return condition


def is_blocked_by_called_off(campaign: Campaign, now: datetime) -> bool:
    """Whether a called-off campaign still holds items that this campaign's scope names."""
    scope, left = Scope.of(campaign.scope), Item.objects.filter(cancelled_items.LET_GO).order_by()
    grants = scope.grants(now).filter(pk__lte=campaign.grants_until, pk__in=left.values("grant"))
    automations = scope.automations(now).filter(pk__lte=campaign.automations_until, pk__in=left.values("automation"))
    return grants.exists() or automations.exists()


def passed_over_grants(campaign: Campaign, now: datetime) -> QuerySet[Any]:
    """Grants that the campaign passed over while a called-off campaign held them; with any term left.

    Args:
        campaign: the campaign that is filled.
        now: business time.
    """
    rows = (
        Scope.of(campaign.scope)
        .grants(now)
        .filter(~_has_item(campaign, "grant"), pk__in=_let_go_keys(campaign, "grant"))
    )
    return rows.filter(pk__lte=campaign.grants_until)


def passed_over_automations(campaign: Campaign, now: datetime) -> QuerySet[Automation]:
    """Automations that the campaign passed over while a called-off campaign held them."""
    rows = Scope.of(campaign.scope).automations(now)
    rows = rows.filter(~_has_item(campaign, "automation"), pk__in=_let_go_keys(campaign, "automation"))
    return rows.filter(pk__lte=campaign.automations_until)


def _has_item(campaign: Campaign, field: str) -> Exists:
    """Condition: the row has an item in the campaign, or is under review."""
    return Exists(Item.objects.filter(Q(campaign=campaign) | Q(state__in=UNCLOSED), **{field: OuterRef("pk")}))


def _let_go_keys(campaign: Campaign, field: str) -> QuerySet[Any]:
    """Keys of rows that called-off campaigns let go after this campaign was opened."""
    closed_items = Item.objects.filter(cancelled_items.NEVER_ASKED, campaign__state=CampaignState.CALLED_OFF)
    return closed_items.filter(closed_at__gte=campaign.snapshot_at).order_by().values(field)
