"""The command: manifests on standard output, problems on standard error, no database, the exit status says it all."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
def test_command_prints_one_manifest_per_line() -> None:
    status, out, err = _run(str(EXPORTS))
    manifests = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert len(manifests) == len(list(EXPORTS.iterdir()))
    assert {each["schema"] for each in manifests} == {"countersign.manifest/1"}
    assert out.isascii()
    assert err == f"{len(manifests)} automations read, 0 files refused\n"


@pytest.mark.rule("I7", "I8")
def test_unreadable_file_is_named_and_others_print(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{\n  "a": oops\n}')
    (tmp_path / "good.json").write_text(json.dumps(server(url="https://a.example/mcp")))
    (tmp_path / "README.md").write_text("words")
    status, out, err = _run(str(tmp_path))
    assert status == 1
    assert len(out.splitlines()) == 1
    assert f"{tmp_path / 'bad.json'}, line 2, column 8: this is not JSON" in err
    assert "oops" not in err
    assert f"{tmp_path / 'README.md'}, the whole file: not read, no format that is read ends in .md." in err
    assert err.endswith("1 automations read, 1 files refused, 1 other files not read\n")


@pytest.mark.rule("I8")
def test_every_file_of_a_folder_that_is_not_read_is_named_with_its_reason(tmp_path: Path) -> None:
    tool = {"name": "add_issue", "description": "Add one.", "inputSchema": {"type": "object"}}
    files: dict[str, bytes] = {
        "good.json": json.dumps(server(url="https://a.example/mcp")).encode(),
        "flow.txt": json.dumps(workflow(node("slack", "Post", 2.3), name="In a text file")).encode(),
        "add_issue.snap": json.dumps(tool).encode(),
        "server.yaml": b"name: asana\ntype: remote\nabout:\n  title: Asana\n",
        "deploy.yml": b"kind: Deployment\n",
        "README.md": b"[![badge](x)]\nwords",
        "LICENSE": b"MIT",
        "logo.png": b"\x89PNG\r\n\x1a\n\x00\x00\xff{",
        "empty.log": b"",
        "odd.dat": b"{\xff\xfe not text",
        "notebook.ipynb": b'{"cells": []}',
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link.json").symlink_to(tmp_path / "good.json")
    (tmp_path / "linked").symlink_to(tmp_path.parent, target_is_directory=True)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "package.json").write_text("{}")
    os.mkfifo(tmp_path / "pipe.log")
    with (tmp_path / "huge.sql").open("wb") as huge:
        huge.write(b"{")
        huge.truncate(30 * 1024**3)  # takes no room on the disk, and would all of the memory

    status, out, err = _run(str(tmp_path))

    assert status == 0
    assert sorted(json.loads(line)["name"] for line in out.splitlines()) == ["In a text file", "good"]
    lines = err.splitlines()
    assert lines[-1] == "2 automations read, 0 files refused, 14 other files not read"
    line_by_file = {line.partition(", the whole file: ")[0].rpartition("/")[2]: line for line in lines[:-1]}
    assert len(line_by_file) == len(lines) - 1 == 14
    reasons = {
        "add_issue.snap": "not read, this is a list of tools of an MCP server; not read yet",
        "server.yaml": "not read, this is the description of an MCP server for a registry; not read yet",
        "deploy.yml": "not read, YAML is not read yet",
        "README.md": "not read, no format that is read ends in .md",
        "LICENSE": "not read, no format that is read has a name without an ending",
        "logo.png": "not read, no format that is read ends in .png",
        "empty.log": "not read, no format that is read ends in .log",
        "odd.dat": "not read, no format that is read ends in .dat",
        "notebook.ipynb": "not read, no format that is read ends in .ipynb",
        "link.json": "not read, it is a link, and links are not followed",
        "linked": "not read, it is a link, and links are not followed",
        "node_modules": "not read, a folder of this name is not walked",
        "pipe.log": "not read, it is not an ordinary file",
        "huge.sql": "not read, no format that is read ends in .sql",
    }
    assert {name: reason for name, reason in reasons.items() if reason not in line_by_file[name]} == {}


@pytest.mark.rule("I7", "I8")
def test_files_of_other_platforms_in_a_folder_are_named_and_are_no_failure(tmp_path: Path) -> None:
    others = {
        "ci.yml": ("on: push\njobs: {}\n", "a GitHub Actions workflow"),
        "app.yml": ("kind: app\napp: {}\n", "a Dify app"),
        "agent.md": ("---\nname: a\ndescription: b\ntools: Read\n---\n", "a Claude Code agent"),
        "role.json": ('{"Version": "2012-10-17", "Statement": []}', "an AWS policy"),
    }
    (tmp_path / "good.json").write_text(json.dumps(server(url="https://a.example/mcp")))
    for name, (text, _) in others.items():
        (tmp_path / name).write_text(text)
    status, _, err = _run(str(tmp_path))
    assert status == 0
    assert err.endswith("1 automations read, 0 files refused, 4 other files not read\n")
    for name, (_, platform) in others.items():
        assert f"{tmp_path / name}, the whole file: not read, this is {platform}; not read yet." in err
        assert _run(str(tmp_path / "good.json"), str(tmp_path / name))[0] == 1


@pytest.mark.rule("I8")
def test_file_name_prints_on_one_safe_line(tmp_path: Path) -> None:
    for name in (b"two\nlines.json", b"\x1b[2J.md", b"no text \xff.csv", "übersicht.md".encode()):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("words")
    status, _, err = _run(str(tmp_path))
    assert status == 1
    assert len(err.splitlines()) == 5
    for shown in ("two\\nlines.json, line 1", "\\x1b[2J.md,", "no text \\udcff.csv,", "übersicht.md,"):
        assert shown in err
    err.encode()


@pytest.mark.rule("I8")
def test_a_yaml_that_is_named_says_that_it_is_one(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yaml"
    file.write_text("kind: Deployment\n")
    status, out, err = _run(str(file))
    assert (status, out) == (1, "")
    assert "the whole file: this is YAML, which is not read yet." in err
    file.write_text(json.dumps(server(url="https://a.example/mcp")))  # JSON is YAML
    assert _run(str(file))[0] == 0


def test_a_folder_that_can_not_be_opened_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.json").write_text(json.dumps(server(url="https://a.example/mcp")))
    (tmp_path / "closed").mkdir()
    really = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("closed"):  # root can open every folder
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    status, _, err = _run(str(tmp_path))
    assert status == 1
    assert f"{tmp_path}/closed, the whole file: it could not be opened (Permission denied)." in err


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    status, out, err = _run(str(tmp_path / "missing.json"))
    assert (status, out) == (1, "")
    assert "there is no such file" in err


@pytest.mark.rule("I5")
def test_a_credential_in_several_files_is_reported(tmp_path: Path) -> None:
    for name in ("a", "b"):
        document = workflow(node("slack", "Post", 2.3, bound("slackApi", "s1")), name=name)
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    _, out, _ = _run(str(tmp_path))
    assert [[f["code"] for f in json.loads(line)["findings"]] for line in out.splitlines()] == [
        ["shared_credential"]
    ] * 2


def test_command_needs_no_database_or_broker(root: Path) -> None:
    variables = {
        "DJANGO_SETTINGS_MODULE": "governance.settings.test",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    result = subprocess.run(
        [sys.executable, "manage.py", "preview_import", str(EXPORTS / "weekly-stock-report.json")],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["name"] == "Weekly stock report"


def test_the_importers_load_without_django(root: Path) -> None:
    code = (
        "import sys; sys.modules['django'] = None\n"
        "from inventory.importers import files, reader\n"
        "print(len(reader.read_export(sys.argv[1], open(sys.argv[1], 'rb').read())))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(EXPORTS / "invoice-chaser.json")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr
