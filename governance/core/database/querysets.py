"""Querysets that find keys first, and then read those rows with a few columns, in the order of keys.

With a dozen tables in one query, PostgreSQL joins first and filters by ``IN (SELECT …)`` last. PostgreSQL computes an array of keys first,
so it joins only those few rows.
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
    """Return a condition for ``filter()``: the row's key, or another column, is among the results of a query of one column.

    Args:
        keys: the query; it may be limited and ordered.
        column: of the row.
    """
    return _IsAnyOf(F(column), ArraySubquery(keys))


def among(keys: Collection[int] | Combinable, column: str = "pk") -> Func:
    """Return a condition for ``filter()``: the row's key, or another column, is one of these. The statement has one value, an array."""
    if not isinstance(keys, Combinable):
        return _IsAnyOf(F(column), Value(sorted(keys), output_field=ArrayField(BigIntegerField())))
    return _IsAnyOf(F(column), keys)


def sorted_by_key(rows: QuerySet[M], *, newest_first: bool = False) -> QuerySet[M]:
    """Sort rows by key after their condition has found them.

    For the first few rows by key, PostgreSQL often walks the whole table in key order until it has enough. It can't estimate conditions on
    an array or on two columns.
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
    """Load the rows with some keys and `with_columns`, in the order of the keys. One query if there are no keys, otherwise two.

    Args:
        keys: a query of keys (``values_list("pk", flat=True)``), ordered and limited.
        rows: rows of the same model.
        columns: see `with_columns`.
    """
    places = {key: place for place, key in enumerate(keys)}
    if not places:
        return []
    return sorted(with_columns(rows.filter(among(places)).order_by(), columns), key=lambda row: places[row.pk])
