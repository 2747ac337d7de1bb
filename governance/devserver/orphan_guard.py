"""Guard process: it waits until the devserver dies, and ends the children that are left.

The kernel signals the devserver's children when it dies. A child has to end its own children, and a hanging child ends
none. The guard knows the process group of every child. A few seconds after the death it kills the groups that are left.
It notices the death by the end of a pipe, so it also works without the kernel's signal.
"""

import contextlib
import os
import signal
import time

from governance.devserver.child_process import wait_until

#: Seconds that children have to end by themselves once the devserver is gone.
PATIENCE = 3.0


def _alive(group: int) -> bool:
    """Whether a group has a process, even a zombie."""
    try:
        os.killpg(group, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _watch(pipe: int) -> None:
    """Follow the devserver's list of children until the pipe ends, then end the listed groups."""
    groups: dict[int, int] = {}
    with os.fdopen(pipe, "r") as lines:
        for line in lines:
            group, death_signal = (int(part) for part in line.split())
            if death_signal:
                groups[group] = death_signal
            else:
                groups.pop(group, None)
    if groups:
        time.sleep(0.5)  # the kernel has signalled them already where it can
    for group, death_signal in groups.items():
        if _alive(group):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(group, death_signal)
    wait_until(lambda: not any(_alive(group) for group in groups), seconds=PATIENCE, every=0.1)
    for group in groups:
        if _alive(group):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


class Guard:
    """The devserver's end of the pipe. It is made before the devserver opens anything, because the guard is its fork."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            try:
                os.close(self._writing)
                os.setsid()  # Ctrl-C at the terminal is not for the guard
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                _watch(reading)
            finally:
                os._exit(0)
        os.close(reading)

    def add(self, group: int, death_signal: int) -> None:
        """Put a child, the leader of its process group, on the list."""
        self._tell(f"{group} {death_signal}\n")

    def remove(self, group: int) -> None:
        """Take a child off the list: it and its group are gone."""
        self._tell(f"{group} 0\n")

    def dismiss(self) -> None:
        """Let the guard go; it ends the children that are still on its list first."""
        os.close(self._writing)
        os.waitpid(self.process, 0)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # somebody killed the guard; the kernel's promise remains
            os.write(self._writing, line.encode())
