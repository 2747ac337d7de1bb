"""Bringing in two thousand real exports, and the same again: CPU seconds here and in the database, and queries an automation.

The exports are outside the project: without them it prints that there is nothing to measure. There are fewer than two
thousand, so each is taken several times as another workflow of the same platform: connections and credentials are shared by several, as
they are where one company has as many.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from approvals.intake import bulk_import
from governance.core.clock import current_time
from inventory.imports.transitions import previews
from tests import people
from tests.real_exports import FOLDER

EXPORTS = FOLDER / "imports"
HOW_MANY = 2_000
#: Files that the browser sends together.
PART = 100


class Spent(NamedTuple):
    """What one import of all of them cost: CPU seconds here and in the database, and queries an automation."""

    here: float
    there: float
    queries: float
    outcomes: Counter[str]


def exports(how_many: int = HOW_MANY) -> list[tuple[str, bytes]]:
    """Real n8n exports, each with an id of its own; none where they are not beside the project."""
    paths = [path for folder in sorted(EXPORTS.glob("n8n_*")) for path in sorted(folder.rglob("*.json"))]
    read = [
        (path.name, document) for path in paths if isinstance(document := _json(path), dict) and "nodes" in document
    ]
    return list(islice(_again(read), how_many)) if read else []


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _again(read: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, bytes]]:
    for turn in count():
        for number, (name, document) in enumerate(read):
            copied = {**document, "id": f"{turn:04d}x{number:04d}"}
            yield f"{turn:04d}/{name}", json.dumps(copied).encode()


def bring_in(files: list[tuple[str, bytes]], n: people.Northwind, database: Callable[[], float]) -> Spent:
    """Read them in parts as the browser sends them, order all of it, and do what the job does until nothing is left.

    Args:
        files: name and content of each.
        n: who is who.
        database: milliseconds of CPU that the database has used for this connection.
    """
    counts = Counter[str]()

    def counting(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        counts["queries"] += 1
        return execute(sql, *more)

    outcomes = Counter[str]()
    began, began_there = time.process_time(), database()
    with connection.execute_wrapper(counting):
        batch = previews.begin_upload(actor=people.as_actor(n.rita), now=current_time.now())
        for start in range(0, len(files), PART):
            previews.add_results(
                batch, previews.read_files(files[start : start + PART]), now=current_time.now(), team=n.finance_ops
            )
        bulk_import.order(batch, bulk_import.Order(n.finance_ops.pk, n.jonas.pk, n.rita.pk))
        left = 1
        while left:
            done = Counter(bulk_import.sweep(current_time.now()))
            left = done.pop("left", 0)
            outcomes += done
    here, there = time.process_time() - began, (database() - began_there) / 1000
    return Spent(here, there, counts["queries"] / max(len(files), 1), outcomes)
