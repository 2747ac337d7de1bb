"""Coming reviews by week and tier, and due questions (R1). Reads only: three queries for any size.

The dates are those of `reminders.jobs.open_due`; an event can still bring one forward (`risk_increase`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Coalesce, Greatest, Least, TruncDate, TruncWeek

from approvals.models import Grant, GrantState
from approvals.policies import queries as policy_queries
from governance.recertification.campaigns import scope
from governance.recertification.items import due_dates
from governance.recertification.items.schedule import OPENS_BEFORE
from governance.recertification.models import Question
from inventory.models import Automation, AutomationState, Resource

#: Weeks to show: three months.
WEEKS = 13


@dataclass
class Week:
    """One week.

    Args:
        first: its Monday.
        opens: number of items that open in it, by tier.
        due: number of open questions that are due in it.
    """

    first: date
    opens: dict[str, int] = field(default_factory=dict)
    due: int = 0

    @property
    def last(self) -> date:
        """Its Sunday."""
        return self.first + timedelta(days=6)

    @property
    def count(self) -> int:
        """Number of items that open in it."""
        return sum(self.opens.values())


def weeks(now: datetime, zone: ZoneInfo, people: Collection[int] | None) -> list[Week]:
    """The coming weeks, from the present one.

    Args:
        now: business time.
        zone: time zone of the weeks.
        people: ids of reviewers and owners; None for everybody.
    """
    today = now.astimezone(zone).date()
    weeks_by_monday = {
        monday: Week(monday)
        for monday in (today - timedelta(days=today.weekday()) + timedelta(weeks=n) for n in range(WEEKS))
    }
    for rows in (_grants(now, people), _automations(now, people)):
        for tier, monday, count in _by_week(rows, now, zone, list(weeks_by_monday)[-1] + timedelta(days=7)):
            if monday in weeks_by_monday:
                weeks_by_monday[monday].opens[tier] = weeks_by_monday[monday].opens.get(tier, 0) + count
    for day, count in deadlines(people, zone):
        monday = day - timedelta(days=day.weekday())
        if monday in weeks_by_monday:
            weeks_by_monday[monday].due += count
    return list(weeks_by_monday.values())


def deadlines(people: Collection[int] | None, zone: ZoneInfo) -> list[tuple[date, int]]:
    """Number of unanswered questions by due day, of these people or of everybody. One query."""
    rows = Question.objects.unanswered() if people is None else Question.objects.open_for(people)
    counts: dict[date, int] = defaultdict(int)
    for day, count in rows.order_by().values_list(TruncDate(due_dates.DUE, tzinfo=zone)).annotate(Count("pk")):
        counts[day] += count
    return sorted(counts.items())


def _grants(now: datetime, people: Collection[int] | None) -> QuerySet[Any]:
    rows = scope.with_tier(Grant.objects.filter(state=GrantState.ACTIVE, renew=True, ends_at__gt=now))
    if people is not None:
        owned = Automation.objects.filter(Q(business_owner__in=people) | Q(technical_owner__in=people)).order_by()
        resources = Resource.objects.filter(owner__in=people).order_by()
        rows = rows.filter(Q(automation__in=owned.values("pk")) | Q(entitlement__resource__in=resources.values("pk")))
    at = Least(_review_at("begins_at", "counted_tier_now", now), F("ends_at"))
    return rows.filter(~scope.under_review(), automation__state=AutomationState.LIVE).annotate(
        tier_now=F("counted_tier_now"), at=at
    )


def _automations(now: datetime, people: Collection[int] | None) -> QuerySet[Any]:
    rows = Automation.objects.filter(state=AutomationState.LIVE)
    if people is not None:
        rows = rows.filter(Q(business_owner__in=people) | Q(technical_owner__in=people))
    return rows.filter(~scope.under_review("automation")).annotate(
        tier_now=F("tier"), at=_review_at("created_at", "tier", now)
    )


def _review_at(began: str, tier: str, now: datetime) -> Coalesce:
    """Expression for the review instant: the set date, or some days after the beginning (R1)."""
    policy = policy_queries.in_force(now)
    days = _by_tier(tier, {name: policy.review_after(name) for name in OPENS_BEFORE})
    return Coalesce(Cast("review_on", DateTimeField()), F(began) + days, output_field=DateTimeField())


def _by_tier(tier: str, days: dict[str, int]) -> Case:
    whens = (When(**{tier: name}, then=Value(timedelta(days=count))) for name, count in days.items())
    return Case(*whens, output_field=DurationField())


def _by_week(rows: QuerySet[Any], now: datetime, zone: ZoneInfo, until: date) -> list[tuple[str, date, int]]:
    """Number of opening items by tier and week; overdue ones count for the present week."""
    opens = ExpressionWrapper(F("at") - _by_tier("tier_now", OPENS_BEFORE), output_field=DateTimeField())
    week = TruncWeek(Greatest(opens, Value(now), output_field=DateTimeField()), tzinfo=zone)
    ahead = now + timedelta(days=7 * WEEKS + max(OPENS_BEFORE.values()) + 7)
    rows_by_week = rows.filter(at__lte=ahead).order_by().values_list("tier_now", week).annotate(Count("pk"))
    return [
        (tier, at.astimezone(zone).date(), count)
        for tier, at, count in rows_by_week
        if at.astimezone(zone).date() < until
    ]
