"""What is known of how a grant was used, over all the grants that it renews (R3). Not measured is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals import grants
from approvals.models import Grant, GrantUsage

#: Weeks that are drawn.
WEEKS = 26


@dataclass(frozen=True)
class Usage:
    """What was measured.

    Args:
        last_at: the last call, or None when there was none.
        calls_30, calls_90: calls that were allowed in so many days.
        refused_90: calls that were refused in 90 days.
        weeks: allowed calls a week, oldest first, the present week last.
    """

    last_at: datetime | None
    calls_30: int
    calls_90: int
    refused_90: int
    weeks: tuple[int, ...]


def chain(grant: Grant) -> list[Grant]:
    """A grant and those that it renews, the latest first."""
    return [grant, *grants.predecessors(grant)]


def held_since(grant: Grant) -> datetime:
    """When it began to be held, renewals included."""
    return chain(grant)[-1].begins_at


def usage_of(held: Sequence[Grant], now: datetime) -> Usage | None:
    """How a grant was used; None when nothing measures it.

    Args:
        held: the grant and those that it renews (`chain`).
        now: business time.
    """
    rows = list(GrantUsage.objects.filter(grant__in=held))
    if not rows:
        return None
    today = now.date()

    def total(days: int, what: str) -> int:
        since = today - timedelta(days=days)
        return sum(getattr(row, what) for row in rows if row.day > since)

    weeks = [0] * WEEKS
    for row in rows:
        ago = (today - row.day).days // 7
        if 0 <= ago < WEEKS:
            weeks[WEEKS - 1 - ago] += row.allowed
    return Usage(
        last_at=max((row.last_at for row in rows if row.last_at is not None), default=None),
        calls_30=total(30, "allowed"),
        calls_90=total(90, "allowed"),
        refused_90=total(90, "refused"),
        weeks=tuple(weeks),
    )
