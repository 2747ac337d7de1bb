"""Revocation tasks that wait for the reader of home, as rows that join another query (G4).

As with proposals and waivers, they need no query of their own. The task's page checks whether the reader may confirm the removal.
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
class TaskRow:
    """One revocation task as home shows it.

    Args:
        automation: the automation that held the grant.
        on: the target system of the removal; may be empty.
        since: when the task was opened.
        due: its deadline.
    """

    pk: int
    automation: str
    on: str
    since: datetime
    due: datetime

    @property
    def href(self) -> str:
        """URL of its page."""
        return reverse("revocation", args=[self.pk])


def tasks_for(people: list[int] | compiled_queries.Value, *, most: int) -> QuerySet[RevocationTask]:
    """Revocation tasks that wait for some people, nearest deadline first.

    Each has its automation (``called``) and the other columns as JSON (``told``), which `parse_row` parses.

    Args:
        people: keys of a person and of the givers whose delegate they are.
        most: maximum number of rows.
    """
    on = Coalesce("grant__entitlement__resource__name", "grant__approval__decided_on__name")
    details = JSONObject(on=on, since="opened_at", due="due_at")
    waiting = RevocationTask.objects.put_to(people).order_by("due_at", "pk")
    return waiting.annotate(called=F("grant__automation__name"), told=Cast(details, CharField()))[:most]


def parse_row(pk: int, called: str, details_json: str) -> TaskRow:
    """Parse one row."""
    row: dict[str, Any] = json.loads(details_json)
    since, due = (datetime.fromisoformat(row[name]) for name in ("since", "due"))
    return TaskRow(pk, called, row["on"] or "", since, due)


def sort_by_due_date(tasks: Iterable[TaskRow]) -> list[TaskRow]:
    """Sort by due date."""
    return sorted(tasks, key=lambda task: (task.due, task.pk))
