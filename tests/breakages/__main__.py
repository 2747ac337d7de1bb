"""Apply each patch of this folder to a copy of the commit, and run the tests that must fail with it.

``python -m tests.breakages`` tries all patches, ``python -m tests.breakages sod1 ledger`` those whose names contain a word. It prints
one line per patch and exits with 1 if a breakage stays unseen.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
#: Begins the line of a patch that names its tests, as pytest takes them.
CAUGHT_BY = "Caught by: "


@dataclass(frozen=True)
class Breakage:
    """One patch.

    Args:
        path: of the patch. Its first line says what it breaks.
        tests: ids of tests that must fail, as pytest takes them.
    """

    path: Path
    tests: tuple[str, ...]


def breakages(words: Sequence[str] = ()) -> list[Breakage]:
    """Return the patches of this folder whose names contain one of the words, or all, by name."""
    paths = [path for path in sorted(FOLDER.glob("*.patch")) if not words or any(word in path.stem for word in words)]
    return [Breakage(path, tests_of(path.read_text(encoding="utf-8"))) for path in paths]


def tests_of(text: str) -> tuple[str, ...]:
    """Return the tests that a patch names.

    Raises:
        ValueError: it names none.
    """
    tests = [line.removeprefix(CAUGHT_BY).strip() for line in text.splitlines() if line.startswith(CAUGHT_BY)]
    if not tests:
        raise ValueError(f"Write “{CAUGHT_BY}” and a test's id above the patch.")
    return tuple(tests)


def is_caught(breakage: Breakage, checkout: Path) -> bool:
    """Return whether a test fails in a checkout with the patch applied; the checkout is clean afterwards.

    Raises:
        CalledProcessError: the patch no longer applies.
    """
    subprocess.run(["git", "apply", str(breakage.path)], cwd=checkout, check=True)
    try:
        command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", *breakage.tests]
        return subprocess.run(command, cwd=checkout, capture_output=True, check=False).returncode == 1
    finally:
        subprocess.run(["git", "checkout", "-q", "--", "."], cwd=checkout, check=True)


def main(words: Sequence[str]) -> int:
    """Try the patches and return the exit status."""
    unseen = 0
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        for breakage in breakages(words):
            caught = is_caught(breakage, checkout)
            unseen += not caught
            print(f"{'caught' if caught else 'UNSEEN'}  {breakage.path.stem}", flush=True)
    return int(unseen > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
