"""Tests on real exports fail where the exports are required and missing, and no test finds them by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import conftest, real_exports
from tests.environment import ROOT
from tests.structure.file_sizes import naming

pytestmark = pytest.mark.rule("H1")


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real exports stand beside the project."""
    monkeypatch.setattr(real_exports, "FOLDER", tmp_path / "nowhere")


@pytest.mark.usefixtures("without")
def test_missing_exports_fail_where_they_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE", "postgres, samples")
    with pytest.raises(pytest.fail.Exception, match=r"no real exports in .*nowhere"):
        real_exports.folder()


@pytest.mark.usefixtures("without")
def test_missing_exports_are_skipped_and_named_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE", "postgres")
    with pytest.raises(pytest.skip.Exception, match=r"no real exports in .*nowhere"):
        real_exports.folder()
    assert conftest.pytest_report_header()[1:] == [f"WARNING: {real_exports.missing()}"]


def test_a_merge_requires_the_exports() -> None:
    required = (ROOT / ".ci/run").read_text(encoding="utf-8").partition("REQUIRE:-")[2].partition("}")[0]
    assert "samples" in required.split(",")


def test_one_module_alone_says_where_the_exports_are() -> None:
    finders = set()
    for path in sorted(naming((ROOT / "tests").rglob("*.py"), "shared")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
                finders |= {path.relative_to(ROOT).as_posix()} if node.right.value == "shared" else set()
    assert finders == {"tests/real_exports.py"}
