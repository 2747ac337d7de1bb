"""While the database is away every page is a quick 503; when it is back the same process goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.core.tokens import transitions as token_transitions
from governance.devserver import postgres, process_environment
from tests.environment import Environment, free_port
from tests.processes import Site, port_answers

pytestmark = pytest.mark.process
#: Seconds within which an answer is quick.
QUICK = 6
SESSION = "sessionid=0123456789abcdef0123456789abcdef"


class Door:
    """A socket in front of the database that a test can shut: connections break, and new ones are refused."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.path, self.database = folder / database.name, database
        self.opened: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.listening: socket.socket | None = None

    def open(self) -> None:
        """Let connections through."""
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        self.listening.listen(50)
        threading.Thread(target=self._accept, args=(self.listening,), daemon=True).start()

    def shut(self) -> None:
        """Break what is open and refuse what comes."""
        assert self.listening is not None
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.path.unlink()
        for end in self.opened:
            with contextlib.suppress(OSError):  # the other side has closed it
                end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        for end in self.opened:
            end.close()
        self.opened.clear()
        self.threads.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self.database))
            self.opened += [near, far]
            for source, target in ((near, far), (far, near)):
                thread = threading.Thread(target=self._carry, args=(source, target), daemon=True)
                self.threads.append(thread)
                thread.start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


@pytest.fixture
def door(surroundings: Environment, django_db_setup: None, tmp_path: Path) -> Iterator[Door]:
    """An open door to the run's database."""
    (socket_file,) = [
        file
        for file in surroundings.cluster.sockets.iterdir()
        if file.name.startswith(".s.PGSQL.") and file.is_socket()
    ]
    made = Door(tmp_path, socket_file)
    made.open()
    yield made
    if made.listening is not None and made.path.exists():
        made.shut()


def serve(surroundings: Environment, url: str) -> Site:
    """A web server of `make run` on a database address."""
    port = free_port()
    site = Site(
        process_environment.web("127.0.0.1", port),
        surroundings.folder / f"away-{port}.log",
        {"DATABASE_URL": url, "DATABASE_POOL_MAX": "8"},
        lambda _: port_answers(port),
    )
    site.url = f"127.0.0.1:{port}"
    site.start()
    return site


def ask(site: Site, path: str, **headers: str) -> tuple[http.client.HTTPResponse, str, float]:
    """The answer, its text, and the seconds that it took."""
    connection, began = http.client.HTTPConnection(site.url, timeout=60), time.monotonic()
    try:
        connection.request("GET", path, headers={"Host": "localhost", **headers})
        answer = connection.getresponse()
        return answer, answer.read().decode(), time.monotonic() - began
    finally:
        connection.close()


def is_quick_no(site: Site) -> None:
    """A page and the API both say quickly that the database is away."""
    answer, text, took = ask(site, "/", Cookie=SESSION)
    assert (answer.status, answer.getheader("Retry-After"), answer.getheader("Cache-Control")) == (
        503,
        "10",
        "no-store, private",
    )
    assert "Countersign can’t reach its database" in text
    assert f'Request <span class="mono">{answer.getheader("X-Request-ID")}</span>' in text
    assert took < QUICK
    answer, text, took = ask(site, "/readyz")
    assert (answer.status, text) == (503, "The database does not answer.\n")
    assert took < QUICK
    assert ask(site, "/healthz", Host="10.1.2.3:8000")[0].status == 200, (
        "the process itself is well: a restart would not help"
    )
    answer, text, took = ask(site, "/api/v1/openapi.json", Authorization=f"Bearer {token_transitions.new_secret()}")
    assert (answer.status, answer.getheader("Retry-After")) == (503, "10")
    assert answer.getheader("Content-Type") == "application/problem+json"
    assert json.loads(text)["code"] == "AWAY"
    assert took < QUICK


def test_a_database_that_goes_away_makes_quick_503s_and_is_used_again_when_it_is_back(
    surroundings: Environment, door: Door
) -> None:
    site = serve(surroundings, f"host={door.path.parent} user={postgres.ROLE} dbname={postgres.DATABASE}")
    try:
        assert ask(site, "/", Cookie=SESSION)[0].status == 302
        door.shut()
        is_quick_no(site)
        door.open()
        assert ask(site, "/", Cookie=SESSION)[0].status == 302
        assert ask(site, "/readyz")[1] == "ok\n"
    finally:
        site.stop()


def test_a_database_that_never_answers_makes_quick_503s(surroundings: Environment, django_db_setup: None) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        site = serve(surroundings, f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing")
        try:
            ask(site, "/nothing-here/")  # the first request loads all pages
            is_quick_no(site)
        finally:
            site.stop()
