"""Querysets: rows by keys that another query finds first, in the order of keys, and with a few of their columns.

What is joined to rows found first is then joined to those few alone.
With a dozen tables in one query, PostgreSQL joins first and filters by ``IN (SELECT …)`` last. An array is found before anything else.
"""

from collections.abc import Collection
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, F, Func, Model, QuerySet, Value
from django.db.models.expressions import Combinable

M = TypeVar("M", bound=Model)


class _IsAnyOf(Func):
    """``a = ANY(b)``."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def keyed_by(keys: QuerySet[Any, Any], column: str = "pk") -> Func:
    """A condition for ``filter()``: the row's key, or another column, is among what a query of one column finds.

    Args:
        keys: limited and ordered as it may be.
        column: of the row.
    """
    return _IsAnyOf(F(column), ArraySubquery(keys))


def among(keys: Collection[int] | Combinable, column: str = "pk") -> Func:
    """A condition for ``filter()``: the row's key, or another column, is one of these, however many: one value of the statement, or an array in SQL."""
    if not isinstance(keys, Combinable):
        return _IsAnyOf(F(column), Value(sorted(keys), output_field=ArrayField(BigIntegerField())))
    return _IsAnyOf(F(column), keys)


def sorted_by_key(rows: QuerySet[M], *, newest_first: bool = False) -> QuerySet[M]:
    """Rows in the order of their keys, found by their condition first.

    Asked for the first few by key, PostgreSQL likes to go through a table in that order until it has found them: all of it, where there are
    fewer, which it can't tell from a condition on an array or on two columns.
    """
    key = F("pk") + 0  # no index is in this order
    return rows.order_by(key.desc() if newest_first else key.asc())


def with_columns(rows: QuerySet[M], columns: Collection[str]) -> QuerySet[M]:
    """Load some columns of rows and of related rows, in one query.

    Django spends most of a page's time on naming columns, so a list names only those that it shows.

    Args:
        rows: the rows.
        columns: paths such as ``grant__automation__name``. Any other column takes a query for each row that reads it.
    """
    relations = {path.rpartition("__")[0] for path in columns if "__" in path}
    return rows.select_related(*relations).only(*columns)


def load_keyed(keys: QuerySet[Any, int], rows: QuerySet[M], columns: Collection[str]) -> list[M]:
    """Load the rows with some keys and `with_columns`, in the order of the keys. One query if there are none, as of most tasks, else two.

    Args:
        keys: a query of keys (``values_list("pk", flat=True)``), ordered and limited.
        rows: rows of the same model.
        columns: see `with_columns`.
    """
    places = {key: place for place, key in enumerate(keys)}
    if not places:
        return []
    return sorted(with_columns(rows.filter(among(places)).order_by(), columns), key=lambda row: places[row.pk])
