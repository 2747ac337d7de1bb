"""Queries and annotations that are the same each time but for their values, compiled to SQL once a process.

Django builds and compiles a query anew each time that it is asked, which for most that a page asks is more work than all that the database
and psycopg do for it. What is written here is compiled by Django itself, when it is first asked; a question then only fills in the values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import copy
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import connection, connections, models
from django.db.models.expressions import BaseExpression, Combinable, Expression, RawSQL
from django.db.models.sql.compiler import SQLCompiler

from governance.core.database.key_filters import among

Row = TypeVar("Row")

#: Stands for the instant of the question until that is known; told by identity, not by value.
NOW = datetime(1, 1, 1, tzinfo=UTC)


def annotation(model: type[models.Model], build: Callable[[], Combinable], now: datetime | None = None) -> RawSQL:
    """An annotation of rows of ``model``.

    Args:
        model: whose rows they are; the query that takes it must be of this very model, not of one that joins it.
        build: makes the expression, which reads the row's own columns alone (``OuterRef("pk")``, no path through a relation); it is called
            once a process and therefore may hold no value of a request. Where it needs an instant, it takes `NOW`.
        now: the instant that stands for `NOW`.

    Raises:
        ValueError: if the expression reads more than the row's own table.
    """
    sql, params, field = _compiled(model, build)
    return RawSQL(sql, [now if param is NOW else param for param in params], field)  # noqa: S611  written by Django itself


@cache
def _compiled(
    model: type[models.Model], build: Callable[[], Combinable]
) -> tuple[str, tuple[Any, ...], models.Field[Any, Any]]:
    query = model._base_manager.annotate(found=build()).query
    compiler = query.get_compiler(connection=connection)
    compiler.pre_sql_setup()
    joined = [alias for alias, times in query.alias_refcount.items() if times and alias != model._meta.db_table]
    if joined:
        raise ValueError(f"What {build.__qualname__} makes reads {', '.join(joined)} beside a row of {model.__name__}")
    expression: BaseExpression = query.annotations["found"]
    sql, params = compiler.compile(expression)
    return sql, tuple(params), expression.output_field


class Value(Expression):
    """Stands in a statement for what is filled in when it is asked.

    Args:
        name: by which a question gives it.
        output_field: says how the database takes it.
    """

    def __init__(self, name: str, output_field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return a place of the field's type, and the value itself as its parameter."""
        return f"%s::{self.output_field.db_type(connection)}", (self,)


def number(name: str) -> Value:
    """Stands for a key or a count."""
    return Value(name, models.BigIntegerField())


def keys(name: str) -> Value:
    """Stands for keys, however many; it may be a parameter of a ``RawSQL`` too, where that says which type it is of."""
    return Value(name, ArrayField(models.BigIntegerField()))


def texts(name: str) -> Value:
    """Stands for texts, however many."""
    return Value(name, ArrayField(models.TextField()))


def among_those(name: str, column: str = "pk") -> Combinable:
    """A condition for ``filter()``: the row's key, or another column, is one of the keys that a question gives."""
    return among(keys(name), column)


def among_texts(name: str, column: str) -> Combinable:
    """The same of a column of text."""
    return among(texts(name), column)


class Statement(Generic[Row]):
    """A query that is compiled when it is first asked.

    Args:
        build: makes the query, of model instances or values, with `Value` or `NOW` wherever two questions differ. It is called once a process and
            therefore may hold nothing of a request. What it prefetches is compiled each time.
    """

    def __init__(self, build: Callable[[], models.QuerySet[Any, Row]]) -> None:
        self._build = build

    @cached_property
    def _compiled(self) -> tuple[models.QuerySet[Any, Row], SQLCompiler, str, tuple[Any, ...]]:
        queryset = self._build()
        compiler = queryset.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        return queryset, compiler, sql, tuple(params)

    def __call__(self, **values: object) -> list[Row]:
        """Ask it.

        Args:
            values: of each `Value`, by its name: a number, an instant, or keys (a collection); of `NOW` by the name ``now``.

        Raises:
            KeyError: if one is missing.
        """
        queryset, compiler, sql, params = self._compiled
        filled = tuple(_filled(param, values) for param in params)
        here = copy(compiler)  # its own, for threads ask at once
        here.connection = connections[queryset.db]
        here.as_sql = lambda *_, **__: (sql, filled)  # type: ignore[method-assign, assignment]
        query = queryset.all()
        query.query.get_compiler = lambda *_, **__: here  # type: ignore[method-assign]
        return list(query)


def _filled(param: object, values: Mapping[str, object]) -> object:
    """As psycopg takes it: keys as an array, and in order, so that the same keys are the same value."""
    if param is NOW:
        return values["now"]
    if not isinstance(param, Value):
        return param
    value = values[param.name]
    return sorted(value) if isinstance(value, Collection) and not isinstance(value, str) else value
