"""Rows by keys that another query finds first: what is joined to them is then joined to those few alone.

With a dozen tables in one query, PostgreSQL joins first and filters by ``IN (SELECT …)`` last. An array is found before anything else.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, QuerySet


class _IsAnyOf(Func):
    """``a = ANY(b)``."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def keyed_by(keys: QuerySet[Any, Any]) -> Func:
    """A condition for ``filter()``: the row's key is among those that a query of one column finds, limited and ordered as it may be."""
    return _IsAnyOf(F("pk"), ArraySubquery(keys))
