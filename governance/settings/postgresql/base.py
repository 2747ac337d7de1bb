"""Django's PostgreSQL backend, for a pool that survives a restart of the server and connections that remember all pages."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

#: Statements that one connection keeps prepared; the rarest is forgotten for the next. The busiest eleven pages alone ask 95,
#: and one that is forgotten between two uses is never prepared at all. psycopg's own number is a hundred.
MOST_PREPARED = 400


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of Django's, out of the pool where there is one."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that works: the pool replaces each that broke while it was free.

        The pool's own check (``CONN_HEALTH_CHECKS``) sleeps between two broken connections: not at all, one second, two seconds. After
        a restart of the server the next request would wait for three seconds and then fail.
        """
        pool, connection = self.pool, super().get_new_connection(conn_params)
        for _ in range(pool.max_size if pool else 0):
            try:
                pool.check_connection(connection)
                break
            except psycopg.OperationalError:
                pool.putconn(connection)
                connection = super().get_new_connection(conn_params)
        connection.prepared_max = MOST_PREPARED
        return connection
