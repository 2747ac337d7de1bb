"""PostgreSQL's advisory locks: those of a connection, which outlast a transaction, and those of a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection


@contextmanager
def held(name: str, *, waits: bool = False) -> Iterator[bool]:
    """Hold a lock by name inside the block; yields whether it was free.

    Args:
        name: the name of the lock.
        waits: whether to wait until it is free.
    """
    is_mine = _ask("pg_advisory_lock(%s) IS NOT NULL" if waits else "pg_try_advisory_lock(%s)", name)
    try:
        yield is_mine
    finally:
        if is_mine:
            with suppress(Error):  # a connection that is gone holds no lock
                _ask("pg_advisory_unlock(%s)", name)


def _ask(function: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function % 'hashtextextended(%s, 0)'}", [name])
        return bool(cursor.fetchone()[0])


def lock_until_commit(lock: int) -> None:
    """Wait for a lock by number, and hold it until the transaction ends.

    For rules over several rows: the second transaction waits, and then sees the rows of the first one. Row locks would
    deadlock if two transactions took them in different orders.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
