"""What went wrong, in words for the person at the terminal.

Everything that the supervisor can foresee ends as `Trouble`; a traceback out of it is a defect.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

#: A new database with its write-ahead log, a broker's folder and room to work in.
ROOM_TO_START = 300 * 1024 * 1024
#: Below this, an existing database is likely to stop in the middle of a write.
ROOM_TO_CONTINUE = 64 * 1024 * 1024


class Trouble(Exception):
    """A foreseen reason not to go on. Its text is the whole message: what is wrong, then what to do."""


def disk_full(folder: Path) -> Trouble:
    """The words for a full disk at `folder`."""
    return Trouble(
        f"The disk that holds {folder} is full.\n"
        "Make room there, or point COUNTERSIGN_HOME to a folder on another disk, and start again. Nothing is lost."
    )


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what is bound to fill the disk.

    Args:
        folder: an existing folder on the disk in question.
        needed: bytes.

    Raises:
        Trouble: when fewer bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Trouble(
            f"The disk that holds {folder} is full: {free // 2**20} MB are free, {needed // 2**20} MB are needed.\n"
            "Make room there, or point COUNTERSIGN_HOME to a folder on another disk."
        )


def from_output(doing: str, output: str, folder: Path) -> Trouble:
    """The words for a program that failed, from what it wrote.

    Args:
        doing: what was attempted, to complete "could not …".
        output: everything the program wrote.
        folder: where it was to write.
    """
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return disk_full(folder)
    tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:]) or "  (it said nothing)"
    return Trouble(f"Could not {doing}. It said:\n{tail}")


def from_os_error(doing: str, error: OSError, folder: Path) -> Trouble:
    """The words for an operating system's refusal while writing below `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    return Trouble(f"Could not {doing}: {error.strerror or error} ({error.filename or folder}).")
