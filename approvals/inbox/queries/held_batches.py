"""Paused mass revocations that wait for the reader of home, as rows that join another query (G6)."""

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
class BatchRow:
    """One paused mass revocation as home shows it.

    Args:
        cause: the event that would end all the grants.
        number: how many grants it would end.
        since: when it was paused.
        due: deadline of both answers.
    """

    pk: int
    cause: str
    number: int
    since: datetime
    due: datetime

    @property
    def href(self) -> str:
        """URL of its page."""
        return reverse("held_batch", args=[self.pk])


def unanswered_batches(me: int | compiled_queries.Value, *, answers: bool, most: int) -> QuerySet[HeldBatch]:
    """Paused mass revocations that a security reviewer or an admin has not answered, nearest deadline first.

    Each has its cause (``called``) and the other columns as JSON (``told``), which `parse_row` parses. The person who caused it is left out.

    Args:
        me: key of the reader.
        answers: whether the reader has a role that answers (`ANSWERING`).
        most: maximum number of rows.
    """
    theirs = Q(cause__person__isnull=True) | ~Q(cause__person=me) if answers else Q(pk__in=())
    batch_answers = BatchAnswer.objects.filter(batch=OuterRef("pk"), person=me)
    batches = HeldBatch.objects.filter(theirs, ~Exists(batch_answers), state=BatchState.OPEN).annotate(
        how_many=Count("held")
    )
    details = JSONObject(number="how_many", since="opened_at", due="answer_by", person="cause__person__name")
    named = batches.annotate(called=F("cause__title"), told=Cast(details, CharField()))
    return named.order_by("answer_by", "pk")[:most]


def parse_row(pk: int, called: str, details_json: str) -> BatchRow:
    """Parse one row."""
    row: dict[str, Any] = json.loads(details_json)
    since, due = (datetime.fromisoformat(row[name]) for name in ("since", "due"))
    words = f"What {row['person']} ends" if row["person"] else called
    return BatchRow(pk, words, row["number"], since, due)


def sort_by_due_date(batches: Iterable[BatchRow]) -> list[BatchRow]:
    """Sort by due date."""
    return sorted(batches, key=lambda batch: (batch.due, batch.pk))
