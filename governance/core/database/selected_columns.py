"""Rows with a few of their columns. Django spends most of a page's time on naming columns, so a list names only those that it shows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def with_columns(rows: QuerySet[M], columns: Collection[str]) -> QuerySet[M]:
    """Load some columns of rows and of related rows, in one query.

    Args:
        rows: the rows.
        columns: paths such as ``grant__automation__name``. Any other column takes a query for each row that reads it.
    """
    relations = {path.rpartition("__")[0] for path in columns if "__" in path}
    return rows.select_related(*relations).only(*columns)
