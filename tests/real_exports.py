"""The real exports that may stand beside the project: one of the parts that a run can require (`environment.required`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.environment import ROOT, required

FOLDER = ROOT.parent / "shared" / "data"


def folder() -> Path:
    """The folder of the real exports; without one, a skip, or a failure where they are required."""
    if reason := missing():
        (pytest.fail if required("samples") else pytest.skip)(reason)
    return FOLDER


def missing() -> str:
    """What a run without the folder says; empty where it is there."""
    return "" if FOLDER.is_dir() else f"no real exports in {FOLDER}: the tests that read them do not run"
