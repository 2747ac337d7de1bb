"""Read an upload in a niced child process: one upload at a time for a person, two for a web process (I7, H7).

Threads of one process share an interpreter, so one slow file would delay other people's pages by seconds. A web thread
never waits for another upload; it refuses at once. The child's limits are in `inventory.importers.child_process`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import structlog

import inventory
from governance.core.database import advisory_locks
from governance.core.keys import key_files
from governance.core.models import Person
from inventory.importers import child_process
from inventory.importers.child_process import ProcessLimits
from inventory.importers.documents import FEWER
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import Found, file_shown

log = structlog.get_logger(__name__)

LIMITS = ProcessLimits()
PROGRAM = (sys.executable, "-s", "-B", "-m", "inventory.importers.child_process")
ROOT = Path(inventory.__file__).parents[1]

#: A web process has four threads: two stay free for pages during uploads.
_AT_ONCE = 2
_slots = threading.BoundedSemaphore(_AT_ONCE)

_TRY_AGAIN = "Try it once more; if it is refused again, report a defect, without the file."


class ImportBusy(Exception):
    """Upload refused because of another running upload.

    Args:
        status: HTTP status of the answer.
        sentence: reason for the person.
        to_do: next step for the person.
    """

    #: Seconds after which to try again.
    wait = 2

    def __init__(self, status: int, sentence: str, to_do: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.to_do = status, sentence, to_do


def read_in_child(
    files: Iterable[tuple[str, bytes]],
    *,
    person: Person,
    limits: ProcessLimits = LIMITS,
    program: Sequence[str] = PROGRAM,
) -> list[Found]:
    """Read files in a child process; a file that breaks a limit is refused, and the others are read.

    Args:
        files: name and content of each.
        person: the person who imports them.
        limits: limits on time and memory.
        program: the child's command line.

    Raises:
        ImportBusy: the person, or the web process, has reached its limit.
    """
    with upload_slot(person), Importer(limits, program=program) as importer:
        until = time.monotonic() + limits.upload
        results: list[Found] = []
        for name, data in files:
            results += importer.read_file(name, data, seconds=min(limits.seconds, until - time.monotonic()))
        return results


@contextmanager
def upload_slot(person: Person) -> Iterator[None]:
    """Take one of the places for uploads; the database counts the person's place over all web processes.

    Raises:
        ImportBusy: none is free.
    """
    with advisory_locks.held(lock_name(person)) as is_free:
        if not is_free:
            sentence = "Another import of yours is still being read."
            raise ImportBusy(429, sentence, "Wait until it has ended, then try again.")
        if not _slots.acquire(blocking=False):
            raise ImportBusy(503, "Two imports are being read at the moment.", "Try again in a few seconds.")
        try:
            yield
        finally:
            _slots.release()


def lock_name(person: Person) -> str:
    """Lock name for a person's upload."""
    return f"import:{person.pk}"


class Importer(AbstractContextManager["Importer"]):
    """The child process of one upload; a new one is started after one that ended.

    Args:
        limits: limits on time and memory.
        key: of fingerprints; this installation's when None.
        program: the child's command line.
    """

    def __init__(
        self, limits: ProcessLimits = LIMITS, *, key: bytes | None = None, program: Sequence[str] = PROGRAM
    ) -> None:
        self._limits = limits
        self._key = key_files.digest_key() if key is None else key
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def __exit__(self, *error: object) -> None:
        self._end()

    def read_file(self, name: str, data: bytes, *, seconds: float) -> list[Found]:
        """Read one file: a result for each automation, or one refusal.

        Args:
            name: name of the file.
            data: its content.
            seconds: time after which the child is killed.
        """
        if seconds <= 0:
            reason = f"it was not read, because this upload took longer than {self._limits.upload:g} seconds"
            return self._refused(name, reason, "Import fewer files at a time.")
        began = time.monotonic()
        try:
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
            killer = threading.Timer(seconds, self._process.kill)  # reading from its pipe then ends
            killer.start()
            try:
                return self._asked(self._process, name, data)
            finally:
                killer.cancel()
        except Exception as error:  # noqa: BLE001  whatever a child answers or dies of, its file alone is refused
            took, status = time.monotonic() - began, self._end()
            log.warning("import.ended", error=type(error).__name__, status=status, seconds=round(took, 1))
        if status in (-signal.SIGPROF, -signal.SIGXCPU):
            return self._refused(name, f"reading it takes more than {self._limits.cpu:g} seconds of computing time")
        if took >= seconds:
            return self._refused(name, f"reading it takes longer than {seconds:.3g} seconds")
        return self._refused(name, "reading it ended unexpectedly", _TRY_AGAIN)

    def _asked(self, process: subprocess.Popen[bytes], name: str, data: bytes) -> list[Found]:
        """Send one file and read the answer, of bounded length."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.writelines((child_process.request_line(name, data), data))
        process.stdin.flush()
        results: list[Found] = []
        left = self._limits.answer + 10_000  # room for a refusal
        while (line := process.stdout.readline(left)) != child_process.END:
            if not line.endswith(b"\n"):
                raise ValueError("The child ended, or its answer did not.")
            results.append(child_process.result_of_line(line))
            left -= len(line)
        return results

    def _started(self) -> subprocess.Popen[bytes]:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL  # its traceback could quote the file
        process = subprocess.Popen(self._program, stdin=pipe, stdout=pipe, stderr=nowhere, cwd=ROOT, env={})
        assert process.stdin is not None
        process.stdin.write(child_process.settings_line(self._limits, self._key, os.getpid()))
        return process

    def _end(self) -> int | None:
        """End a running child; returns its status."""
        process, self._process = self._process, None
        if process is None:
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()
        status = process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):  # unsent data
            process.stdin.close()
        return status

    @staticmethod
    def _refused(name: str, reason: str, to_do: str = FEWER) -> list[Found]:
        file = file_shown(name)
        return [(file, ImportProblem(file, "", reason, to_do))]
