"""`make check`: lint, and the tests of the files that git reports as changed, with the files that import them, in 90 seconds.

The nearest tests run first: changed test files, then those that import a changed file, then those that import its importers. What
the last runs measured says how many of them fit into the time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp

from tests.structure import lint

ROOT = lint.ROOT
PACKAGES = ("governance", "inventory", "approvals", "tests")

#: Seconds of the whole command on two cores.
LIMIT = 90

#: What pytest exits with when it ran no test.
NO_TESTS = 5

#: Seconds that a test file takes that no run has measured, and that starting takes.
UNMEASURED, START = 9.0, 15.0

#: Modules that import every view or every task: what imports these says nothing about a change.
WIRING = ("urls", "settings", "celery", "apps", "conftest", "starting_points")

#: Tests that open every page by its address.
ALL_PAGES = "tests.matrix.test_addresses"


def changed_files() -> list[Path]:
    """The files that differ from the last commit, relative to the project; deleted ones left out."""
    result = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [Path(entry[3:]) for entry in result.stdout.split("\0") if entry]
    return [path for path in paths if (ROOT / path).is_file()]


def module_of(path: Path) -> str:
    """The dotted name of a Python file: ``approvals/desk.py`` is ``approvals.desk``."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def paths_of_tests(modules: Iterable[str]) -> list[str]:
    """The paths of those modules that hold tests, in order."""
    return sorted(
        f"{module.replace('.', '/')}.py" for module in modules if module.rpartition(".")[2].startswith("test_")
    )


def readers_of(path: Path) -> Iterator[Path]:
    """The Python files that name a template, a mail's event, a policy or another file that isn't Python."""
    name = path.parent.name if "email" in path.parts else path.name
    if path.suffix == ".html" and "email" not in path.parts:
        name = path.as_posix().partition("/")[2]  # templates are named by their folder too
    named = re.compile(rf"(?<![\w/.-]){re.escape(name)}(?![\w-])")
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            if named.search(source.read_text(encoding="utf-8")):
                yield source.relative_to(ROOT)


def tests_of_pages(view: str) -> str:
    """The start of the names of the tests that open the pages of a view by their addresses: its folder, mirrored."""
    return f"tests.{view.partition('.views')[0].removeprefix('governance.')}."


def nearest(changed: Iterable[Path]) -> list[str]:
    """The test files of some changed files, the nearest first."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    modules: set[str] = set()
    for path in changed:
        modules |= {module_of(file) for file in ([path] if path.suffix == ".py" else readers_of(path))}
    rings = [modules & graph.modules]
    for _ in range(2):
        importers = {importer for module in rings[-1] for importer in graph.find_modules_that_directly_import(module)}
        rings.append({importer for importer in importers if importer.rpartition(".")[2] not in WIRING})
    if folders := tuple(tests_of_pages(module) for module in rings[0] if ".views" in module):
        rings.insert(1, {module for module in graph.modules if module.startswith(folders)})
        rings.append({ALL_PAGES})
    return list(dict.fromkeys(path for ring in rings for path in paths_of_tests(ring)))


def fitting(files: Iterable[str], changed: Iterable[Path], seconds: float) -> tuple[list[str], list[str]]:
    """The files that fit into some seconds on two cores, and those that don't. Changed test files always run.

    Args:
        files: paths, the nearest first.
        changed: paths of changed files.
        seconds: the time that is left.
    """
    changed_names = {path.as_posix() for path in changed}
    record = ROOT / ".pytest_cache" / "v" / "countersign" / "seconds"
    measured: dict[str, float] = json.loads(record.read_text()) if record.is_file() else {}
    chosen, left, spent = [], [], START
    for path in files:
        takes = measured.get(path, UNMEASURED) / 2
        if spent + takes > seconds and path not in changed_names:
            left.append(path)
            continue
        chosen.append(path)
        spent += takes
    return chosen, left


def main() -> int:
    """Run both; returns the exit status."""
    began = time.monotonic()
    failed = lint.main()
    changed = changed_files()
    files = nearest(changed)
    if not files:
        print("No test reads a file that git reports as changed: nothing was tested. make test runs every rule.")
        return failed
    chosen, left = fitting(files, changed, LIMIT - (time.monotonic() - began))
    if chosen:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--maxprocesses", "4", *chosen]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        failed |= 0 if status == NO_TESTS else status  # of these files make full alone runs tests
    if left:
        print(f"Not run, for lack of time: {' '.join(left)}\nmake test runs them.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
