"""Files and folders on disk, for the command line. Reads only; follows no link out of a folder."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from inventory.importers.documents import LIMITS, Limits, too_large
from inventory.importers.problem import WHOLE_FILE, ImportProblem
from inventory.importers.reader import YAML, ReadResult, begins_as_json, is_yaml, read_export
from inventory.importers.unsupported_platforms import refused_text

_ENDINGS = (".json", ".jsonc")
_NOT_WALKED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv"})

#: First bytes that are read of a file with another ending.
_HEAD = 4096
LINK = "it is a link, and links are not followed"
_NOT_A_FILE = "it is not an ordinary file"
_FOLDER = "a folder of this name is not walked"


@dataclass(frozen=True, slots=True)
class NotRead:
    """Something in a folder that is not importable, with the reason as a clause without a full stop."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, {WHOLE_FILE}: not read, {self.reason}."


Found = ReadResult | ImportProblem | NotRead


def read_paths(
    paths: Iterable[str | Path],
    *,
    fingerprint_key: bytes | None = None,
    limits: Limits = LIMITS,
) -> Iterator[Found]:
    """Read files, and folders with everything below them, in a stable order.

    A named file is read with any ending. In folders, files with ``.json`` or ``.jsonc`` are read, hidden ones included,
    and other files by content. A manifest names a file relative to the given folder.

    Args:
        paths: files and folders.
        fingerprint_key: of this installation, if secrets are to have fingerprints.
        limits: limits of one file.

    Yields:
        A result for each automation, a problem for each unreadable file, and a reason for everything else in a folder.
    """
    for path in map(Path, paths):
        for entry in _walk(path):
            if isinstance(entry, NotRead | ImportProblem):
                yield entry
                continue
            name = entry.name if entry == path else entry.relative_to(path).as_posix()
            is_asked_for = entry == path or name.lower().endswith(_ENDINGS)
            if not is_asked_for and (reason := _reason_to_skip(entry, limits)):
                yield NotRead(str(entry), reason)
                continue
            try:
                data = _bytes(entry, limits)
                yield from read_export(name, data, fingerprint_key=fingerprint_key, limits=limits)
            except ImportProblem as problem:
                is_of_another = problem.platform and not problem.is_known and entry != path
                if (is_asked_for and not is_of_another) or problem.is_known:
                    yield ImportProblem(str(entry), problem.place, problem.reason, problem.what_to_do)
                else:
                    yield NotRead(str(entry), problem.reason if problem.platform else _unknown_format(entry))


def _walk(path: Path) -> Iterator[Path | NotRead | ImportProblem]:
    """A file, or the content of a folder: files, skipped entries, and folders that can't be opened."""
    if not path.is_dir():
        yield path
        return
    closed: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=closed.append, followlinks=False):
        linked = {name for name in folders if Path(folder, name).is_symlink()}
        skipped = sorted(linked | _NOT_WALKED.intersection(folders))
        yield from (NotRead(str(Path(folder, name)), LINK if name in linked else _FOLDER) for name in skipped)
        folders[:] = sorted({*folders}.difference(skipped))
        for file_path in (Path(folder, name) for name in sorted(files)):
            yield NotRead(str(file_path), LINK) if file_path.is_symlink() else file_path
    yield from (_not_opened(Path(error.filename), _closed(error)) for error in closed)


def _reason_to_skip(path: Path, limits: Limits) -> str:
    """Reason for not reading a file of another ending, or empty if its beginning may be importable."""
    try:
        if not path.is_file():
            return _NOT_A_FILE
        with path.open("rb") as opened:
            head = opened.read(_HEAD)
        size = path.stat().st_size
    except OSError as error:
        return _closed(error)
    may_be_ours = is_yaml(path.name) or begins_as_json(head) or refused_text(path.name, head)
    return "" if may_be_ours and size <= limits.size else _unknown_format(path)


def _unknown_format(path: PurePath) -> str:
    """Reason that a file has no readable format, from its ending."""
    if is_yaml(path.name):
        return YAML
    ending = path.suffix.lower()
    return f"no format that is read {f'ends in {ending}' if ending else 'has a name without an ending'}"


def _bytes(path: Path, limits: Limits) -> bytes:
    try:
        if not path.exists():
            raise _not_opened(path, "there is no such file")
        if not path.is_file():
            raise _not_opened(path, _NOT_A_FILE)
        if path.stat().st_size > limits.size:
            too_large(str(path), limits)
        return path.read_bytes()
    except OSError as error:
        raise _not_opened(path, _closed(error)) from None


def _closed(error: OSError) -> str:
    return f"it could not be opened ({error.strerror})"


def _not_opened(path: PurePath, reason: str) -> ImportProblem:
    return ImportProblem(str(path), "", reason, "Check the path, and that you may read it.")
