"""Figures of a campaign: its size before, progress by day, late reviewers and outcomes (R2, R6). Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate

from governance.recertification.campaigns import scope
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_by_tier
from governance.recertification.models import UNCLOSED, WAITING, Item, ItemOutcome, ItemState, Question, under_review

#: Most reviewers that the table lists.
MAX_REVIEWERS = 100


@dataclass(frozen=True)
class Reviewer:
    """A reviewer with their progress.

    Args:
        name: of the person.
        asked, answered, overdue: how many questions they got, have answered or had settled, and are late with.
        due: when their next question is due, or None.
    """

    name: str
    asked: int
    answered: int
    overdue: int
    due: datetime | None

    @property
    def percent(self) -> float:
        """Share of answered questions."""
        return self.answered / self.asked * 100


def late_reviewers(items: QuerySet[Item], now: datetime) -> list[Reviewer]:
    """Reviewers of some items, late ones first; at most `MAX_REVIEWERS`. One query."""
    waits = Q(answered_at__isnull=True, item__state__in=WAITING)
    rows = (
        Question.objects.filter(item__in=items.order_by().values("pk"))
        .order_by()
        .values("reviewer", name=F("reviewer__name"))
        .annotate(
            asked=Count("pk"),
            left=Count("pk", filter=waits),
            overdue=Count("pk", filter=waits & Q(item__deadline__lte=now)),
            due=Min("item__deadline", filter=waits),
        )
        .order_by("-overdue", "-left", "name", "reviewer")[:MAX_REVIEWERS]
    )
    return [Reviewer(row["name"], row["asked"], row["asked"] - row["left"], row["overdue"], row["due"]) for row in rows]


@dataclass(frozen=True)
class ItemFigures:
    """Figures of some items.

    Args:
        total: number of items.
        waiting: open items before their deadline.
        late: open items past their deadline, handed to the next person on the escalation chain.
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


def count_items(items: QuerySet[Item], now: datetime) -> ItemFigures:
    """Count items by state and outcome. One query."""
    is_open = Q(state__in=WAITING)
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
