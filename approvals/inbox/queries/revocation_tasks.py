"""Revocation tasks that wait for the reader of home, as lines that join another query (G4).

As with proposals and waivers home asks no query more for them. Whether somebody may really say that it is gone is asked by the task's page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, QuerySet
from django.db.models.functions import Cast, Coalesce, JSONObject
from django.urls import reverse

from approvals.models import RevocationTask
from governance.core.database import compiled_queries


@dataclass(frozen=True)
class Waiting:
    """One task as home shows it to its reader.

    Args:
        automation: what held it.
        on: where it is to be taken away; may be empty.
        since: when it was opened.
        due: until when it should be done.
    """

    pk: int
    automation: str
    on: str
    since: datetime
    due: datetime

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("revocation", args=[self.pk])


def rows(people: list[int] | compiled_queries.Value, *, most: int) -> QuerySet[RevocationTask]:
    """What waits for some people, what is due first first; each with the automation (``called``) and all else as JSON (``told``) for `of`.

    Args:
        people: a person and whom they stand in for, by key.
        most: how many at most.
    """
    on = Coalesce("grant__entitlement__resource__name", "grant__approval__decided_on__name")
    told = JSONObject(on=on, since="opened_at", due="due_at")
    waiting = RevocationTask.objects.put_to(people).order_by("due_at", "pk")
    return waiting.annotate(called=F("grant__automation__name"), told=Cast(told, CharField()))[:most]


def of(pk: int, called: str, told: str) -> Waiting:
    """One row, read."""
    said: dict[str, Any] = json.loads(told)
    since, due = (datetime.fromisoformat(said[name]) for name in ("since", "due"))
    return Waiting(pk, called, said["on"] or "", since, due)


def soonest(found: Iterable[Waiting]) -> list[Waiting]:
    """Those first that are due first."""
    return sorted(found, key=lambda one: (one.due, one.pk))
