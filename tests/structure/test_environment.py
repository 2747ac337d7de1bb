"""The ground that all tests stand on: a real database, a real broker, real commits where asked, a closed network."""

import socket

import pytest
from django.db import connection

from tests.environment import Environment


@pytest.mark.django_db
def test_a_rule_test_runs_inside_a_transaction_on_a_real_postgresql() -> None:
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        assert cursor.fetchone()[0] >= 150000


@pytest.mark.race
def test_a_committed_test_runs_outside_any_transaction() -> None:
    assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert connection.get_autocommit()


@pytest.mark.django_db
def test_the_application_is_not_a_superuser_of_its_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def test_a_test_without_a_mark_may_not_touch_the_database() -> None:
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        connection.cursor()


def test_tests_stay_on_this_machine() -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match="closed beyond the loopback"):
        client.connect(("192.0.2.1", 80))


@pytest.mark.process
def test_the_broker_is_a_real_redis(redis: str) -> None:
    from redis import Redis

    assert Redis.from_url(redis).ping()


def test_everything_of_a_run_stands_in_one_folder(surroundings: Environment) -> None:
    assert surroundings.cluster.data.is_relative_to(surroundings.folder)
    assert len(str(surroundings.cluster.sockets / ".s.PGSQL.5432")) <= 107
