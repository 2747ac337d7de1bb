"""Statements stay prepared from one rule test to the next, and are planned once: planning was a quarter of what a run did.

psycopg forgets all of them at a ROLLBACK, also to a savepoint, for a table may have been dropped in between; each rule test ends in one.
No test of ours makes or drops a table while others' statements stand. Plans for any value serve small tables as well as plans for each.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created
from psycopg import _preparing

#: Savepoints have names of their own, and each counts as a statement: room for all of a run.
ROOM = 5_000


class Kept(_preparing.PrepareManager):
    """Forgets nothing when a transaction is rolled back."""

    def _should_discard(self, prep: _preparing.Prepare, results: Any, *more: Any) -> bool:
        if all((one.command_status or b"").startswith(b"ROLLBACK") for one in results):
            return False
        return super()._should_discard(prep, results, *more)


def _keep(connection: Any, **kwargs: Any) -> None:
    plain = connection.connection
    kept = Kept()
    kept.prepare_threshold, kept.prepared_max = plain.prepare_threshold, ROOM
    plain._prepared = kept
    with plain.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
    if not plain.autocommit:
        plain.commit()


def keep() -> None:
    """Have every connection of this process do so."""
    connection_created.connect(_keep, weak=False, dispatch_uid="tests.prepared_statements")
