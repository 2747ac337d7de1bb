"""Rows that never change, rows that are never removed, and the history of both (H1, H2).

Every model of the product is one of these or is named in the test of the structure, with what may be removed of it and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import QuerySet
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords

#: Each trigger of pgtrigger asks a function whether the session wants it ignored: one SET, and nothing is refused. That is taken out by
#: whatever migrates (see the command), and saves most of what a trigger costs: the setting is unknown, and an error caught each time.
NEVER_IGNORED = """CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name NAME) RETURNS BOOLEAN
    LANGUAGE sql IMMUTABLE AS 'SELECT false'"""


def never_truncated(what: str = "stays on record") -> pgtrigger.Trigger:
    """Refuses TRUNCATE, also to the owner of the table; so `flush` refuses too, and a demo is reset by a new database."""
    return pgtrigger.Trigger(
        name="never_truncated",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"RAISE EXCEPTION 'H2: % {what} and is not truncated', TG_TABLE_NAME;",
    )


#: Of a row that is written once.
APPEND_ONLY = (
    pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
    never_truncated("is append-only"),
)

#: Of a row that changes by operations and is never removed: it ends, is retired, is withdrawn.
NEVER_REMOVED = (pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete), never_truncated())


#: Replaces the name of an erased person in other people's texts (H6).
ERASED_NAME = "Erased person"


def only_erased(old: str, new: str) -> str:
    """Return an SQL condition: the new text is empty, or is the old text without the erased person's name (H6).

    Args:
        old: the column as it was.
        new: the column as it is to be: empty, or the old one with `ERASED_NAME` in place of pieces of it.
    """
    escaped = f"replace(replace(replace({new}, '\\', '\\\\'), '%', '\\%'), '_', '\\_')"
    left = f"({new} LIKE '%{ERASED_NAME}%' AND {old} LIKE replace({escaped}, '{ERASED_NAME}', '_%'))"
    return f"({new} = '' OR {left})"


class AppendOnly(models.Model):
    """A row that is written once. The database refuses UPDATE, DELETE and TRUNCATE on it."""

    class Meta:
        abstract = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [*APPEND_ONLY]


def _erasable(columns: Sequence[str]) -> pgtrigger.Trigger:
    """Append-only but for the erasure of a person from some columns (H6)."""
    names = ", ".join(f"'{column}'" for column in columns)
    erased = " AND ".join(
        f"(NEW.{column} = OLD.{column} OR {only_erased(f'OLD.{column}', f'NEW.{column}')})" for column in columns
    )
    return pgtrigger.Trigger(
        name="append_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            IF TG_OP = 'UPDATE' AND NEW IS DISTINCT FROM OLD
                AND to_jsonb(NEW) - ARRAY[{names}] = to_jsonb(OLD) - ARRAY[{names}] AND {erased} THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;
        """,
    )


class HistoryOf(HistoryManager):
    """The manager of a history. simple-history makes a class of it each time a row is asked for its history; here it is made once."""

    _made: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def from_queryset(cls, queryset_class: type[QuerySet[Any]], class_name: str | None = None) -> Any:
        """Its class with the methods of a query set."""
        key = (cls, queryset_class, class_name)
        if key not in cls._made:
            cls._made[key] = super().from_queryset(queryset_class, class_name)
        return cls._made[key]


class History(HistoricalRecords):
    """The history of a governed row: every state that it was in, and who caused it; the database lets nobody rewrite it (H1).

    Args:
        erasable: columns from whose history an erased person's name is removed too (H6).
        options: simple-history's own.
    """

    def __init__(self, *, erasable: Sequence[str] = (), **options: Any) -> None:
        super().__init__(**{"history_manager": HistoryOf, **options})
        self.erasable = tuple(erasable)

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """What the history's own model is made with."""
        first, *others = APPEND_ONLY
        triggers = [_erasable(self.erasable) if self.erasable else first, *others]
        return {**super().get_meta_options(model), "triggers": triggers}
