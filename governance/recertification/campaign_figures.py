"""How a campaign stands, in figures: what is answered day by day, who is late, what came of it (R2, R6). Reads only, few queries each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate

from governance.recertification.models import UNCLOSED, Item, ItemOutcome, ItemState, Question

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
