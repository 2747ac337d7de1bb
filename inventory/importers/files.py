"""Files and folders on disk, for the command line. Reads only; follows no link out of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inventory.importers.documents import LIMITS, Limits, too_large
from inventory.importers.problem import ImportProblem
from inventory.importers.reading import Format, ReadResult, read

_ENDINGS = (".json", ".jsonc")
_NOT_WALKED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv"})


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """A file in a folder whose ending no importer reads."""

    file: str


def read_paths(
    paths: Iterable[str | Path],
    *,
    fingerprint_key: bytes | None = None,
    format: Format = "auto",
    limits: Limits = LIMITS,
) -> Iterator[ReadResult | ImportProblem | NotLookedAt]:
    """Read files, and folders with everything below them, in a stable order.

    A file that is named is read whatever its ending; in folders those that end in ``.json`` or ``.jsonc``, hidden
    ones included. A manifest names a file relative to the folder that was given.

    Args:
        paths: files and folders.
        fingerprint_key: of this installation, if secrets are to have fingerprints.
        format: what each must be; ``auto`` looks.
        limits: how much of one file is read.

    Yields:
        A result for each automation; a problem for each file that could not be read, the others being read all the
        same; and a note for each file that was not looked at.
    """
    for path in map(Path, paths):
        for found, name in _walk(path):
            if found != path and not name.lower().endswith(_ENDINGS):
                yield NotLookedAt(str(found))
                continue
            try:
                yield from read(
                    name, _bytes(found, limits), fingerprint_key=fingerprint_key, format=format, limits=limits
                )
            except ImportProblem as problem:
                yield ImportProblem(str(found), problem.place, problem.reason, problem.what_to_do)


def _walk(path: Path) -> Iterator[tuple[Path, str]]:
    """(file, name to show) of a file, or of every file below a folder."""
    if not path.is_dir():
        yield path, path.name
        return
    for folder, folders, files in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _NOT_WALKED)
        for name in sorted(files):
            found = Path(folder, name)
            if not found.is_symlink():
                yield found, found.relative_to(path).as_posix()


def _bytes(path: Path, limits: Limits) -> bytes:
    refused = ""
    try:
        if not path.is_file():
            refused = "there is no such file" if not path.exists() else "it is not an ordinary file"
        elif path.stat().st_size > limits.size:
            too_large(str(path), limits)
        else:
            return path.read_bytes()
    except OSError as error:
        refused = f"it could not be opened ({error.strerror})"
    raise ImportProblem(str(path), "", refused, "Check the path, and that you may read it.")
