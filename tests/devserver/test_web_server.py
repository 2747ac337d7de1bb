"""The web server's port is open only while a worker serves: no connection waits in a queue that nobody reads."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from governance.devserver import child_process, process_environment
from tests.environment import free_port
from tests.processes import port_answers, until

pytestmark = pytest.mark.process
#: An application that loads while a file is missing, and fails to load beside another one.
APPLICATION = """
import pathlib, time
while not pathlib.Path("go").exists():
    time.sleep(0.05)
if pathlib.Path("broken").exists():
    raise SystemExit("Countersign's environment has errors:")
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


class Web:
    """The web server of `make run` on an application of this test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "loads.py").write_text(APPLICATION)
        command = [*process_environment.web("127.0.0.1", self.port)[:-1], "loads:application"]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process: Popen[bytes] = child_process.spawn(
                command, environment=dict(os.environ), folder=folder, output=log
            )

    def workers(self) -> list[int]:
        """Process ids of its workers; one that has ended is none."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        states = {
            int(child): Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] for child in children
        }
        serving = [child for child, state in states.items() if state != "Z"]
        return [child for child in serving if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()] or serving

    def status(self) -> int:
        """The status of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """It starts, and its application loads until the test lets it go on."""
    started = Web(tmp_path)
    yield started
    child_process.stop(started.process, patience=10)


def test_server_accepts_connections_after_loading(web: Web) -> None:
    until(web.workers, "a worker")
    with pytest.raises(ConnectionRefusedError):
        web.status()
    (web.folder / "go").touch()
    until(lambda: port_answers(web.port), "the port")
    assert web.status() == 200


def test_a_worker_that_was_killed_leaves_no_open_port_and_is_replaced(web: Web) -> None:
    (web.folder / "go").touch()
    until(lambda: port_answers(web.port), "the port")
    (web.folder / "go").unlink()
    (killed,) = web.workers()
    os.kill(killed, signal.SIGKILL)
    until(lambda: web.workers() not in ([], [killed]), "another worker")
    with pytest.raises(ConnectionRefusedError):
        web.status()
    (web.folder / "go").touch()
    until(lambda: port_answers(web.port), "the port")
    assert web.status() == 200


def test_an_application_that_can_not_load_ends_the_server_with_its_message(web: Web) -> None:
    (web.folder / "broken").touch()
    (web.folder / "go").touch()
    assert web.process.wait(timeout=30) == 1
    assert not port_answers(web.port)
    assert "Countersign's environment has errors:" in web.log.read_text()
    assert "Traceback" not in web.log.read_text()
