"""Readiness of a process: whether its database can serve it (P3)."""

from functools import cache, lru_cache
from typing import Any

import psycopg
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from governance.core.texts.number_words import counted

#: Seconds to connect, and milliseconds for each statement.
CONNECTS_WITHIN, ANSWERS_WITHIN = 2, 2_000


@cache
def expected_migrations() -> frozenset[tuple[str, str]]:
    """The migrations that this version has: app and name."""
    return frozenset(MigrationLoader(None).disk_migrations or ())


def problem() -> str:
    """Return why this process can't serve: no database, a standby, or missing migrations; nothing if it can.

    It connects beside the pool, so that a busy process is not taken for a broken one. A database that is ahead is no problem: a
    version tolerates the migrations of the next one.
    """
    parameters: dict[str, Any] = connection.get_connection_params() | {"connect_timeout": CONNECTS_WITHIN}
    parameters["options"] = f"{parameters.get('options', '')} -c statement_timeout={ANSWERS_WITHIN}"
    try:
        with psycopg.connect(**parameters, autocommit=True) as asked:
            (is_standby,) = asked.execute("SELECT pg_is_in_recovery()").fetchone() or (True,)
            applied = asked.execute("SELECT app, name FROM django_migrations").fetchall()
    except psycopg.Error:
        return "The database does not answer."
    if is_standby:
        return "The database is a standby."
    missing = expected_migrations() - {(app, name) for app, name in applied}
    return f"{counted(len(missing), 'migration')} missing: run migrate." if missing else ""


@lru_cache(maxsize=1)
def problem_at(second: int) -> str:
    """The problem, looked for once in a second of the process's own clock."""
    return problem()
