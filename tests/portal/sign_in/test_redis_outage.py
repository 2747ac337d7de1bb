"""Without Redis people still sign in, and each web process counts attempts by itself until it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from governance.core.models import Person
from governance.devserver import broker, child_process
from governance.web.requests import attempt_cache as web_cache
from tests.environment import free_port, required
from tests.people import Northwind

PASSWORD = "correct horse battery staple"
pytestmark = [pytest.mark.django_db, pytest.mark.rule("S5")]


@pytest.fixture
def rita(northwind: Northwind) -> Person:
    """Rita, with a password."""
    northwind.rita.set_password(PASSWORD)
    northwind.rita.save(update_fields=["password"])
    return northwind.rita


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[broker.Broker]:
    """A Redis of this test's own, which it may stop."""
    program = broker.find()
    if program is None:
        (pytest.fail if required("redis") else pytest.skip)("no Redis on this machine: apt-get install -y redis-server")
    server = broker.Broker(program, tmp_path)
    begin(server, tmp_path)
    yield server
    server.stop()


def begin(server: broker.Broker, folder: Path) -> None:
    """Start it and wait until it answers."""
    with (folder / "log").open("wb") as log:
        server.start(log)
    assert child_process.wait_until(server.is_ready, seconds=20)


def use(settings: Any, url: str) -> None:
    """Count attempts there, as production settings do."""
    web_cache.forget()
    settings.CACHES = {"default": {"BACKEND": "governance.web.requests.attempt_cache.RedisOrMemory", "LOCATION": url}}
    web_cache.RedisOrMemory(url, {})._memory.clear()


def sign_in(person: Person, password: str) -> int:
    """Send the sign-in form. 302 is a sign-in."""
    return Client().post(reverse("account_login"), {"login": person.email, "password": password}).status_code


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:{port}/0", "redis://no-such-host.invalid:6379/0", "unix:///nowhere/redis.sock"]
)
def test_sign_in_limits_hold_without_redis(rita: Person, settings: Any, url: str) -> None:
    use(settings, url.format(port=free_port()))
    assert sign_in(rita, PASSWORD) == 302
    for _ in range(6):
        assert sign_in(rita, "wrong") == 200
    assert sign_in(rita, PASSWORD) == 200, "this account is locked for a while"


def test_when_redis_stops_and_comes_back_people_sign_in_and_limits_hold(
    rita: Person, settings: Any, redis_server: broker.Broker, tmp_path: Path
) -> None:
    use(settings, redis_server.url)
    cache.set("kept", 1, 60)
    for _ in range(3):
        assert sign_in(rita, "wrong") == 200
    redis_server.stop()
    assert sign_in(rita, PASSWORD) == 302
    assert cache.get("kept") is None
    for _ in range(6):
        assert sign_in(rita, "wrong") == 200
    assert sign_in(rita, PASSWORD) == 200
    begin(redis_server, tmp_path)
    web_cache.forget()  # the pause after a failure is over
    cache.set("kept", 2, 60)
    assert cache.get("kept") == 2
    assert sign_in(rita, PASSWORD) == 302
