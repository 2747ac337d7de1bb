"""Waivers for home, as lines that join another query: those that wait for its reader, their own, and what was waived and is held still (S7).

As with proposals (`proposals.waiting`) home asks no query more for them. Whether somebody may really decide is asked by the page of the waiver,
of the same duties as the write.
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

DECIDE, OWN, OVER = "decide", "own", "over"


@dataclass(frozen=True)
class Waiting:
    """One waiver as home shows it to its reader.

    Args:
        pk: its key; of what is over, the conflict's.
        title: of the rule.
        what: `DECIDE` where it waits for the reader, `OWN` where they asked for it and it waits for security, `OVER` where it is over.
        since: when it was asked for; of what is over, since when it is in conflict.
        days: for how long.
        due: by when that is to be resolved, if by any day.
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
        """Its page."""
        return reverse("conflict" if self.what == OVER else "waiver", args=[self.pk])


def rows(
    me: int | compiled_queries.Value,
    people: list[int] | compiled_queries.Value,
    now: datetime,
    *,
    decides: bool,
    most: int,
) -> QuerySet[Waiver]:
    """What waits for a person or is their own, longest first; each with the title of its rule (``called``) and all else as JSON (``told``) for `of`.

    Args:
        me: whose home it is, by key.
        people: they and whom they stand in for.
        now: business time.
        decides: whether they are security, who are shown what they do not gain by.
        most: how many at most.
    """
    own = Q(asked_by=me)
    others = ~Q(among(people, "asked_by")) & ~Q(beneficiaries__overlap=people) if decides else Q(pk__in=[])
    told = JSONObject(
        what=Case(When(own, then=Value(OWN)), default=Value(DECIDE), output_field=CharField()),
        automation="automation__name",
        by="asked_by__name",
        since="asked_at",
        days="days",
    )
    return (
        Waiver.objects.standing("", now)
        .filter(own | others)
        .order_by("asked_at", "pk")
        .titled()
        .annotate(called=F("title"), told=Cast(told, CharField()))[:most]
    )


def over(mine: list[int] | compiled_queries.Value, now: datetime, *, decides: bool, most: int) -> QuerySet[Conflict]:
    """What is in conflict still and was waived, those first that are so longest, as `rows` gives them.

    Args:
        mine: keys of whoever owns an automation that has a part in it.
        now: business time.
        decides: whether they are security, who hear of all.
        most: how many at most.
    """
    owned = Automation.objects.answered_by(mine, now).order_by().values("pk")
    theirs = Automation.objects.all() if decides else Automation.objects.answered_by(mine, now)
    named = theirs.filter(among(OuterRef("automations"))).order_by("name", "pk").values("name")
    told = JSONObject(
        what=Cast(Value(OVER), CharField()), since="opened_at", due="due_at", automation=Subquery(named[:1])
    )
    rows = Conflict.objects.standing("again", now)
    rows = rows if decides else rows.filter(automations__overlap=ArraySubquery(owned))
    return rows.order_by("opened_at", "pk").annotate(called=F("rule__title"), told=Cast(told, CharField()))[:most]


def of(pk: int, called: str, told: str) -> Waiting:
    """One row, read."""
    said: dict[str, Any] = json.loads(told)
    since, due = datetime.fromisoformat(said["since"]), said.get("due")
    more = (said.get("automation") or "", said.get("by", ""), since, said.get("days", 0))
    return Waiting(pk, called, said["what"], *more, due=datetime.fromisoformat(due) if due else None)


def longest(found: Iterable[Waiting]) -> list[Waiting]:
    """Those first that wait longest."""
    return sorted(found, key=lambda one: (one.since, one.pk))
