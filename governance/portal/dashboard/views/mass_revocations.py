"""What home says of what the brake holds: to security and admins, before anything else (G6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.inbox.queries import held_batches
from approvals.inbox.queries.held_batches import Waiting
from governance.web.components import times

Shape = dict[str, Any]

#: Rows; the rest is one click away.
MOST = 8


def waiting(found: Iterable[Waiting]) -> Shape:
    """What waits for the reader."""
    rows = [_row(one) for one in held_batches.soonest(found)]
    return {
        "key": "batches",
        "title": "Held: too much would end at once",
        "words": "release it or discard it, with one person of the other role",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": reverse("held_batches"),
        "more_words": "See them all",
    }


def _row(one: Waiting) -> Shape:
    return {
        "href": one.href,
        "seal": "none",
        "name": one.cause,
        "text": f"{times.counted(one.number, 'grant')} would end at once",
        "who": "",
        "since": one.since,
        "due": one.due,
        "ends": "Answer by",
        **dict.fromkeys(("level", "tier", "tags")),
    }
