"""What home says of revocation tasks: what its reader is to take away where it is held (G4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.inbox.queries import revocation_tasks
from approvals.inbox.queries.revocation_tasks import Waiting

Shape = dict[str, Any]

#: Rows; the rest is one click away.
MOST = 8


def waiting(found: Iterable[Waiting]) -> Shape:
    """What waits for the reader."""
    rows = [_row(one) for one in revocation_tasks.soonest(found)]
    return {
        "key": "revocations",
        "title": "To take away",
        "words": "it ended here and is held elsewhere",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": f"{reverse('revocations')}?mine=1",
        "more_words": "See them all",
    }


def _row(one: Waiting) -> Shape:
    on = f" on {one.on}" if one.on else ""
    return {
        "href": one.href,
        "seal": "none",
        "name": one.automation,
        "text": f"Take away what it held{on}, or look whether it is gone",
        "who": "",
        "since": one.since,
        "due": one.due,
        **dict.fromkeys(("level", "tier", "tags", "ends")),
    }
