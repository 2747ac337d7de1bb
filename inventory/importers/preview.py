"""Output of ``preview_import``: manifests as JSON lines, problems in words. No database, no settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import Format, ReadResult, with_shared

#: Number of unread files for one reason that are named; more are counted, unless each is requested.
FEW = 5


class Writable(Protocol):
    """Stream for text, or Django's wrapper of one."""

    def write(self, text: str, /) -> object:
        """Take `text`."""


def print_preview(
    paths: Iterable[str | Path], format: Format, out: Writable, err: Writable, *, names_each: bool = False
) -> int:
    """Print one manifest a line to `out`, and one line to `err` for each problem and each unread file.

    Args:
        paths: files and folders.
        format: expected format; ``auto`` detects it.
        out: receives JSON lines in ASCII.
        err: receives problems, unread files with reasons, and the totals.
        names_each: whether to name each unread file, even with many for one reason.

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
    for line in (*map(str, problems), *_tables_text(others, len(others) if names_each else FEW)):
        err.write(f"{_printable(line)}\n")
    summary = f"{len(results)} automations read, {len(problems)} files refused"
    err.write(f"{summary}, {len(others)} other files not read\n" if others else f"{summary}\n")
    return 1 if problems or not results else 0


def _printable(line: str) -> str:
    """Line for a terminal: a file's name may contain line breaks, control characters and bytes that are no text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def _tables_text(others: Iterable[NotRead], most: int) -> Iterator[str]:
    """A line for each unread file; one line for more than `most` files with the same reason."""
    reasons: dict[str, list[NotRead]] = {}
    for each in others:
        reasons.setdefault(each.reason, []).append(each)
    for reason, files in reasons.items():
        if len(files) <= most:
            yield from map(str, files)
        else:
            yield f"{len(files)} files, {files[0].file} the first: not read, {reason}. --all names each."
