"""One INSERT … SELECT for a model: given columns, and the model's defaults for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], source: str, **expressions: str) -> str:
    """SQL that writes rows of a model.

    Args:
        model: whose table.
        source: what stands behind FROM.
        expressions: SQL by column, as attributes are named (``owner_id``); other columns have the model's default.
    """
    columns = {**_defaults(model), **expressions}
    unknown = set(expressions) - {field.attname for field in model._meta.concrete_fields}
    if unknown:
        raise ValueError(f"{model._meta.label} has no {', '.join(sorted(unknown))}")
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(columns.values())} FROM {source}"


def history(model: type[models.Model], source: str, *, at: str, by: str, why: str, kind: str = "+") -> str:
    """SQL that writes one row of history for each row of a model.

    Args:
        model: with a history.
        source: what stands behind FROM, the model's own rows as ``row``.
        at: SQL of the instant.
        by: SQL of who did it, an id or NULL.
        why: SQL of the reason.
        kind: ``+`` for made, ``~`` for changed.
    """
    kept: type[models.Model] = model.history.model  # type: ignore[attr-defined]  # simple-history adds it
    names = {field.attname for field in model._meta.concrete_fields}
    same = {field.attname: f'row."{field.column}"' for field in kept._meta.concrete_fields if field.attname in names}
    history_fields = {
        "history_date": at,
        "history_change_reason": why,
        "history_type": f"'{kind}'",
        "history_user_id": by,
    }
    return insert(kept, source, **same, **history_fields)


@cache
def _defaults(model: type[models.Model]) -> Mapping[str, str]:
    """SQL of the default of each column that is not empty; the key and what has no default are left to the caller."""
    defaults: dict[str, str] = {}
    for field in model._meta.concrete_fields:
        if field.primary_key or (field.null and not field.has_default()):
            continue
        made_anew = field.has_default() and callable(field.default) and field.default not in (list, dict)
        value: Any = None if made_anew else field.get_default()
        if value is None:
            continue  # the caller says it, or the database refuses the row
        defaults[field.attname] = _literal(field, value)
    return defaults


def _literal(field: models.Field[Any, Any], value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if field.db_type(connection) == "jsonb":
        return f"'{json.dumps(value)}'::jsonb"
    if isinstance(value, list):
        return f"'{{}}'::{field.db_type(connection)}"
    return "'" + str(value).replace("'", "''") + "'"
