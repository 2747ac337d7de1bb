"""Fixtures for the real processes: web server, worker, beat, and a mail server that keeps what it is given.

They start when a test asks, with the command lines of `make run`, on the shared database: the web server and the mail server once a
run, worker and beat once a file.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from governance.devserver import child_process, process_environment
from tests.environment import ROOT, Environment, required


def until(condition: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
    """Wait for something that other processes bring about, and return it.

    Args:
        condition: asked every 50 ms; anything true ends the wait.
        what: completes "waited … seconds for …" when it never comes.
        seconds: how long to wait at most.

    Raises:
        AssertionError: when it did not come.
    """
    results: list[Any] = []

    def holds() -> bool:
        results[:] = [condition()]
        return bool(results[0])

    assert child_process.wait_until(holds, seconds=seconds, every=0.05), f"waited {seconds:g} seconds for {what}"
    return results[0]


class Service:
    """One process of the system under test, which a test may kill and start again.

    Args:
        command: its command line.
        log_file: where its output goes; a restart appends.
        variables: what it gets on top of the run's environment.
        is_ready: asked until true after each start.
    """

    def __init__(
        self, command: Sequence[str], log_file: Path, variables: dict[str, str], is_ready: Callable[[Service], bool]
    ) -> None:
        self.command = list(command)
        self.log_file = log_file
        self.variables = variables
        self.is_ready = is_ready
        self.process: subprocess.Popen[bytes] | None = None
        self._began_at = 0

    @property
    def log(self) -> str:
        """All it has said, over all its lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def log_of_this_life(self) -> str:
        """What it has said since its last start."""
        return self.log[self._began_at :]

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._began_at = len(self.log)
        with self.log_file.open("ab") as log:
            environment = {**os.environ, **self.variables}
            self.process = child_process.spawn(self.command, environment=environment, folder=ROOT, output=log)

        def ready_or_dead() -> bool:
            return self.process is None or self.process.poll() is not None or self.is_ready(self)

        ready = child_process.wait_until(ready_or_dead, seconds=40) and self.process.poll() is None
        assert ready, f"{self.log_file.stem} did not start:\n{self.log_of_this_life[-4000:]}"

    def kill(self) -> None:
        """SIGKILL, as when the machine's memory runs out; nothing of it remains."""
        if self.process is not None:
            child_process.signal_group(self.process, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Ask it to end, as the supervisor does."""
        if self.process is not None:
            child_process.stop(self.process, patience=15)
            self.process = None


class Site(Service):
    """The web server; `url` is its address without a trailing slash."""

    url: str = ""

    def has_database(self) -> bool:
        """Whether a page that reads a session gets through to the database."""
        connection = http.client.HTTPConnection(self.url.partition("//")[2], timeout=10)
        try:
            connection.request("GET", "/", headers={"Cookie": "sessionid=nobody"})
            return connection.getresponse().status != 503
        except OSError:
            return False
        finally:
            connection.close()


class Mailbox:
    """A mail server on the loopback; it accepts everything."""

    def __init__(self, port: int) -> None:
        self.url = f"smtp://127.0.0.1:{port}"
        self.settings = {
            "host": "127.0.0.1",
            "port": port,
            "backend": "django.core.mail.backends.smtp.EmailBackend",
        }
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        """Keep one message; the envelope's recipients go into ``X-Envelope-To``."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        self.messages.append(message)
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        """The messages for one address, oldest first."""
        return [each for each in self.messages if address in each["X-Envelope-To"].split(", ")]


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """A real SMTP server that keeps every message of the run; ask `mailbox.to(address)`."""
    from aiosmtpd.controller import Controller

    from tests.environment import free_port

    port = free_port()
    kept = Mailbox(port)
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield kept
    controller.stop()


@pytest.fixture(scope="session")
def redis(surroundings: Environment, django_db_setup: None) -> str:
    """The address of the run's Redis; without one, a skip, or a failure where it is required."""
    if not surroundings.redis_url:
        reason = "no Redis on this machine: apt-get install -y redis-server, or set REDIS_URL"
        if required("redis"):
            pytest.fail(reason)
        pytest.skip(reason)
    return surroundings.redis_url


def port_answers(port: int) -> bool:
    """Whether somebody listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


#: The web server of this run, once a test has asked for it.
SITES: list[Site] = []


def await_sites() -> None:
    """Wait until the web server has connections to the database that was made anew: it was thrown out of the old one."""
    for served in SITES:
        assert child_process.wait_until(served.has_database, seconds=60, every=0.2), served.log[-2000:]


@pytest.fixture(scope="session")
def site(surroundings: Environment, django_db_setup: None) -> Iterator[Site]:
    """The web server of `make run` on the shared database, in a process of its own: `site.url`, `site.log`."""
    port = surroundings.site_port
    served = Site(
        process_environment.web("127.0.0.1", port),
        surroundings.folder / "web.log",
        {"DATABASE_POOL_MAX": "8"},
        lambda _: port_answers(port),
    )
    served.url = surroundings.site_url
    served.start()
    SITES.append(served)
    yield served
    SITES.clear()
    served.stop()


#: Worker and beat of this run: started when a test asks, stopped where the next file begins.
BACKGROUND: list[Service] = []


def stop_background() -> None:
    """Stop worker and beat where they run."""
    for service in reversed(BACKGROUND):
        service.stop()


@pytest.fixture
def alone() -> None:
    """The worker and beat that an earlier test of the file started are stopped: they would take this test's work away."""
    stop_background()


#: By this name the database knows the worker's connections.
WORKER = "worker"


@pytest.fixture(scope="session")
def _worker(surroundings: Environment, redis: str, mailbox: Mailbox) -> Iterator[Service]:
    """The worker's command line and what it gets; not started."""
    variables = {
        "EMAIL_URL": mailbox.url,
        "MAIL_DIGEST_AT": "00:00",  # whatever hour it is where this runs
        "LOG_LEVEL": "INFO",
        "DATABASE_POOL_MAX": "8",
        "PGAPPNAME": WORKER,
    }
    made = Service(
        process_environment.worker("test", log_level="INFO"),
        surroundings.folder / "worker.log",
        variables,
        lambda service: " ready." in service.log_of_this_life,
    )
    BACKGROUND.append(made)
    yield made
    made.stop()


@pytest.fixture
def worker(committed: None, _worker: Service) -> Service:
    """A real Celery worker on the shared database that sends its mail to `mailbox`."""
    if _worker.process is None:
        _worker.start()
    return _worker


@pytest.fixture(scope="session")
def _beat(surroundings: Environment, _worker: Service) -> Iterator[Service]:
    """Beat's command line; not started."""
    made = Service(
        process_environment.beat(log_level="INFO"),
        surroundings.folder / "beat.log",
        {"LOG_LEVEL": "INFO"},
        lambda service: "beat: Starting" in service.log_of_this_life,
    )
    BACKGROUND.append(made)
    yield made
    made.stop()


@pytest.fixture
def beat(worker: Service, _beat: Service) -> Service:
    """A real beat, with its worker: sweeps run by themselves from here on."""
    if _beat.process is None:
        _beat.start()
    return _beat
