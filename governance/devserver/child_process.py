"""Starting a process that can't outlive the one that started it, and stopping it in good order.

Each child leads a session of its own: Ctrl-C at the terminal reaches only the parent, which then stops the children in
its own order, and a whole child (with the processes it started) can be signalled as one group. On Linux the kernel
itself signals the child when the parent dies of anything, SIGKILL included; `orphan_guard` covers what a child started in turn.

`Trouble` says what went wrong, in words for the person at the terminal. Everything that the devserver can foresee ends as
one; a traceback out of it is a defect.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def follow_parent(death_signal: int, parent: int) -> Callable[[], None] | None:
    """What a child does between fork and exec so that it is signalled when `parent` dies; None where that is unknown.

    The kernel watches the *thread* that forked: start children from a thread that lives as long as the process.
    """
    if _LIBC is None:
        return None

    def ask_kernel() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the request was in place
            os._exit(1)

    return ask_kernel


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: int | IO[bytes] = subprocess.PIPE,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child whose standard output and error go to `output` together.

    Args:
        command: program and arguments.
        environment: the child's whole environment; the parent's when None.
        folder: its working folder; the parent's when None.
        output: a pipe, or an open file.
        death_signal: what it receives when this process dies.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=follow_parent(death_signal, os.getpid()),
    )


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal a child and all it started; quiet when they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter for a group of zombies
        os.killpg(process.pid, number)


def stop(process: subprocess.Popen[bytes], *, with_signal: int = signal.SIGTERM, patience: float = 10) -> bool:
    """Ask a child to stop, wait, and end it with its whole group when it does not.

    Args:
        process: the child.
        with_signal: how it wants to be asked.
        patience: seconds before it is killed.

    Returns:
        Whether it stopped by itself.
    """
    if process.poll() is None:
        process.send_signal(with_signal)
    try:
        process.wait(timeout=patience)
        by_itself = True
    except subprocess.TimeoutExpired:
        by_itself = False
    signal_group(process, signal.SIGKILL)
    process.wait()
    return by_itself


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Ask `condition` until it holds or `seconds` have passed; returns whether it held."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(every)
    return True


class Trouble(Exception):
    """A foreseen reason not to go on. Its text is the whole message: what is wrong, then what to do."""


def from_output(doing: str, output: str) -> Trouble:
    """The words for a program that failed, from what it wrote.

    Args:
        doing: what was attempted, to complete "could not …".
        output: everything the program wrote.
    """
    tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:]) or "  (it said nothing)"
    return Trouble(f"Could not {doing}. It said:\n{tail}")


def from_os_error(doing: str, error: OSError, folder: Path) -> Trouble:
    """The words for an operating system's refusal while writing below `folder`."""
    return Trouble(f"Could not {doing}: {error.strerror or error} ({error.filename or folder}).")
