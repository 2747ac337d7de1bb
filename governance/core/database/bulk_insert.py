"""Insert rows in one statement whose text does not depend on their number. Making that text is most of the cost of a large insert."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from datetime import date
from functools import cache
from typing import Any, cast
from uuid import UUID

from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model, in order, and give each its key, as ``bulk_create`` does; their references are saved already.

    Args:
        rows: of columns that JSON can say: texts, numbers, instants, keys, bytes, lists of these.

    Raises:
        TypeError: a column holds anything else.
    """
    if not rows:
        return
    columns, sql = _statement(cast("Hashable", type(rows[0])))
    values = [{column.column: getattr(row, column.attname) for column in columns} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(sql, [json.dumps(values, default=_plain)])
        keys = [key for (key,) in cursor.fetchall()]
    for row, key in zip(rows, keys, strict=True):
        row.pk, row._state.adding, row._state.db = key, False, connection.alias


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"A column holds a {type(value).__name__}, which is not written like this")


@cache
def _statement(model: Hashable) -> tuple[list[models.Field[Any, Any]], str]:
    assert isinstance(model, type)
    assert issubclass(model, models.Model)
    columns = [model_field for model_field in model._meta.concrete_fields if not model_field.primary_key]
    names = ", ".join(connection.ops.quote_name(str(column.column)) for column in columns)
    types = ", ".join(
        f"{connection.ops.quote_name(str(column.column))} {column.db_type(connection)}" for column in columns
    )
    return columns, (
        f"INSERT INTO {model._meta.db_table} ({names}) SELECT {names} FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) "  # noqa: S608  names of models alone
        f"AS ({types})) WITH ORDINALITY ORDER BY ordinality RETURNING {model._meta.pk.column}"
    )
