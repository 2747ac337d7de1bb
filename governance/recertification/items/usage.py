"""What is known of how a grant was used, over all the grants that it renews (R3). Not measured is not zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from approvals.models import Grant, GrantUsage
from governance.core.database import compiled_queries

#: Weeks that are drawn.
WEEKS = 26
#: Days of which the calls are counted, and days before them of which at least so many say what is usual.
LATELY, BEFORE = 30, 60


@dataclass(frozen=True)
class Usage:
    """What was measured.

    Args:
        since: the first day that was measured.
        last_at: the last call, or None when there was none.
        calls_30, calls_90: calls that were allowed in so many days.
        refused_90: calls that were refused in 90 days.
        usual_30: calls that 30 days used to bring before the last 30; None where too few days were measured.
        weeks: allowed calls a week, oldest first, the present week last.
    """

    since: date
    last_at: datetime | None
    calls_30: int
    calls_90: int
    refused_90: int
    usual_30: int | None
    weeks: tuple[int, ...]

    def idle(self, now: datetime) -> int:
        """Days since the last call or, where none was ever seen, since it is measured."""
        return (now.date() - self.since).days if self.last_at is None else (now - self.last_at).days


#: Day, grant, allowed, refused, last call of everything that was measured of some grants.
DAYS = compiled_queries.Statement(
    lambda: (
        GrantUsage.objects.filter(compiled_queries.among_those("grants", "grant"))
        .order_by()
        .values_list("grant", "day", "allowed", "refused", "last_at")
    )
)
Day = tuple[int, date, int, int, datetime | None]


def chains(grants: Iterable[Grant]) -> dict[int, list[Grant]]:
    """By the key of each grant: it and those that it renews, the latest first; a query for each renewal, however many grants there are."""
    found = {grant.pk: [grant] for grant in grants}
    growing = [one for one in found.values() if one[-1].predecessor_id is not None]
    while growing:
        above = Grant.objects.in_bulk([one[-1].predecessor_id for one in growing])
        for one in growing:
            one[-1].predecessor = above[one[-1].predecessor_id]
            one.append(above[one[-1].predecessor_id])
        growing = [one for one in growing if one[-1].predecessor_id is not None]
    return found


def usages(held: Mapping[int, Sequence[Grant]], now: datetime) -> dict[int, Usage]:
    """How some grants were used, by the keys of `chains`; without those that nothing measures. One query, or none for no grant."""
    if not held:
        return {}
    whose = {one.pk: key for key, chain in held.items() for one in chain}
    days: dict[int, list[Day]] = {}
    for day in DAYS(grants=list(whose)):
        days.setdefault(whose[day[0]], []).append(day)
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
