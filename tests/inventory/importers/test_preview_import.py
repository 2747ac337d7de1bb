"""The command: manifests on standard output, problems on standard error, no database, the exit status says it all."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.inventory.importers.samples import EXPORTS, bound, node, server, workflow


def _run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("preview_import", *arguments, stdout=out, stderr=err)
    except SystemExit as left:
        status = int(left.code or 0)
    return status, out.getvalue(), err.getvalue()


@pytest.mark.rule("I7")
def test_it_prints_one_manifest_a_line_for_each_automation() -> None:
    status, out, err = _run(str(EXPORTS))
    manifests = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert len(manifests) == len(list(EXPORTS.iterdir()))
    assert {each["schema"] for each in manifests} == {"countersign.manifest/1"}
    assert out.isascii()
    assert err == f"{len(manifests)} automations read, 0 files refused\n"


@pytest.mark.rule("I7", "I8")
def test_a_file_that_cannot_be_read_is_named_and_the_others_still_print(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{\n  "a": oops\n}')
    (tmp_path / "good.json").write_text(json.dumps(server(url="https://a.example/mcp")))
    (tmp_path / "README.md").write_text("words")
    status, out, err = _run(str(tmp_path))
    assert status == 1
    assert len(out.splitlines()) == 1
    assert f"{tmp_path / 'bad.json'}, line 2, column 8: this is not JSON" in err
    assert "oops" not in err
    assert err.endswith("1 automations read, 1 files refused, 1 other files not looked at\n")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    status, out, err = _run(str(tmp_path / "missing.json"))
    assert (status, out) == (1, "")
    assert "there is no such file" in err


def test_a_format_that_is_asked_for_must_be_the_files() -> None:
    export = str(EXPORTS / "invoice-chaser.json")
    assert _run(export, "--format", "n8n")[0] == 0
    status, _, err = _run(export, "--format", "mcp_client")
    assert status == 1
    assert "not an MCP client configuration" in err


@pytest.mark.rule("I5")
def test_a_credential_in_several_files_is_reported(tmp_path: Path) -> None:
    for name in ("a", "b"):
        document = workflow(node("slack", "Post", 2.3, bound("slackApi", "s1")), name=name)
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    _, out, _ = _run(str(tmp_path))
    assert [[f["code"] for f in json.loads(line)["findings"]] for line in out.splitlines()] == [
        ["shared_credential"]
    ] * 2


def test_it_needs_neither_database_nor_broker(root: Path) -> None:
    told = {
        "DJANGO_SETTINGS_MODULE": "governance.settings.test",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    result = subprocess.run(
        [sys.executable, "manage.py", "preview_import", str(EXPORTS / "weekly-stock-report.json")],
        cwd=root,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["name"] == "Weekly stock report"


def test_the_importers_load_without_django(root: Path) -> None:
    code = (
        "import sys; sys.modules['django'] = None\n"
        "import inventory.importers, inventory.importers.preview\n"
        "print(len(inventory.importers.read(sys.argv[1], open(sys.argv[1], 'rb').read())))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(EXPORTS / "invoice-chaser.json")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr
