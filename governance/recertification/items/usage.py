"""Measured use of a grant, with its predecessors (R3). Not measured is not zero."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from approvals.models import GrantUsage

#: Weeks in the chart.
WEEKS = 26
#: Recent days, and the least measured days before them for a usual figure.
LATELY, BEFORE = 30, 60

#: Day, allowed calls, refused calls and last call.
Day = tuple[date, int, int, datetime | None]


@dataclass(frozen=True)
class Usage:
    """Measured use.

    Args:
        since: the first measured day.
        last_at: the last call, or None.
        idle: days since the last call or, without a call, since the first measurement.
        calls_30, calls_90: allowed calls in so many days.
        refused_90: refused calls in 90 days.
        usual_30: average of allowed calls in 30 earlier days; None if too few days were measured.
        weeks: allowed calls by week, oldest first, with the present week last.
    """

    since: date
    last_at: datetime | None
    idle: int
    calls_30: int
    calls_90: int
    refused_90: int
    usual_30: int | None
    weeks: tuple[int, ...]

    @property
    def chart_label(self) -> str:
        """The finding of the chart, for readers who don't see it."""
        return f"Calls a week for {WEEKS} weeks: at most {max(self.weeks):,}, {self.weeks[-1]:,} in the last"


def load_usage(approvals: Collection[int], now: datetime) -> dict[int, Usage]:
    """Measured use by the approval of a grant, which its successors share; unmeasured ones are left out. One query."""
    days: dict[int, list[Day]] = {}
    rows = GrantUsage.objects.filter(grant__approval__in=approvals).order_by()
    for row in rows.values("grant__approval", "day", "allowed", "refused", "last_at"):
        day = (row["day"], row["allowed"], row["refused"], row["last_at"])
        days.setdefault(row["grant__approval"], []).append(day)
    return {approval: _usage(measured, now) for approval, measured in days.items()}


def _usage(rows: Sequence[Day], now: datetime) -> Usage:
    today, since = now.date(), min(day for day, *_ in rows)
    measured = [((today - day).days, allowed, refused) for day, allowed, refused, _ in rows]
    last_at = max((at for *_, at in rows if at is not None), default=None)
    before, measured_before = sum(allowed for ago, allowed, _ in measured if ago >= LATELY), (today - since).days - 29
    weeks = [0] * WEEKS
    for ago, allowed, _ in measured:
        if 0 <= ago // 7 < WEEKS:
            weeks[WEEKS - 1 - ago // 7] += allowed
    return Usage(
        since=since,
        last_at=last_at,
        idle=max(0, (today - since).days if last_at is None else (now - last_at).days),
        calls_30=sum(allowed for ago, allowed, _ in measured if ago < LATELY),
        calls_90=sum(allowed for ago, allowed, _ in measured if ago < 90),
        refused_90=sum(refused for ago, _, refused in measured if ago < 90),
        usual_30=round(before * LATELY / measured_before) if measured_before >= BEFORE else None,
        weeks=tuple(weeks),
    )
