"""Statements stay prepared from one rule test to the next, and are planned once: planning was a quarter of a run.

psycopg forgets all of them at a ROLLBACK, also to a savepoint, for a table may have been dropped in between; each rule test ends in one.
No test of ours makes or drops a table while others' statements stand. Plans for any value serve small tables as well as plans for each.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created
from psycopg import _preparing

#: Statements of one connection: room for all of a run.
ROOM = 5_000
#: Executions before a statement is prepared. A statement that is only executed is planned each time.
BEFORE_PREPARING = 1
#: Each savepoint has a name of its own, so that none of its statements comes twice.
ONCE = (b"SAVEPOINT", b"RELEASE", b"ROLLBACK")


class Kept(_preparing.PrepareManager):
    """Forgets nothing when a transaction is rolled back."""

    def get(self, query: Any, prepare: bool | None = None) -> Any:
        if query.query.startswith(ONCE):
            return _preparing.Prepare.NO, b""
        return super().get(query, prepare)

    def maybe_add_to_cache(self, query: Any, prep: Any, name: bytes) -> Any:
        return None if query.query.startswith(ONCE) else super().maybe_add_to_cache(query, prep, name)

    def _should_discard(self, prep: _preparing.Prepare, results: Any, *more: Any) -> bool:
        if all((result.command_status or b"").startswith(b"ROLLBACK") for result in results):
            return False
        return super()._should_discard(prep, results, *more)


def _keep(connection: Any, **kwargs: Any) -> None:
    plain = connection.connection
    kept = Kept()
    kept.prepare_threshold, kept.prepared_max = BEFORE_PREPARING, ROOM
    plain._prepared = kept
    with plain.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
    if not plain.autocommit:
        plain.commit()


def keep() -> None:
    """Have every connection of this process do so."""
    connection_created.connect(_keep, weak=False, dispatch_uid="tests.prepared_statements")
