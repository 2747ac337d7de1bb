"""Held batches that wait for the reader of home, as lines that join another query (G6)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Cast, JSONObject
from django.urls import reverse

from approvals.models import BatchAnswer, BatchState, HeldBatch
from governance.core.database import compiled_queries


@dataclass(frozen=True)
class Waiting:
    """One batch as home shows it to its reader.

    Args:
        cause: what would end it all.
        number: how many grants.
        since: when it was held.
        due: until when both answer.
    """

    pk: int
    cause: str
    number: int
    since: datetime
    due: datetime

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("held_batch", args=[self.pk])


def rows(me: int | compiled_queries.Value, *, answers: bool, most: int) -> QuerySet[HeldBatch]:
    """What waits for a security reviewer or an admin who has not answered, what is due first first; each with its cause (``called``) and the
    rest as JSON (``told``) for `of`. Who caused it is not asked.

    Args:
        me: whose home it is, by key.
        answers: whether they are one of these (`ANSWERING`).
        most: how many at most.
    """
    theirs = Q(cause__person__isnull=True) | ~Q(cause__person=me) if answers else Q(pk__in=())
    said = BatchAnswer.objects.filter(batch=OuterRef("pk"), person=me)
    found = HeldBatch.objects.filter(theirs, ~Exists(said), state=BatchState.OPEN).annotate(how_many=Count("held"))
    told = JSONObject(number="how_many", since="opened_at", due="answer_by", person="cause__person__name")
    named = found.annotate(called=F("cause__title"), told=Cast(told, CharField()))
    return named.order_by("answer_by", "pk")[:most]


def of(pk: int, called: str, told: str) -> Waiting:
    """One row, read."""
    said: dict[str, Any] = json.loads(told)
    since, due = (datetime.fromisoformat(said[name]) for name in ("since", "due"))
    words = f"What {said['person']} ends" if said["person"] else called
    return Waiting(pk, words, said["number"], since, due)


def soonest(found: Iterable[Waiting]) -> list[Waiting]:
    """Those first that are due first."""
    return sorted(found, key=lambda one: (one.due, one.pk))
