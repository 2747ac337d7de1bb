"""A pool whose connections all broke serves the next request at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.utils import load_backend

from governance.settings import env
from governance.settings.postgresql.base import MOST_PREPARED
from tests.environment import Environment

SIZE, NAME = 8, "pooled"
#: Seconds within which a request gets a connection. The pool gives up after three.
QUICK = 1.5


@pytest.fixture
def pooled(surroundings: Environment, committed: None) -> Iterator[Any]:
    """A pool as the settings make it, with as many connections as it may have, all free."""
    entry = connection.settings_dict | env.database(
        f"{surroundings.cluster.url} application_name={NAME}", pool_max=SIZE
    )
    made = load_backend(entry["ENGINE"]).DatabaseWrapper(entry)
    parameters = made.get_connection_params()
    opened = [made.get_new_connection(parameters) for _ in range(SIZE)]
    for each in opened:
        made.pool.putconn(each)
    yield made
    made.close()
    made.close_pool()


def end_connections(surroundings: Environment) -> None:
    """What a restart of PostgreSQL does to a pool, or a database that is dropped and made anew."""
    with psycopg.connect(surroundings.superuser_url(), dbname="template1", autocommit=True) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s", [NAME]
        )


def test_next_request_is_served_at_once_though_every_connection_broke(surroundings: Environment, pooled: Any) -> None:
    end_connections(surroundings)
    began = time.monotonic()
    with pooled.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchone() == (1,)
    assert time.monotonic() - began < QUICK


def test_connection_keeps_the_statements_of_all_pages_prepared(pooled: Any) -> None:
    opened = pooled.get_new_connection(pooled.get_connection_params())
    assert opened.prepared_max == MOST_PREPARED
    pooled.pool.putconn(opened)


def test_eight_requests_at_once_are_served_though_every_connection_broke(
    surroundings: Environment, pooled: Any
) -> None:
    end_connections(surroundings)
    began = time.monotonic()
    parameters = pooled.get_connection_params()
    with ThreadPoolExecutor(SIZE) as threads:
        served = list(threads.map(lambda _: pooled.get_new_connection(parameters), range(SIZE)))
    for each in served:
        assert each.execute("SELECT 1").fetchone() == (1,)
        pooled.pool.putconn(each)
    assert time.monotonic() - began < QUICK
