"""The private folder of one Countersign on this machine, and the lock that says who works in it.

`.countersign` beside the code unless ``COUNTERSIGN_HOME`` says otherwise: the embedded database, the keys, the secret key.
Nothing in it is shared with another user.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.devserver.child_process import Trouble, from_os_error

PROJECT = Path(__file__).resolve().parents[2]
#: A socket's path has room for 107 bytes (sun_path without its closing zero), and PostgreSQL names its socket itself.
LONGEST_SOCKET = 107
LONGEST_NAME = ".s.PGSQL.5432.lock"


def _private(folder: Path) -> None:
    """Make a folder that only we may look into.

    Raises:
        Trouble: when it can't be made, or exists and belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise Trouble(f"{folder} is in the way: a folder is needed there. Move it away.")
        if status.st_uid != os.geteuid() and os.geteuid() == 0:
            os.chown(folder, 0, 0)
        elif status.st_uid != os.geteuid():
            raise Trouble(f"{folder} belongs to another user. Set COUNTERSIGN_HOME to a folder of your own.")
        folder.chmod(0o700)
    except (FileExistsError, NotADirectoryError):
        raise Trouble(f"{folder} or something above it is a file. Set COUNTERSIGN_HOME to a folder.") from None
    except OSError as error:
        raise from_os_error(f"make the folder {folder}", error, folder) from error


class Home:
    """The folder and what stands where in it.

    Args:
        root: the folder; made by `make`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.postgres = self.root / "postgres"
        self.welcome = self.root / "welcome.txt"
        self._lock_file = self.root / "lock"

    def make(self) -> None:
        """Make it where it does not exist, readable by us alone."""
        _private(self.root)
        _private(self.sockets)

    @property
    def sockets(self) -> Path:
        """Where sockets lie: in the folder, or under the system's temporary one when that path is too long for a socket."""
        inside = self.root / "run"
        if len(os.fsencode(inside / LONGEST_NAME)) <= LONGEST_SOCKET:
            return inside
        short = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"countersign-{os.geteuid()}-{short}"

    def secret_key(self) -> str:
        """The key that signs sessions, made on the first call and kept in a file of mode 0600."""
        file = self.root / "secret-key"
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return file.read_text().strip()
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(64))
        return file.read_text().strip()

    @contextmanager
    def lock(self, doing: str, address: str = "") -> Iterator[None]:
        """Hold the folder for one process. The kernel lets go of it when that process dies, of whatever.

        Args:
            doing: the purpose, for the message to a second process ("runs", "runs a command").
            address: where it answers, if it does.

        Raises:
            Trouble: when another process holds it.
        """
        with self._lock_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise self._held(file.name) from None
            file.truncate(0)
            file.write(json.dumps({"process": os.getpid(), "doing": doing, "address": address}))
            file.flush()
            yield

    def is_held(self) -> bool:
        """Whether another process holds the folder."""
        try:
            with self.lock("looks"):
                return False
        except Trouble:
            return True

    def _held(self, name: str) -> Trouble:
        """The words for a folder that another process holds."""
        try:
            holder = json.loads(Path(name).read_text())
            where = f" at {holder['address']}" if holder["address"] else ""
            sentence = f"Countersign already {holder['doing']}{where} (process {holder['process']}) with the data in {self.root}."
        except (OSError, ValueError, KeyError):
            sentence = f"Another Countersign works with the data in {self.root}."
        return Trouble(f"{sentence}\nStop that one first, or start a second one: COUNTERSIGN_HOME=… PORT=… make run")
