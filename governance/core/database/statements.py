"""Rows of a statement in SQL, from a file beside the module that reads it."""

from collections.abc import Mapping
from typing import Any

from django.db import connection


def fetch_rows(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run a statement and return its rows by the names of their columns.

    Args:
        sql: the statement; ``%(name)s`` stands for a parameter.
        parameters: their values.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
