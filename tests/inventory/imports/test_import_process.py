"""Importers run in a child process with limits: a file that breaks one is refused in words, and the others of its upload are read (I7, H7)."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from governance.core.keys import key_files
from governance.core.models import Person
from inventory.importers import reader
from inventory.importers.child_process import ProcessLimits
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import Found, ReadResult
from inventory.imports import import_process
from inventory.imports.import_process import ImportBusy, Importer
from inventory.imports.transitions import previews
from tests.people import Northwind, as_actor
from tests.processes import until
from tests.scenarios import EXPORTS

pytestmark = pytest.mark.django_db

LIMITS = import_process.LIMITS
WORD = "notforus7"
GOOD = ("good.json", (EXPORTS / "weekly-stock-report.json").read_bytes())
#: Takes over 60 MB of memory to read, and about a tenth of a second.
LARGE = ("large.json", b'{"nodes": [], "connections": {}, "notforus7": [' + b"{}," * 400_000 + b"1]}")


def read(person: Person, *files: tuple[str, bytes], limits: ProcessLimits = LIMITS, **more: object) -> list[Found]:
    """What an upload of these files gives."""
    return import_process.read_in_child(files, person=person, limits=limits, **more)  # type: ignore[arg-type]


def refused(outcome: Found) -> str:
    """Why a file was refused; nothing of its content is in it."""
    name, problem = outcome
    assert isinstance(problem, ImportProblem)
    assert problem.file == name
    assert WORD not in str(problem)
    return str(problem)


def is_read(outcome: Found) -> bool:
    """Whether a file was read."""
    return isinstance(outcome[1], ReadResult)


@pytest.mark.rule("I7")
def test_child_process_reads_same_result(northwind: Northwind) -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(EXPORTS.glob("*.json"))]
    files += [("broken.json", b"{"), ("../../x\u200b.json", b"[]"), ("empty.json", b"")]
    here, apart = previews.read_files(files), read(northwind.rita, *files)
    assert len(here) > len(files) - 3
    assert [(name, str(result) if isinstance(result, ImportProblem) else result) for name, result in apart] == [
        (name, str(result) if isinstance(result, ImportProblem) else result) for name, result in here
    ]


@pytest.mark.rule("I7")
def test_file_over_cpu_limit_is_refused_and_others_are_read(northwind: Northwind) -> None:
    outcomes = read(northwind.rita, GOOD, LARGE, GOOD, limits=replace(LIMITS, cpu=0.06))
    assert [is_read(outcome) for outcome in outcomes] == [True, False, True]
    assert refused(outcomes[1]).startswith(
        "large.json, the whole file: reading it takes more than 0.06 seconds of computing time. "
        "Import fewer automations at a time"
    )


@pytest.mark.rule("I7")
def test_file_over_memory_limit_is_refused_and_others_are_read(northwind: Northwind) -> None:
    outcomes = read(northwind.rita, GOOD, LARGE, GOOD, limits=replace(LIMITS, memory=64 * 1024 * 1024))
    assert [is_read(outcome) for outcome in outcomes] == [True, False, True]
    assert "reading it takes more memory than one file may use. Import fewer automations" in refused(outcomes[1])


@pytest.mark.rule("I7")
def test_a_file_over_its_time_is_refused(northwind: Northwind) -> None:
    outcomes = read(northwind.rita, GOOD, limits=replace(LIMITS, seconds=0.001))
    assert "reading it takes longer than 0.001 seconds. Import fewer automations" in refused(outcomes[0])


@pytest.mark.rule("I7")
def test_an_upload_over_its_time_refuses_the_files_that_were_not_read_yet(northwind: Northwind) -> None:
    outcomes = read(northwind.rita, GOOD, ("later.json", GOOD[1]), limits=replace(LIMITS, upload=0.0))
    assert [refused(outcome).partition(": ")[2] for outcome in outcomes] == [
        "it was not read, because this upload took longer than 0 seconds. Import fewer files at a time."
    ] * 2


@pytest.mark.rule("I7")
def test_file_over_result_limit_is_refused_and_others_are_read(northwind: Northwind) -> None:
    outcomes = read(northwind.rita, GOOD, ("short.json", b"{"), GOOD, limits=replace(LIMITS, answer=500))
    assert [is_read(outcome) for outcome in outcomes] == [False, False, False]
    assert "what it uses takes more than 500 characters to write down. Import fewer automations" in refused(outcomes[0])
    assert "a member name in double quotes was expected" in refused(outcomes[1])


DEAD = "import os, signal, sys; sys.stdin.buffer.readline(); os.kill(os.getpid(), signal.SIGKILL)"
NONSENSE = "print('{notforus7', flush=True); import sys; sys.stdin.buffer.read()"
ENDLESS = "print('[' * 100_000_000, flush=True)"
WRONG = """print('["read", {"schema": "notforus7"}, []]', flush=True); import sys; sys.stdin.buffer.read()"""


@pytest.mark.rule("I7")
@pytest.mark.parametrize(
    "program", [DEAD, NONSENSE, ENDLESS, WRONG, ""], ids=["killed", "nonsense", "endless", "wrong", "silent"]
)
def test_a_child_that_dies_or_answers_nonsense_refuses_its_file(northwind: Northwind, program: str) -> None:
    outcomes = read(northwind.rita, GOOD, GOOD, program=(sys.executable, "-c", program))
    sentence = (
        "reading it ended unexpectedly. Try it once more; if it is refused again, report a defect, without the file."
    )
    assert [sentence in refused(outcome) for outcome in outcomes] == [True, True]


@pytest.mark.rule("H7")
def test_child_has_limits_and_reads_only_its_pipe() -> None:
    key = key_files.digest_key()
    with Importer(LIMITS) as importer:
        assert is_read(importer.read_file(*GOOD, seconds=20)[0])
        assert importer._process is not None
        process = Path(f"/proc/{importer._process.pid}")
        bounds = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()}
        nice = int((process / "stat").read_text().rpartition(")")[2].split()[16])
        command, variables = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        outputs = [str((process / "fd" / str(number)).readlink()) for number in (1, 2)]
    assert bounds["Max address space"] == [str(LIMITS.memory)] * 2
    assert bounds["Max core file size"] == bounds["Max file size"] == ["0", "0"], "it leaves nothing on a disk"
    assert bounds["Max cpu time"] != ["unlimited", "unlimited"]
    assert int(bounds["Max open files"][1]) <= 32
    assert nice == 19
    assert variables == b"", "no password or key of ours"
    assert key.hex().encode() not in command
    assert outputs[0].startswith("pipe:")
    assert outputs[1] == "/dev/null"
    assert not process.exists(), "it has ended with its upload"


@pytest.mark.rule("H7")
def test_a_child_ends_with_the_thread_that_started_it() -> None:
    """The child asks the kernel for this before it reads a file."""
    code = (
        "import os, sys; from inventory.imports import import_process as p\n"
        "one = p.Importer(p.LIMITS, key=b'k'); one.__enter__(); one.read_file('x.json', b'{', seconds=20)\n"
        "print(one._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    made = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"], capture_output=True, text=True, check=False
    )
    assert made.returncode == -signal.SIGKILL, made.stderr
    pid = int(made.stdout)
    until(lambda: not Path(f"/proc/{pid}").exists(), "the child to end")


@pytest.mark.rule("I7")
def test_a_second_import_of_one_person_is_refused_at_once_over_all_processes(northwind: Northwind) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_lock(hashtextextended(%s, 0))", [import_process.lock_name(northwind.rita)]
            )
        with pytest.raises(ImportBusy) as busy:
            read(northwind.rita, GOOD)
        assert (busy.value.status, busy.value.sentence) == (429, "Another import of yours is still being read.")
        assert is_read(read(northwind.piet, GOOD)[0]), "nobody else waits for it"
        with other.cursor() as cursor:  # a closed connection keeps its locks for a moment
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        other.close()
    assert is_read(read(northwind.rita, GOOD)[0])
    assert is_read(read(northwind.rita, GOOD)[0]), "it is given back"


@pytest.mark.rule("I7")
def test_a_third_import_in_one_process_is_refused_at_once(northwind: Northwind) -> None:
    with import_process.upload_slot(northwind.jonas), import_process.upload_slot(northwind.piet):
        with pytest.raises(ImportBusy) as busy:
            read(northwind.rita, GOOD)
        assert (busy.value.status, busy.value.sentence) == (503, "Two imports are being read at the moment.")
    assert is_read(read(northwind.rita, GOOD)[0])


@pytest.mark.rule("H7")
def test_refused_file_is_neither_kept_nor_logged(
    northwind: Northwind, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    tight = replace(LIMITS, cpu=0.06)
    batch = previews.keep_results(
        read(northwind.rita, LARGE, limits=tight), actor=as_actor(northwind.rita), now=northwind.now
    )
    item = batch.items.get()
    assert WORD not in json.dumps([item.manifest, item.secrets, item.draft, item.reason])
    assert WORD not in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.rule("I7")
@pytest.mark.parametrize("field", ["args", "env", "headers", "tools"])
def test_a_server_with_more_than_a_thousand_entries_of_a_kind_is_refused(field: str) -> None:
    many = [f"x{i}" for i in range(1001)]
    config = {"command": "npx", field: many if field in ("args", "tools") else dict.fromkeys(many, "")}
    with pytest.raises(ImportProblem, match=r"mcpServers/a: it holds more than 1,000 \w+") as problem:
        reader.read_export("x.json", json.dumps({"mcpServers": {"a": config}}).encode())
    assert problem.value.what_to_do == "Import fewer at a time."
