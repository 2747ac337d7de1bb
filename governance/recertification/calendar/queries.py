"""Coming reviews by week and tier, and due questions (R1). Reads only: three queries for any size.

The dates are those of `items.due_reviews.open_due`; an event can still bring one forward (`risk_increase`).
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Coalesce, Greatest, Least, TruncWeek

from approvals.models import Grant, GrantState
from approvals.policies import queries as policy_queries
from governance.recertification.items.answer_deadlines import OPENS_BEFORE
from governance.recertification.models import Question, under_review, with_tier
from governance.recertification.models.item import DUE
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
    opens: Counter[str] = field(default_factory=Counter)
    due: int = 0

    @property
    def count(self) -> int:
        """Number of items that open in it."""
        return self.opens.total()


def weeks(now: datetime, zone: ZoneInfo, people: Collection[int] | None) -> list[Week]:
    """The coming weeks, from the present one.

    Args:
        now: business time.
        zone: time zone of the weeks.
        people: ids of reviewers and owners; None for everybody.
    """
    today = now.astimezone(zone).date()
    mondays = [today + timedelta(weeks=ahead, days=-today.weekday()) for ahead in range(WEEKS)]
    by_monday = {monday: Week(monday) for monday in mondays}
    for rows in (_grants(now, people), _automations(now, people)):
        for tier, at, count in _by_week(rows, now, zone):
            if week := by_monday.get(at.astimezone(zone).date()):
                week.opens[tier] += count
    questions = Question.objects.unanswered() if people is None else Question.objects.open_for(people)
    due = questions.order_by().values_list(TruncWeek(DUE, tzinfo=zone)).annotate(Count("pk"))
    for at, count in due:
        if week := by_monday.get(at.astimezone(zone).date()):
            week.due += count
    return list(by_monday.values())


def _grants(now: datetime, people: Collection[int] | None) -> QuerySet[Any]:
    rows = Grant.objects.filter(~under_review(), state=GrantState.ACTIVE, renew=True, ends_at__gt=now)
    if people is not None:
        resources = Resource.objects.filter(owner__in=people).order_by()
        owned = Automation.objects.filter(_is_owned(people)).order_by()
        rows = rows.filter(Q(automation__in=owned.values("pk")) | Q(entitlement__resource__in=resources.values("pk")))
    live = with_tier(rows.filter(automation__state=AutomationState.LIVE))
    return live.annotate(at=Least(_review_at("begins_at", "tier_now", now), F("ends_at")))


def _automations(now: datetime, people: Collection[int] | None) -> QuerySet[Any]:
    rows = Automation.objects.filter(~under_review("automation"), state=AutomationState.LIVE)
    rows = rows.filter(_is_owned(people)) if people is not None else rows
    return rows.annotate(tier_now=F("tier"), at=_review_at("created_at", "tier", now))


def _is_owned(people: Collection[int]) -> Q:
    return Q(business_owner__in=people) | Q(technical_owner__in=people)


def _review_at(began: str, tier: str, now: datetime) -> Coalesce:
    """Expression for the review instant: the set date, or some days after the beginning (R1)."""
    policy = policy_queries.in_force(now)
    days = _by_tier(tier, {name: policy.review_after(name) for name in OPENS_BEFORE})
    return Coalesce(Cast("review_on", DateTimeField()), F(began) + days, output_field=DateTimeField())


def _by_tier(tier: str, days: dict[str, int]) -> Case:
    whens = (When(**{tier: name}, then=Value(timedelta(days=count))) for name, count in days.items())
    return Case(*whens, output_field=DurationField())


def _by_week(rows: QuerySet[Any], now: datetime, zone: ZoneInfo) -> QuerySet[Any, Any]:
    """Tier, beginning of the week and number of the items that open in it; overdue ones count for the present week."""
    opens = ExpressionWrapper(F("at") - _by_tier("tier_now", OPENS_BEFORE), output_field=DateTimeField())
    week = TruncWeek(Greatest(opens, Value(now), output_field=DateTimeField()), tzinfo=zone)
    ahead = now + timedelta(days=7 * WEEKS + max(OPENS_BEFORE.values()) + 7)
    return rows.filter(at__lte=ahead).order_by().values_list("tier_now", week).annotate(Count("pk"))
