"""`make check`: lint, and the tests of the files that git reports as changed, with the files that import them, in 90 seconds.

The nearest tests run first: changed test files, then those that import a changed file, then those that import its importers. A
table names the tests of files that no test imports; what no test reads at all has the tests of its folder. What the last runs
measured says how many of them fit into the time. A deleted file has the tests of the files that still name it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import zip_longest
from pathlib import Path

import grimp
from grimp.exceptions import SourceSyntaxError

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
ADDRESSES = "tests/matrix/test_addresses.py"

#: It names files as examples of changes only.
EXAMPLES = Path("tests/structure/test_check.py")

#: Tests of the database's functions and triggers. An upgrade (tests/demo/loading/test_upgrade.py) is tested by make full alone.
DATABASE = ("tests/structure/test_sql.py", "tests/structure/test_row_protection.py")

#: Tests of files that no test imports, by the pattern of their path; the cheapest that fail with them.
TESTS_BY_PATH: Mapping[str, tuple[str, ...]] = {
    "approvals/sql/*.sql": (*DATABASE, "tests/approvals/models/test_triggers.py"),
    "*/sql/*.sql": DATABASE,
    "*/migrations/*.py": DATABASE,
    "approvals/hooks.py": (
        "tests/structure/test_declarations.py",
        "tests/approvals/grants/test_lifecycle.py",
        "tests/approvals/parties/test_joining_parties.py",
    ),
    "*/urls.py": (ADDRESSES,),
    "*/apps.py": ("tests/structure/test_declarations.py", ADDRESSES),
    "*/tasks.py": ("tests/structure/test_timetable.py",),
    "*/management/commands/*.py": ("tests/matrix/test_programs.py",),
    "governance/settings/*.py": (
        "tests/settings/test_env.py",
        "tests/settings/test_start.py",
        "tests/structure/test_csrf.py",
    ),
    "manage.py": ("tests/settings/test_start.py",),
    "pyproject.toml": ("tests/structure/test_code.py",),
    "requirements/*": ("tests/structure/test_code.py",),
    "static/*": (
        "tests/web/components/test_marks.py",
        "tests/web/pages/test_templates.py",
        "tests/portal/test_cache_control.py",
    ),
    "static/js/*": ("tests/browser/test_portal_pages.py",),
    "templates/*": ("tests/structure/test_code.py", "tests/web/pages/test_templates.py"),
    "docs/*.md": ("tests/structure/test_docs.py",),
    "README.md": ("tests/structure/test_docs.py",),
    "Makefile": ("tests/structure/test_docs.py",),
}


class NoChoice(Exception):
    """Says in one sentence why no tests can be chosen, and what to do."""


def changed_files() -> list[Path]:
    """The files that differ from the last commit, relative to the project; deleted ones too."""
    result = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise NoChoice("Git can't report which files changed here: run make check in a git checkout, or run make test.")
    return [Path(entry[3:]) for entry in result.stdout.split("\0") if entry]


@cache
def sources() -> Mapping[Path, str]:
    """The text of every Python file of the packages, by its path relative to the project."""
    texts = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            try:
                texts[path.relative_to(ROOT)] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                raise NoChoice(
                    f"{path.relative_to(ROOT)} is not UTF-8: save it as UTF-8, then run make check again."
                ) from None
    return texts


def import_graph() -> grimp.ImportGraph:
    """Return the import graph of the packages.

    Raises:
        NoChoice: a file is not UTF-8, or is not valid Python.
    """
    sources()  # every file is UTF-8
    try:
        return grimp.build_graph(*PACKAGES, cache_dir=None)
    except SourceSyntaxError as error:
        path = Path(error.filename).relative_to(ROOT)
        raise NoChoice(
            f"{path}, line {error.lineno} is not valid Python: correct it, then run make check again."
        ) from None


def module_of(path: Path) -> str:
    """The dotted name of a Python file: ``approvals/desk.py`` is ``approvals.desk``."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def paths_of_tests(modules: Iterable[str]) -> list[str]:
    """The paths of those modules that hold tests, in order."""
    return sorted(
        f"{module.replace('.', '/')}.py" for module in modules if module.rpartition(".")[2].startswith("test_")
    )


def readers_of(path: Path) -> list[Path]:
    """The Python files that name a template, a mail's event, a policy or another file that isn't Python."""
    is_mail = "email" in path.parts
    names = ["/".join(path.parts[start:]) for start in range(len(path.parts))]
    if is_mail:
        names = [path.parent.name]
    elif path.suffix == ".html":
        names = names[:2]  # templates are named by their folder too
    named = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")
    shortest = path.parent.name if is_mail else path.name
    return [
        source for source, text in sources().items() if shortest in text and source != EXAMPLES and named.search(text)
    ]


def importers_of_deleted(module: str) -> list[Path]:
    """The Python files that import a module that is gone, as far as their text says."""
    parent, _, name = (re.escape(part) for part in module.rpartition("."))
    if not parent:
        return []
    named = re.compile(rf"\b{parent}\.{name}\b|\bfrom {parent} import (?:\([^)]*|[^\n(]*)\b{name}\b")
    return [source for source, text in sources().items() if named.search(text)]


def tests_of_pages(view: str) -> str:
    """The start of the names of the tests that open the pages of a view by their addresses: its folder, mirrored."""
    return f"tests.{view.partition('.views')[0].removeprefix('governance.')}."


def tests_of_folder(path: Path) -> list[str]:
    """The test files of the folder that mirrors a file's folder, or of the nearest one above it."""
    for folder in path.parents:
        parts = folder.parts[1:] if folder.parts[:1] in [("governance",), ("templates",)] else folder.parts
        if parts and (tests := sorted((ROOT / "tests" / Path(*parts)).rglob("test_*.py"))):
            return [test.relative_to(ROOT).as_posix() for test in tests]
    return []


def tests_of(path: Path, graph: grimp.ImportGraph) -> list[list[str]]:
    """The test files of one changed file: the nearest, then those less near, and so on."""
    module = module_of(path)
    if module in graph.modules and path.suffix == ".py":
        modules = {module}
    else:
        files = importers_of_deleted(module) if path.suffix == ".py" else readers_of(path)
        modules = {module_of(file) for file in files} & graph.modules
    rings = [modules]
    for _ in range(2):
        importers = {importer for module in rings[-1] for importer in graph.find_modules_that_directly_import(module)}
        rings.append({importer for importer in importers if importer.rpartition(".")[2] not in WIRING})
    if folders := tuple(tests_of_pages(module) for module in rings[0] if ".views" in module):
        rings.insert(1, {module for module in graph.modules if module.startswith(folders)})
        rings.append({ALL_PAGES})
    found = [paths_of_tests(ring) for ring in rings]
    for pattern, tests in TESTS_BY_PATH.items():
        if fnmatchcase(path.as_posix(), pattern):
            found[0].extend(tests)
    return found if any(found) else [tests_of_folder(path)]


def nearest(changed: Iterable[Path], graph: grimp.ImportGraph | None = None) -> list[str]:
    """The test files of some changed files, the nearest first.

    Args:
        changed: paths relative to the project.
        graph: the import graph; built if not given.
    """
    graph = graph or import_graph()
    rings = zip_longest(*(tests_of(path, graph) for path in changed), fillvalue=())
    return list(dict.fromkeys(test for ring in rings for tests in ring for test in tests))


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
    try:
        changed = changed_files()
        files = nearest(changed)
    except NoChoice as reason:
        print(reason)
        return 1
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
