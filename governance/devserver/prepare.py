"""A program of its own: makes the keys, migrates, loads the demo once, and leaves the words of welcome in a file.

One process rather than four, since loading Django is what takes the time. It ends with status 3 and plain words when the
database or the broker that it was pointed at does not answer.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from django.db.migrations.loader import MigrationLoader

UNREACHABLE = 3
OLDEST_SERVER = 150000
#: The packages whose migrations are the product's own.
OURS = ("governance", "inventory", "approvals")


def _check_database() -> None:
    """Make sure that a PostgreSQL of a known version answers."""
    import psycopg
    from django.conf import settings
    from django.db import connection

    where = settings.DATABASES["default"]
    port = f":{where['PORT']}" if where["PORT"] else ""
    named = f"{where['NAME']} on {where['HOST'] or 'the local socket'}{port}"
    parameters = {
        k: v for k, v in connection.get_connection_params().items() if k not in ("pool", "cursor_factory", "context")
    }
    try:
        with psycopg.connect(**{**parameters, "connect_timeout": 5}) as opened:
            version = opened.info.server_version
    except psycopg.OperationalError as error:
        _give_up(f"The database {named} does not answer: {str(error).strip()}", "DATABASE_URL")
    if version < OLDEST_SERVER:
        _give_up(f"The database {named} is PostgreSQL {version // 10000}; 15 or newer is needed.", "DATABASE_URL")


def _check_broker() -> None:
    """Make sure that the Redis that was given answers."""
    import redis
    from django.conf import settings

    if not settings.BROKER_URL:
        return
    try:
        redis.Redis.from_url(settings.BROKER_URL, socket_connect_timeout=5).ping()
    except (redis.RedisError, ValueError) as error:
        _give_up(f"The Redis that was given does not answer: {error}", "REDIS_URL")


def _check_code() -> None:
    """Run the system checks once for all processes, and print their findings without a traceback."""
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError

    try:
        call_command("check", stdout=io.StringIO())
    except SystemCheckError as error:
        print(error, flush=True)
        sys.exit(1)


def _migrate() -> None:
    """Bring the database to the code's version; silent when it is there."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    _check_history(executor.loader)
    steps = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if steps:
        print(f"Migrating the database: {len(steps)} steps …", flush=True)
        call_command("migrate", interactive=False, verbosity=0)


def _check_history(loader: MigrationLoader) -> None:
    """Make sure that the database was made by the migrations that are here: tables of another history would fit nothing."""
    from django.apps import apps

    ours = {app.label for app in apps.get_app_configs() if app.name.partition(".")[0] in OURS}
    strange = sorted(key for key in set(loader.applied_migrations) - set(loader.disk_migrations) if key[0] in ours)
    if not strange:
        return
    named, more = ".".join(strange[0]), f" and {len(strange) - 1} more" if len(strange) > 1 else ""
    print(
        f"This database was made by another version of Countersign: it knows migrations that are not here ({named}{more}).\n"
        "Start that version again; or, if it holds the demo alone, make reset-demo throws it away and loads it afresh.",
        flush=True,
    )
    sys.exit(UNREACHABLE)


def _give_up(sentence: str, variable: str) -> NoReturn:
    """End with words. No address is printed whole: it may hold a password."""
    print(f"{sentence}\nCheck {variable}, or leave it out to use the embedded one.", flush=True)
    sys.exit(UNREACHABLE)


def main(welcome: Path) -> None:
    """Bring everything to where web, worker and beat can start.

    Args:
        welcome: the file that gets the words of welcome; left empty when there is nothing to say.
    """
    import django

    import governance.celery  # noqa: F401  nudges of what is loaded go through this application

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    _check_database()
    _check_broker()
    call_command("make_keys", stdout=io.StringIO())
    _check_code()
    _migrate()
    hints = io.StringIO()
    if settings.DEMO:
        call_command("load_demo")
        call_command("demo_hints", stdout=hints)
    welcome.write_text(hints.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
