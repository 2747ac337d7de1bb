"""`make run` as people meet it: it starts, answers, heals, stops, and survives a SIGKILL, with its data."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from governance.devserver.home_folder import Home
from governance.devserver.postgres import Cluster
from tests.environment import ROOT, Environment, free_port
from tests.processes import until
from tests.template_database import Template

pytestmark = pytest.mark.process

READY = "Ctrl-C stops it"


class Run:
    """One `python -m governance.devserver run` on a home of its own, without the demo."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.home = folder / "home"
        self.port = int(variables.pop("PORT", free_port()))
        self.log_file = folder / "run.log"
        environment = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "BASE_URL")
        }
        environment.update(
            COUNTERSIGN_HOME=str(self.home), PORT=str(self.port), COUNTERSIGN_DEMO="0", DATABASE_POOL_MAX="4"
        )
        environment.update(DJANGO_SETTINGS_MODULE="governance.settings.dev", **variables)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "governance.devserver", "run"],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def await_ready(self) -> None:
        until(lambda: READY in self.log or self.process.poll() is not None, "the welcome", seconds=100)
        assert self.process.poll() is None, self.log

    def await_end(self, seconds: float = 40) -> int:
        until(lambda: self.process.poll() is not None, "the end", seconds=seconds)
        return self.process.returncode

    def status(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/", headers={"Host": "localhost"})
        status = connection.getresponse().status
        connection.close()
        return status

    def left(self) -> dict[int, str]:
        """Every living process that belongs to this home, by its environment, command line or folder."""
        processes = {}
        needle = os.fsencode(self.home)
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
                traces = command + (entry / "environ").read_bytes() + os.fsencode((entry / "cwd").readlink())
            except OSError:
                continue  # it has ended, or is a zombie that nobody has collected
            if needle in traces and command:
                processes[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return processes

    def child(self, words: str) -> int:
        """The process id of the child whose command line holds `words`."""
        return next(number for number, command in self.left().items() if words in command)

    def database(self) -> psycopg.Connection:
        home = Home(self.home)
        return psycopg.connect(Cluster(home.postgres, home.sockets).url)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start runs on one home, whose path has a space in it; whatever a failing test leaves of them is killed."""
    folder = tmp_path / "a home"
    folder.mkdir()
    started: list[Run] = []

    def start_one(**variables: str) -> Run:
        started.append(Run(folder, **variables))
        return started[-1]

    yield start_one
    for run in started:
        for number in (run.process.pid, *run.left()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        run.process.wait()


def test_run_recovers_survives_kill_and_keeps_data(
    start: Callable[..., Run], tmp_path: Path, template: Template | None
) -> None:
    home = Home(tmp_path / "a home" / "home")
    home.make()
    if template is not None:
        template.copy_to(home.postgres)  # migrating once a run is enough
    first = start()
    first.await_ready()
    assert first.status() < 500
    assert first.home.stat().st_mode & 0o777 == 0o700

    second = subprocess.run(
        [sys.executable, "-m", "governance.devserver", "run"],
        env={**os.environ, "COUNTERSIGN_HOME": str(first.home), "PORT": str(free_port())},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert second.returncode == 1
    assert f"already runs at http://localhost:{first.port}" in second.stderr

    os.kill(first.child("governance.celery worker"), signal.SIGKILL)
    until(lambda: "The worker ended (signal SIGKILL). It starts again in 1 s." in first.log, "word of the worker's end")
    until(lambda: any("governance.celery worker" in each for each in first.left().values()), "a new worker")

    with first.database() as connection:
        connection.execute("CREATE TABLE kept (what text)")
        connection.execute("INSERT INTO kept VALUES ('before the kill')")
    secret = (first.home / "secret-key").read_text()

    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    until(lambda: not first.left(), "everything to end after the supervisor was killed", seconds=10)

    again = start()
    again.await_ready()
    assert again.status() < 500
    with again.database() as connection:
        assert connection.execute("SELECT what FROM kept").fetchone() == ("before the kill",)
    assert (again.home / "secret-key").read_text() == secret

    again.process.send_signal(signal.SIGTERM)
    assert again.await_end() == 0, again.log
    assert "Stopped. Nothing is left running" in again.log
    assert not again.left()
    assert not (again.home / "postgres" / "postmaster.pid").exists()


def test_taken_port_is_reported_before_start(start: Callable[..., Run]) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = start(PORT=str(port))
        assert run.await_end() == 1
    assert f"Port {port} is taken by another program. Choose another: PORT={port + 1} make run" in run.log
    assert not (run.home / "postgres").exists()


def test_unreachable_database_is_reported_without_password(start: Callable[..., Run]) -> None:
    run = start(DATABASE_URL=f"postgresql://someone:open-sesame@127.0.0.1:{free_port()}/countersign")
    assert run.await_end() == 1
    assert "The database countersign on 127.0.0.1:" in run.log
    assert "Check DATABASE_URL" in run.log
    assert "open-sesame" not in run.log
    assert "Traceback" not in run.log


def test_unreachable_redis_is_reported(
    start: Callable[..., Run], surroundings: Environment, django_db_setup: None
) -> None:
    # On the tests' database: one of its own would be made only to be stopped again.
    run = start(DATABASE_URL=surroundings.cluster.url, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert run.await_end() == 1
    assert "The Redis that was given does not answer" in run.log
    assert "Traceback" not in run.log
    assert not run.left()
