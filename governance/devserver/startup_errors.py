"""What went wrong, in words for the person at the terminal.

Everything that the supervisor can foresee ends as `Trouble`; a traceback out of it is a defect.
"""

from __future__ import annotations

from pathlib import Path


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
