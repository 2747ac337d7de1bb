"""Rows that stay on record: append-only rows and histories (H1, H2).

The triggers that keep rows are in each app's ``sql/on_record.sql``. A test compares its lists with the models.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import QuerySet
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords

#: Replaces the name of an erased person in other people's texts (H6).
ERASED_NAME = "Erased person"


class AppendOnly(models.Model):
    """A row that is written once: the database refuses UPDATE, DELETE and TRUNCATE on it (H2)."""

    class Meta:
        abstract = True


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
    """The history of a governed row: each state that it was in, and who caused it. The database lets nobody rewrite it (H1).

    Args:
        options: simple-history's own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"history_manager": HistoryOf, **options})
