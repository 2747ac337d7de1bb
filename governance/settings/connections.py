"""Connections of the pool: what each of them remembers."""

from __future__ import annotations

from typing import Any

import psycopg

#: Statements that one connection keeps prepared; the rarest is forgotten for the next. The busiest eleven pages alone ask 95,
#: and one that is forgotten between two uses is never prepared at all.
MOST_PREPARED = 400


class Connection(psycopg.Connection[Any]):
    """A connection that keeps the statements of all pages prepared, not psycopg's hundred."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared_max = MOST_PREPARED
