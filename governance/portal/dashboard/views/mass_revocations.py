"""Home's group of paused mass revocations, for security and admins, before all others (G6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.inbox.queries import held_batches
from approvals.inbox.queries.held_batches import BatchRow
from governance.web.components import times

Shape = dict[str, Any]

#: Most rows; a link leads to the others.
MOST = 8


def batch_group(batches: Iterable[BatchRow]) -> Shape:
    """Group of paused mass revocations."""
    rows = [_row(batch) for batch in held_batches.sort_by_due_date(batches)]
    return {
        "key": "batches",
        "title": "Held: too much would end at once",
        "words": "release it or discard it, with one person of the other role",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": reverse("held_batches"),
        "more_words": "See them all",
    }


def _row(batch: BatchRow) -> Shape:
    return {
        "href": batch.href,
        "seal": "none",
        "name": batch.cause,
        "text": f"{times.counted(batch.number, 'grant')} would end at once",
        "who": "",
        "since": batch.since,
        "due": batch.due,
        "ends": "Answer by",
        **dict.fromkeys(("level", "tier", "tags")),
    }
