"""What ``preview_import`` prints: manifests as JSON lines, problems in words. Touches no database and no settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from inventory.importers.files import NotLookedAt, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reading import Format, ReadResult, with_shared


class Writable(Protocol):
    """What takes text: a stream, or Django's wrapper of one."""

    def write(self, text: str, /) -> object:
        """Take `text`."""


def preview(paths: Iterable[str | Path], format: Format, out: Writable, err: Writable) -> int:
    """Print one manifest a line to `out`, and each problem to `err`.

    Args:
        paths: files and folders.
        format: what each file must be; ``auto`` looks.
        out: receives JSON lines in ASCII.
        err: receives problems, and at the end what was read and what was not.

    Returns:
        The exit status: 1 if a file could not be read or nothing was found, else 0.
    """
    found = list(read_paths(paths, format=format))
    results = with_shared(each for each in found if isinstance(each, ReadResult))
    problems = [each for each in found if isinstance(each, ImportProblem)]
    others = sum(isinstance(each, NotLookedAt) for each in found)
    for result in results:
        out.write(json.dumps(result.manifest.to_dict(), separators=(",", ":")) + "\n")
    for problem in problems:
        err.write(f"{problem}\n")
    summary = f"{len(results)} automations read, {len(problems)} files refused"
    err.write(f"{summary}, {others} other files not looked at\n" if others else f"{summary}\n")
    return 1 if problems or not results else 0
