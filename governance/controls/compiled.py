"""Annotations that are the same in every statement, compiled to SQL once a process.

Django builds and compiles a query anew each time that it is asked. Of a page's own query, which carries a dozen correlated subqueries, that
is more work than all that the database does for it; and nothing in them differs but the instant that it is asked at.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models.expressions import BaseExpression, Combinable, RawSQL

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
