"""Figures of a campaign: its size before, progress by day, late reviewers, outcomes, and when silence counts (R2, R6).

Reads only.
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncDate

from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import answer_deadlines
from governance.recertification.models import UNCLOSED, WAITING, Item, ItemOutcome, ItemState, Question, under_review
from governance.recertification.models.item import DUE, Answer, AnswerKind

#: Most reviewers that the table lists.
MAX_REVIEWERS = 100


def grace_by_tier(deadline: datetime) -> dict[str, datetime]:
    """By tier, when silence takes effect in a campaign with this deadline (R6)."""
    return answer_deadlines.grace_after(deadline, organisation_zone(), organisation_holidays())


def late_reviewers(items: QuerySet[Item], now: datetime) -> QuerySet[Question, Any]:
    """Reviewers of some items with their progress, late ones first; at most `MAX_REVIEWERS`. One query.

    Each has its name, the numbers of questions that are asked, answered, no longer asked and overdue, the share of answered
    ones in percent, and when the next one is due.
    """
    waits = Q(answered_at__isnull=True, item__state__in=WAITING)
    return (
        Question.objects.filter(item__in=items.order_by().values("pk"))
        .order_by()
        .alias(due_at=DUE)
        .values("reviewer", name=F("reviewer__name"))
        .annotate(
            asked=Count("pk"),
            answered=Count("answered_at"),
            left=Count("pk", filter=waits),
            overdue=Count("pk", filter=waits & Q(due_at__lte=now)),
            due=Min("due_at", filter=waits),
        )
        .annotate(dropped=F("asked") - F("answered") - F("left"), percent=F("answered") * 100.0 / F("asked"))
        .order_by("-overdue", "-left", "name", "reviewer")[:MAX_REVIEWERS]
    )


def count_items(items: QuerySet[Item], now: datetime) -> dict[str, int]:
    """Count items in one query.

    Returns:
        ``total``; ``waiting``: open before their deadline; ``late``: open past it; ``suspended``: late ones that silence
        has suspended; ``answered``: revoked ones that can still be corrected; ``nobody``: without an eligible reviewer;
        and closed ones by each `ItemOutcome`.
    """
    is_open = Q(state__in=WAITING)
    return items.order_by().aggregate(
        total=Count("pk"),
        waiting=Count("pk", filter=is_open & Q(deadline__gt=now, nobody=False)),
        late=Count("pk", filter=is_open & Q(deadline__lte=now, nobody=False)),
        suspended=Count("pk", filter=Q(state=ItemState.ESCALATED, suspended_at__isnull=False)),
        answered=Count("pk", filter=Q(state=ItemState.ANSWERED)),
        nobody=Count("pk", filter=Q(state__in=UNCLOSED, nobody=True)),
        **{outcome: Count("pk", filter=Q(state=ItemState.CLOSED, outcome=outcome)) for outcome in ItemOutcome.values},
    )


def burn_down(items: QuerySet[Item], *, first: date, last: date, zone: ZoneInfo) -> tuple[list[tuple[date, int]], int]:
    """Unanswered questions at the end of each day, and the number of all questions. One query.

    A question counts until it is answered, an answer to the other one revokes, or its item is closed.

    Args:
        items: of the campaign.
        first, last: the days.
        zone: time zone in which days end.
    """
    revokes = Answer.objects.filter(question__item=OuterRef("item"), answer=AnswerKind.REVOKE, superseded_by=None)
    done = TruncDate(Coalesce("answered_at", Subquery(revokes.values("at")[:1]), "item__closed_at"), tzinfo=zone)
    rows = Question.objects.filter(item__in=items.order_by().values("pk")).order_by()
    by_day = dict(rows.values_list(done).annotate(Count("pk")))
    left = total = sum(by_day.values())
    points = []
    for ago in range((last - first).days + 1):
        day = first + timedelta(days=ago)
        left -= by_day.get(day, 0)
        points.append((day, left))
    return points, total


def preview_campaign(campaign_scope: Scope, deadline: datetime, now: datetime) -> dict[str, int]:
    """Preview a campaign with this scope and deadline, opened at ``now``. Six queries for any size.

    Returns:
        ``grants`` and ``automations``: how many new items there would be; ``joined``: how many are already under review;
        ``total``: all of these; ``too_short``: grants that end before silence could remove them, or that will not be renewed.
    """
    grants, automations = campaign_scope.grants(now), campaign_scope.automations(now)
    long_enough = scope.reviewable(grants, grace_by_tier(deadline))
    counts = {
        "grants": long_enough.filter(~under_review()).count(),
        "automations": automations.filter(~under_review("automation")).count(),
        "joined": grants.filter(under_review()).count() + automations.filter(under_review("automation")).count(),
    }
    return {**counts, "total": sum(counts.values()), "too_short": grants.count() - long_enough.count()}
