"""The importers as a child process: ``python -m inventory.importers.child_process``, started for one upload (I7, H7).

The child limits itself before it reads a file. It reads settings, fingerprint key and files from standard input, and
writes results to standard output only.

A request is a line of JSON and the bytes of the file. An answer is a line of JSON for each automation or refusal, then
``END``.
"""

import ctypes
import json
import math
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any

from inventory.importers.documents import FEWER
from inventory.importers.manifest import Manifest
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import OUT_OF_MEMORY, Found, ReadResult, file_shown, refuse_too_large, results_of
from inventory.importers.secrets.findings import SecretFound

END = b"[]\n"

_PR_SET_PDEATHSIG = 1
#: The pipes, and files that Python opens briefly.
_OPEN_FILES = 32


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of reading. 1,000 real exports take 7 seconds of computing; 6 MB of values take 100 MB of memory.

    Args:
        cpu: seconds of computing for one file.
        seconds: of real time for one file.
        upload: seconds of real time for all files of one request: proxies give up after 60.
        memory: bytes of address space.
        answer: characters of all manifests of one file.
    """

    cpu: float = 10
    seconds: float = 20
    upload: float = 45
    memory: int = 512 * 1024 * 1024
    answer: int = 8_000_000


def request_line(name: str, data: bytes) -> bytes:
    """Line that the parent writes before the bytes of a file."""
    return _line({"name": name, "size": len(data)})


def settings_line(limits: ProcessLimits, key: bytes, parent: int) -> bytes:
    """Line that the parent writes first.

    Args:
        limits: limits of this child.
        key: key of this installation's fingerprints.
        parent: process id of the parent.
    """
    return _line({"limits": asdict(limits), "key": key.hex(), "parent": parent})


def result_of_line(line: bytes) -> Found:
    """One automation or refusal from a line of an answer.

    Raises:
        Exception: of any kind, if the line is not from a child process of ours.
    """
    kind, file, *values = json.loads(line)
    if kind == "problem":
        return file, ImportProblem(file, *map(str, values))
    manifest, secrets = values
    return file, ReadResult(Manifest.from_dict(manifest), tuple(SecretFound(**secret) for secret in secrets))


def main() -> None:
    """Answer each file of standard input until it ends."""
    settings = json.loads(sys.stdin.buffer.readline())
    limits, key = ProcessLimits(**settings["limits"]), bytes.fromhex(settings["key"])
    _limit(limits, settings["parent"])
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["size"])
        signal.setitimer(signal.ITIMER_PROF, limits.cpu)  # its signal ends this process at any point
        lines = _answer(request["name"], data, key, limits.answer)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.writelines([*lines, END])
        sys.stdout.buffer.flush()


def _limit(limits: ProcessLimits, parent: int) -> None:
    """Bound what this process may use, and end it when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the request to the kernel
        sys.exit(1)
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    limit = math.ceil(limits.upload) + 1
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CPU: limit,
        resource.RLIMIT_AS: limits.memory,
    }
    for bound, most in bounds.items():
        resource.setrlimit(bound, (most, most))


def _answer(name: str, data: bytes, key: bytes, most: int) -> list[bytes]:
    """Lines that answer one file: all its results, or one refusal."""
    lines: list[bytes] = []
    size = 0
    try:
        for result in refuse_too_large(results_of(name, data, key)):
            lines.append(_line(_document(result)))
            size += len(lines[-1])
            if size > most:
                return [_refused(name, f"what it uses takes more than {most:,} characters to write down")]
    except MemoryError:
        return [_refused(name, OUT_OF_MEMORY)]
    return lines


def _document(result_pair: Found) -> list[Any]:
    file, result = result_pair
    if isinstance(result, ImportProblem):
        return ["problem", file, result.place, result.reason, result.what_to_do]
    return ["read", file, result.manifest.to_dict(), [asdict(secret) for secret in result.secrets]]


def _refused(name: str, reason: str) -> bytes:
    file = file_shown(name)
    return _line(_document((file, ImportProblem(file, "", reason, FEWER))))


def _line(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


if __name__ == "__main__":
    main()
