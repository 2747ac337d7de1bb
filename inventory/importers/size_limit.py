"""Refuse an automation with more parts than one form can send or a person can review (I7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from inventory.importers.manifest import privilege_key
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import ReadResult, file_shown, read

#: As many privileges and credentials one automation may ask for: each is three fields of a form, and a form has at most 2,000.
MOST_ROWS = 600

#: Shown name of a file, with one of its automations or the reason why there is none.
Found = tuple[str, ReadResult | ImportProblem]


def results_of(name: str, data: bytes, fingerprint_key: bytes) -> list[Found]:
    """Read one file: a result for each automation, or its refusal, with the file's displayed name."""
    try:
        return [(file_shown(name), result) for result in read(name, data, fingerprint_key=fingerprint_key)]
    except ImportProblem as problem:
        return [(problem.file, problem)]


def refuse_too_large(results: Sequence[Found]) -> list[Found]:
    """Results with a refusal in place of each automation that is too large."""
    in_file = Counter(name for name, result in results if isinstance(result, ReadResult))
    return [
        (name, (_too_long(name, result, is_alone=in_file[name] == 1) or result))
        if isinstance(result, ReadResult)
        else (name, result)
        for name, result in results
    ]


def _too_long(name: str, result: ReadResult, *, is_alone: bool) -> ImportProblem | None:
    manifest = result.manifest
    rows = len({privilege_key(privilege, "") for privilege in manifest.privileges}) + len(manifest.credentials)
    if rows <= MOST_ROWS:
        return None
    reason = f"it uses {rows:,} things, and one automation may use {MOST_ROWS}"
    return ImportProblem(name, "" if is_alone else manifest.name, reason, "Split it into several automations.")
