"""Home's group of revocation tasks: access to remove in target systems (G4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.inbox.queries import revocation_tasks
from approvals.inbox.queries.revocation_tasks import TaskRow

Shape = dict[str, Any]

#: Most rows; a link leads to the others.
MOST = 8


def task_group(tasks: Iterable[TaskRow]) -> Shape:
    """Group of the reader's revocation tasks."""
    rows = [_row(task) for task in revocation_tasks.sort_by_due_date(tasks)]
    return {
        "key": "revocations",
        "title": "To take away",
        "words": "it ended here and is held elsewhere",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": f"{reverse('revocations')}?mine=1",
        "more_words": "See them all",
    }


def _row(task: TaskRow) -> Shape:
    on = f" on {task.on}" if task.on else ""
    return {
        "href": task.href,
        "seal": "none",
        "name": task.automation,
        "text": f"Take away what it held{on}, or look whether it is gone",
        "who": "",
        "since": task.since,
        "due": task.due,
        **dict.fromkeys(("level", "tier", "tags", "ends")),
    }
