"""Which tests `make check` chooses for changed files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.environment import ROOT
from tests.structure import check


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The import graph of the project."""
    return check.import_graph()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of one package, which stands alone."""
    (tmp_path / "small_package").mkdir()
    (tmp_path / "small_package/__init__.py").touch()
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "PACKAGES", ("small_package",))
    monkeypatch.setattr(check.lint, "main", lambda: False)
    monkeypatch.syspath_prepend(tmp_path)
    check.sources.cache_clear()
    yield tmp_path
    check.sources.cache_clear()


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("approvals/sql/grants.sql", "tests/structure/test_sql.py"),
        ("approvals/sql/grants.sql", "tests/approvals/models/test_triggers.py"),
        ("governance/core/sql/ledger.sql", "tests/structure/test_sql.py"),
        ("inventory/migrations/0001_initial.py", "tests/structure/test_sql.py"),
        ("approvals/hooks.py", "tests/approvals/grants/test_lifecycle.py"),
        ("approvals/urls.py", "tests/matrix/test_addresses.py"),
        ("governance/urls.py", "tests/matrix/test_addresses.py"),
        ("governance/settings/base.py", "tests/settings/test_env.py"),
        ("pyproject.toml", "tests/structure/test_code.py"),
        ("requirements/base.txt", "tests/structure/test_code.py"),
        ("static/css/layout.css", "tests/web/pages/test_templates.py"),
        ("static/css/components/row-marks.css", "tests/web/components/test_marks.py"),
        ("static/js/frame.js", "tests/browser/test_portal_pages.py"),
        ("docs/walk.md", "tests/structure/test_docs.py"),
        ("docs/decisions/0004-django.md", "tests/structure/test_docs.py"),
        ("approvals/conflicts/default/agents.yaml", "tests/approvals/conflicts/test_default_rules.py"),
        ("approvals/submissions/transitions/transfer.py", "tests/approvals/submissions/test_transfer.py"),
        ("templates/approvals/intake/row.html", "tests/web/pages/test_templates.py"),
    ],
)
def test_changed_file_has_a_test(graph: grimp.ImportGraph, path: str, test: str) -> None:
    assert (ROOT / path).is_file()
    assert test in check.nearest([Path(path)], graph)


def test_changed_test_and_importers_of_a_changed_module_are_chosen(graph: grimp.ImportGraph) -> None:
    this = "tests/structure/test_check.py"
    assert check.nearest([Path(this)], graph) == [this]
    assert this in check.nearest([Path("tests/structure/check.py")], graph)


def test_table_names_existing_tests() -> None:
    tests = {test for tests in check.TESTS_BY_PATH.values() for test in tests}
    assert {test for test in tests if not (ROOT / test).is_file()} == set()


def test_deleted_file_has_the_tests_that_still_name_it(project: Path) -> None:
    package = project / "small_package"
    (package / "test_dotted.py").write_text("import small_package.gone\n")
    (package / "test_name.py").write_text("from small_package import (\n    gone,\n)\n")
    (package / "test_other.py").write_text("from small_package import gone_by\n")
    (package / "test_page.py").write_text('PAGE = "parts/gone.html"\n')
    names = ["small_package/test_dotted.py", "small_package/test_name.py"]
    assert check.nearest([Path("small_package/gone.py")]) == names
    assert check.nearest([Path("templates/parts/gone.html")])[0] == "small_package/test_page.py"


def test_deleted_file_is_a_changed_file(project: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b.example", *words], cwd=project, check=True)

    (project / "gone.css").touch()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "Add files")
    (project / "gone.css").unlink()
    (project / "new.css").touch()
    assert check.changed_files() == [Path("gone.css"), Path("new.css")]


def test_outside_git_one_sentence_says_what_to_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 1
    assert capsys.readouterr().out == (
        "Git can't report which files changed here: run make check in a git checkout, or run make test.\n"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"x = 1\ndef (\n",
            "small_package/bad.py, line 2 is not valid Python: correct it, then run make check again.",
        ),
        (b'x = "\xe9"\n', "small_package/bad.py is not UTF-8: save it as UTF-8, then run make check again."),
    ],
    ids=["syntax", "encoding"],
)
def test_unreadable_file_gets_one_sentence_that_says_what_to_do(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes, sentence: str
) -> None:
    (project / "small_package/bad.py").write_bytes(content)
    monkeypatch.setattr(check, "changed_files", lambda: [Path("small_package/bad.py")])
    assert check.main() == 1
    assert capsys.readouterr().out == f"{sentence}\n"
