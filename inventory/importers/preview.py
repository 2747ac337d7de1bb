"""What ``preview_import`` prints: manifests as JSON lines, problems in words. Touches no database and no settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import Format, ReadResult, with_shared

#: So many files that are not read for one reason are each named; more are counted, unless each is asked for.
FEW = 5


class Writable(Protocol):
    """What takes text: a stream, or Django's wrapper of one."""

    def write(self, text: str, /) -> object:
        """Take `text`."""


def preview(
    paths: Iterable[str | Path], format: Format, out: Writable, err: Writable, *, names_each: bool = False
) -> int:
    """Print one manifest a line to `out`, and to `err` a line for each problem and for whatever else was not read.

    Args:
        paths: files and folders.
        format: what each file must be; ``auto`` looks.
        out: receives JSON lines in ASCII.
        err: receives problems, what was not read and why, and at the end how many of each there are.
        names_each: whether each file that was not read is named, also where many are for one reason.

    Returns:
        The exit status: 1 if a file could not be read or nothing was found, else 0. A file of no format that is read is
        no failure.
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
    """A line as a terminal can show it: a file's name may hold line breaks, control characters and bytes that are no text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def _tables_text(others: Iterable[NotRead], most: int) -> Iterator[str]:
    """A line for each file that was not read; of more than `most` for one reason, one line for all of them."""
    reasons: dict[str, list[NotRead]] = {}
    for each in others:
        reasons.setdefault(each.reason, []).append(each)
    for reason, files in reasons.items():
        if len(files) <= most:
            yield from map(str, files)
        else:
            yield f"{len(files)} files, {files[0].file} the first: not read, {reason}. --all names each."
