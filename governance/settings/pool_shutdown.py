"""Closes connection pools while the interpreter still stands: a pool that outlives it can crash it on the way out.

Imported by whatever starts a process: the web server's entry, `manage.py`, the Celery application.
"""

import atexit

from django.conf import settings
from django.db import connections


def close_pools() -> None:
    """Give back this thread's connections and close every pool of the process. Wrong settings have opened none."""
    if not settings.configured:
        return
    for connection in connections.all():
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()


atexit.register(close_pools)
