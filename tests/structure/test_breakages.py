"""The kept breakages fit the code: each patch applies and names tests that exist."""

from __future__ import annotations

import subprocess

import pytest

from tests.breakages.__main__ import ROOT, Breakage, breakages


@pytest.mark.parametrize("breakage", breakages(), ids=lambda breakage: breakage.path.stem)
def test_breakage_applies_and_names_existing_tests(breakage: Breakage) -> None:
    applied = subprocess.run(
        ["git", "apply", "--check", str(breakage.path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert applied.returncode == 0, applied.stderr
    for test in breakage.tests:
        path, _, name = test.partition("::")
        assert not name or f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8"), test
