"""Output of ``preview_import``: manifests as JSON lines, problems in words. No database, no settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import TextIOBase
from pathlib import Path

from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import Format, ReadResult, with_shared


def print_preview(paths: Iterable[str | Path], format: Format, out: TextIOBase, err: TextIOBase) -> int:
    """Print one manifest a line to `out`, and one line to `err` for each problem and each unread file.

    Args:
        paths: files and folders.
        format: expected format; ``auto`` detects it.
        out: receives JSON lines in ASCII.
        err: receives problems, unread files with reasons, and the totals.

    Returns:
        The exit status: 1 if a file could not be read or nothing was found, else 0. A file of another format is no
            failure.
    """
    read = list(read_paths(paths, format=format))
    results = with_shared(each for each in read if isinstance(each, ReadResult))
    problems = [each for each in read if isinstance(each, ImportProblem)]
    others = [each for each in read if isinstance(each, NotRead)]
    for result in results:
        out.write(json.dumps(result.manifest.to_dict(), separators=(",", ":")) + "\n")
    for line in map(str, [*problems, *others]):
        err.write(f"{_printable(line)}\n")
    summary = f"{len(results)} automations read, {len(problems)} files refused"
    err.write(f"{summary}, {len(others)} other files not read\n" if others else f"{summary}\n")
    return 1 if problems or not results else 0


def _printable(line: str) -> str:
    """Line for a terminal: a file's name may contain line breaks, control characters and bytes that are no text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
