"""Folders from a shell: the same upload and the same report, stopped by Ctrl-C and gone on with (I1, I7)."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from approvals.intake import bulk_import
from inventory.models import Automation, BatchState, ImportBatch
from tests.approvals.intake.uploads import batches
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five exports, one of which can't be read, and what else stands about."""
    for number in range(4):
        name, data = batches.export(number)
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "exports" / "README.md").write_text("What this is.")
    return tmp_path


def run(c: Company, folder: Path, **more: Any) -> tuple[int, str, str]:
    """Run it as Rita; its exit code and what it said."""
    out, err = io.StringIO(), io.StringIO()
    options = {"team": "Finance Operations", "by": c.people.rita.email, "owner": c.people.jonas.email, **more}
    try:
        call_command("import_folder", str(folder), **options, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.rule("I1")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"team": "Nobody"}, "No team is called Nobody."),
        ({"by": "nobody@northwind.example"}, "Nobody is here as nobody@northwind.example."),
        ({"by": "sana.iqbal@northwind.example"}, "You don’t have access to this."),
        ({"owner": "sana.iqbal@northwind.example"}, "Sana Iqbal belongs neither to Finance Operations"),
    ],
)
def test_command_refuses_unknown_or_unauthorised_person_first(
    company: Company, folder: Path, wrong: dict[str, str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run(company, folder, **wrong)
    assert not ImportBatch.objects.exists()


@pytest.mark.rule("I7", "I8")
def test_repeated_folder_import_changes_nothing(company: Company, folder: Path) -> None:
    assert run(company, folder)[:2] == (0, "4 new, 0 not read.\n")
    before = batches.rows()
    code, out, err = run(company, folder)
    assert (code, out) == (0, "4 unchanged, 0 not read.\n")
    assert "1 passed over: no format that is read ends in .md." in err
    assert batches.rows() == before
    (folder / "exports" / "broken.json").write_text("{")
    code, out, _ = run(company, folder)
    assert code == 1
    assert "not read: exports/broken.json, line 1" in out
    assert str(folder) not in out, "a path of this machine is nobody's business"


@pytest.mark.rule("I7", "R9")
def test_interrupted_folder_import_continues_next_time(
    company: Company, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_import, "import_slice", _interrupted(bulk_import.import_slice))
    code, out, err = run(company, folder)
    assert code == 130
    assert "run it again to go on" in err
    assert out == "3 new, 1 not imported, 0 not read.\n"
    assert ImportBatch.objects.get().progress == BatchState.PREVIEW, "no worker goes on with it either"
    monkeypatch.undo()
    assert run(company, folder)[:2] == (0, "4 new, 0 not read.\n")
    assert ImportBatch.objects.count() == 1
    assert Automation.objects.count() == 4


def _interrupted(real: Any) -> Any:
    """Import three, and press Ctrl-C during it."""

    def bring(batch: ImportBatch, now: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(batch, now, 3)

    return bring
