"""Uploads of many automations: read, ordered, brought in; and how many rows every table has."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.db import connection

from approvals.intake import bulk_import
from governance.core.models import Person
from inventory.imports.transitions import previews
from inventory.models import ImportBatch
from tests.approvals.intake.builder import STOCK
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company

#: What an upload itself is kept in: that is no part of the register.
OWN = {"inventory_importbatch", "inventory_importitem"}


def export(number: int, **more: Any) -> tuple[str, bytes]:
    """An export like the stock report that is another automation, in a folder."""
    document = json.loads((EXPORTS / STOCK).read_text())
    return f"exports/{number:04d}.json", json.dumps({**document, "id": f"many{number:04d}", **more}).encode()


def changed(number: int) -> tuple[str, bytes]:
    """The same automation, which posts to another channel by now."""
    name, data = export(number)
    document = json.loads(data)
    for node in document["nodes"]:
        if node["type"].endswith(".slack"):
            node["parameters"]["channelId"] = {"__rl": True, "value": "C0ELSEWHERE", "mode": "id"}
    return name, json.dumps(document).encode()


def uploaded(c: Company, count: int, *more: tuple[str, bytes], by: Person | None = None) -> ImportBatch:
    """An upload of so many exports, and of whatever more; Rita's."""
    return read_in(c, *(export(number) for number in range(count)), *more, by=by)


def read_in(c: Company, *files: tuple[str, bytes], by: Person | None = None) -> ImportBatch:
    """An upload of some files."""
    actor = as_actor(by or c.people.rita)
    return previews.preview(files, actor=actor, now=c.now, team=c.people.finance_ops)


def ordered(c: Company, batch: ImportBatch, **more: Any) -> ImportBatch:
    """An upload, ordered: Jonas answers for what is new."""
    fields = {"team": c.people.finance_ops.pk, "business_owner": c.people.jonas.pk, **more}
    assert bulk_import.order(batch, bulk_import.Order(**fields))
    batch.refresh_from_db()
    return batch


def swept(c: Company) -> Counter[str]:
    """What the job does until nothing is left."""
    done = Counter[str]()
    for _ in range(100):
        counts = Counter(bulk_import.sweep(c.now))
        left = counts.pop("left", 0)
        done += counts
        if not left:
            return done
    raise AssertionError("it never comes to its end")


def brought_in(c: Company, batch: ImportBatch, **more: Any) -> Counter[str]:
    """An upload, ordered and brought in to its end."""
    ordered(c, batch, **more)
    return swept(c)


def outcomes(batch: ImportBatch) -> list[str]:
    """What became of each automation, in the order in which they were read."""
    return list(batch.items.exclude(manifest={}).order_by("pk").values_list("outcome", flat=True))


def rows() -> dict[str, int]:
    """How many rows every table of the database has, but those that an upload is kept in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        names = [name for (name,) in cursor.fetchall() if name not in OWN]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names))
        return dict(cursor.fetchall())
