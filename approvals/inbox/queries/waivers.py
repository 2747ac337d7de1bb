"""Waivers for home, as rows that join another query: open ones, the reader's own, and conflicts whose waiver has ended (S7).

As with proposals (`queries.proposals`), they need no query of their own. The waiver's page checks whether the reader may decide,
by the duties of the write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, CharField, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, JSONObject
from django.urls import reverse

from approvals.models import Conflict, Waiver
from governance.core.database import compiled_queries
from governance.core.database.key_filters import among
from inventory.models import Automation

DECIDE, REQUESTED, ENDED = "decide", "own", "over"


@dataclass(frozen=True)
class WaiverRow:
    """One waiver as home shows it.

    Args:
        pk: its key; with `ENDED`, the key of the conflict.
        title: title of the rule.
        what: `DECIDE` if it waits for the reader, `REQUESTED` if the reader asked for it, `ENDED` if it has ended.
        since: when it was asked for; with `ENDED`, when the conflict opened.
        days: its length in days.
        due: deadline of the conflict, if it has one.
    """

    pk: int
    title: str
    what: str
    automation: str
    by: str
    since: datetime
    days: int
    due: datetime | None = None

    @property
    def href(self) -> str:
        """URL of its page."""
        return reverse("conflict" if self.what == ENDED else "waiver", args=[self.pk])


def waivers_for(
    me: int | compiled_queries.Value,
    people: list[int] | compiled_queries.Value,
    now: datetime,
    *,
    decides: bool,
    most: int,
) -> QuerySet[Waiver]:
    """Waivers that wait for a person or were requested by them, oldest first.

    Each has the title of its rule (``called``) and the other columns as JSON (``told``), which `parse_row` parses.

    Args:
        me: key of the reader.
        people: keys of the reader and of the givers whose delegate they are.
        now: business time.
        decides: whether the reader is security. Security does not see waivers that benefit themself.
        most: maximum number of rows.
    """
    own_requests = Q(asked_by=me)
    others = ~Q(among(people, "asked_by")) & ~Q(beneficiaries__overlap=people) if decides else Q(pk__in=[])
    details = JSONObject(
        what=Case(When(own_requests, then=Value(REQUESTED)), default=Value(DECIDE), output_field=CharField()),
        automation="automation__name",
        by="asked_by__name",
        since="asked_at",
        days="days",
    )
    return (
        Waiver.objects.standing("", now)
        .filter(own_requests | others)
        .order_by("asked_at", "pk")
        .titled()
        .annotate(called=F("title"), told=Cast(details, CharField()))[:most]
    )


def conflicts_after_waiver(
    mine: list[int] | compiled_queries.Value, now: datetime, *, decides: bool, most: int
) -> QuerySet[Conflict]:
    """Conflicts that stand again after a waiver, oldest first, in the form of `waivers_for`.

    Args:
        mine: keys of the owners of a participating automation.
        now: business time.
        decides: whether the reader is security, who see all.
        most: maximum number of rows.
    """
    owned = Automation.objects.answered_by(mine, now).order_by().values("pk")
    theirs = Automation.objects.all() if decides else Automation.objects.answered_by(mine, now)
    automation_names = theirs.filter(among(OuterRef("automations"))).order_by("name", "pk").values("name")
    details = JSONObject(
        what=Cast(Value(ENDED), CharField()), since="opened_at", due="due_at", automation=Subquery(automation_names[:1])
    )
    conflicts = Conflict.objects.standing("again", now)
    conflicts = conflicts if decides else conflicts.filter(automations__overlap=ArraySubquery(owned))
    return conflicts.order_by("opened_at", "pk").annotate(called=F("rule__title"), told=Cast(details, CharField()))[
        :most
    ]


def parse_row(pk: int, called: str, details_json: str) -> WaiverRow:
    """Parse one row."""
    row: dict[str, Any] = json.loads(details_json)
    since, due = datetime.fromisoformat(row["since"]), row.get("due")
    details = (row.get("automation") or "", row.get("by", ""), since, row.get("days", 0))
    return WaiverRow(pk, called, row["what"], *details, due=datetime.fromisoformat(due) if due else None)


def sort_by_age(waivers: Iterable[WaiverRow]) -> list[WaiverRow]:
    """Sort by age, oldest first."""
    return sorted(waivers, key=lambda waiver: (waiver.since, waiver.pk))
