"""Measured use of a grant, with its predecessors (R3). Not measured is not zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from approvals.models import Grant, GrantUsage
from governance.core.database import compiled_queries

#: Weeks in the chart.
WEEKS = 26
#: Recent days, and the least measured days before them for a usual figure.
LATELY, BEFORE = 30, 60


@dataclass(frozen=True)
class Usage:
    """Measured use.

    Args:
        since: the first measured day.
        last_at: the last call, or None.
        calls_30, calls_90: allowed calls in so many days.
        refused_90: refused calls in 90 days.
        usual_30: average of allowed calls in 30 earlier days; None if too few days were measured.
        weeks: allowed calls by week, oldest first, with the present week last.
    """

    since: date
    last_at: datetime | None
    calls_30: int
    calls_90: int
    refused_90: int
    usual_30: int | None
    weeks: tuple[int, ...]

    def idle(self, now: datetime) -> int:
        """Days since the last call or, without a call, since the first measurement."""
        return (now.date() - self.since).days if self.last_at is None else (now - self.last_at).days


#: Grant, day, allowed calls, refused calls and last call of some grants.
DAYS = compiled_queries.Statement(
    lambda: (
        GrantUsage.objects.filter(compiled_queries.among_those("grants", "grant"))
        .order_by()
        .values_list("grant", "day", "allowed", "refused", "last_at")
    )
)
Day = tuple[int, date, int, int, datetime | None]


def grants_with_predecessors(grants: Iterable[Grant]) -> dict[int, list[Grant]]:
    """Each grant with its predecessors, latest first, by its id. One query for each generation."""
    chain_by_key = {grant.pk: [grant] for grant in grants}
    growing = [chain for chain in chain_by_key.values() if chain[-1].predecessor_id is not None]
    while growing:
        above = Grant.objects.in_bulk([chain[-1].predecessor_id for chain in growing])
        for chain in growing:
            chain[-1].predecessor = above[chain[-1].predecessor_id]
            chain.append(above[chain[-1].predecessor_id])
        growing = [chain for chain in growing if chain[-1].predecessor_id is not None]
    return chain_by_key


def usages(held: Mapping[int, Sequence[Grant]], now: datetime) -> dict[int, Usage]:
    """Measured use by the keys of `grants_with_predecessors`; grants without measurement are left out. At most one query."""
    if not held:
        return {}
    key_by_grant = {grant.pk: key for key, chain in held.items() for grant in chain}
    days: dict[int, list[Day]] = {}
    for day in DAYS(grants=list(key_by_grant)):
        days.setdefault(key_by_grant[day[0]], []).append(day)
    return {key: _usage(rows, now) for key, rows in days.items()}


def _usage(rows: Sequence[Day], now: datetime) -> Usage:
    today = now.date()
    calls = {30: 0, 90: 0}
    refused, before, first = 0, 0, min(day for _, day, *_ in rows)
    weeks = [0] * WEEKS
    for _, day, allowed, was_refused, _ in rows:
        ago = (today - day).days
        for within in calls:
            calls[within] += allowed if ago < within else 0
        refused += was_refused if ago < 90 else 0
        before += allowed if ago >= LATELY else 0
        if 0 <= ago // 7 < WEEKS:
            weeks[WEEKS - 1 - ago // 7] += allowed
    measured_before = (today - first).days - LATELY + 1
    return Usage(
        since=first,
        last_at=max((at for *_, at in rows if at is not None), default=None),
        calls_30=calls[30],
        calls_90=calls[90],
        refused_90=refused,
        usual_30=round(before * LATELY / measured_before) if measured_before >= BEFORE else None,
        weeks=tuple(weeks),
    )
