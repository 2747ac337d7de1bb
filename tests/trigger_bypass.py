"""What tests write past the triggers that ask for a proposal: how a company stands that is given, not how it came to be (S8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction

from approvals.models import Approval, Decision, Grant
from inventory.models import Automation, Resource


@contextmanager
def unguarded(*tables: type[models.Model]) -> Iterator[None]:
    """Within it some tables have no triggers of ours; nobody else sees them without."""
    with transaction.atomic(), connection.cursor() as cursor:
        _switch(cursor, "DISABLE", tables)
        yield
        _switch(cursor, "ENABLE", tables)


def _switch(cursor: Any, how: str, tables: tuple[type[models.Model], ...]) -> None:
    cursor.execute(
        "SET CONSTRAINTS ALL IMMEDIATE"
    )  # what waits for the end of the transaction keeps a table from being altered
    for table in tables:
        cursor.execute(f"ALTER TABLE {table._meta.db_table} {how} TRIGGER USER")
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


#: Triggers that ask for an event at the commit, by their models.
ON_RECORD = (Approval, Decision, Grant, Automation)


def without_events() -> None:
    """For the rest of the transaction, a row needs no ledger event (H1): a test writes by SQL how something stands."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in ON_RECORD:
            table = model._meta.db_table
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE '%%_on_record'", [table]
            )
            for (trigger,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def given(resource: Resource, **fields: Any) -> None:
    """Change a resource past its rules; the caller reads the row again."""
    with unguarded(Resource):
        Resource.objects.filter(pk=resource.pk).update(**fields)


def moved(automation: int, **fields: Any) -> None:
    """An automation in use, by its key, is another team's than it was imported for."""
    with unguarded(Automation):
        Automation.objects.filter(pk=automation).update(**fields)
