"""Seals, checkpoints, exports and the verifiers, on a ledger that is really committed."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.health import queries as health_queries
from governance.core.keys import key_files
from governance.core.ledger import ledger_events, ledger_export, sealing, verifier
from governance.core.models import LedgerEvent, Seal
from tests import run_lengths
from tests.core.ledger import tampering
from tests.core.ledger.appended_events import appended
from tests.core.registered_jobs import run_by_name
from tests.environment import Environment
from tests.people import NOW, make_person
from tests.processes import until

pytestmark = pytest.mark.race

JOB = Actor.of_job("toys.sweep")


def some_events(count: int, subject: Any) -> None:
    """So many events, each in a transaction of its own."""
    for number in range(count):
        ledger_events.append(
            actor=JOB, verb="toy.moved", subject=subject, now=NOW, payload={"number": number, "to": ["a"]}
        )


def exported() -> list[dict[str, Any]]:
    """The lines of an export, parsed."""
    file = StringIO()
    ledger_export.write(file, at=timezone.now())
    return [json.loads(line) for line in file.getvalue().splitlines()]


@pytest.fixture
def subject(committed: None) -> Any:
    """A row that events can be about."""
    return make_person("Toy Mover", word=f"t{timezone.now().timestamp():.6f}")


@pytest.fixture(scope="module")
def exports(django_db_setup: None, django_db_blocker: Any) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """A true export with several seals, and true exports of the same ledger from before; one set for all tests."""
    with django_db_blocker.unblock():
        subject = make_person("Export Mover", word=f"t{timezone.now().timestamp():.6f}")
        sealing.seal_all(at=timezone.now())
        older = []
        for _ in range(6):
            some_events(7, subject)
            sealing.seal_all(at=timezone.now())
            older.append(exported())
    return older[-1], older[:-1]


@pytest.fixture
def true_exports(exports: Any) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """A copy of the exports for one test. The test needs no database."""
    return copy.deepcopy(exports)


@pytest.fixture
def history(exports: Any, subject: Any) -> None:
    """A ledger with several seals; its last events are new, sealed and under the published checkpoint."""
    some_events(7, subject)
    sealing.seal_all(at=timezone.now())


# --- H2: what is tampered with is found ------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.soak
@pytest.mark.rule("H2", "H9")
def test_each_tampering_of_an_export_is_found(true_exports: Any, request: pytest.FixtureRequest) -> None:
    lines, older = true_exports
    checkpoint = {name: value for name, value in lines[-1].items() if name != "type"}
    key = key_files.public_key_hex()
    assert verifier.verify(lines, key_hex=key, published=checkpoint).problems == []
    missed, counts = [], Counter[str]()
    for number in run_lengths.rounds(request, 50, full=200, soak=10_000, what="tamperings of an export"):
        kind, made = tampering.tampered(lines, number, older)
        report = verifier.verify(made, key_hex=key, published=checkpoint)
        counts[kind] += not report.holds
        if report.holds:
            missed.append((number, kind))
    assert missed == []
    assert len(counts) == len(tampering.KINDS) + 1


@pytest.mark.rule("H2")
def test_an_event_that_the_key_holder_sealed_twice_is_found(true_exports: Any) -> None:
    """Digests, roots, links and signatures all fit: the key holder counted one event twice."""
    lines, _ = true_exports
    place = next(number for number, line in enumerate(lines) if line["type"] == "event")
    repeated = tampering.sealed_twice(lines, place, key_files.signing_key())
    report = verifier.verify(repeated, key_hex=key_files.public_key_hex())
    assert report.problems == [f"Event {lines[place]['number']} stands in the ledger twice."]


@pytest.mark.rule("H2")
def test_seal_that_continues_another_seal_is_found(true_exports: Any) -> None:
    """Digests, roots and signatures all fit: the key holder signed a seal onto another history."""
    lines, _ = true_exports
    seals = [line for line in copy.deepcopy(lines) if line["type"] == "seal"]
    others = [line for line in copy.deepcopy(lines) if line["type"] != "checkpoint"]
    last = next(line for line in reversed(others) if line["type"] == "seal")
    last["previous"] = seals[0]["previous"]
    body = {name: value for name, value in last.items() if name not in ("type", "signature")}
    last["signature"] = key_files.signing_key().sign(verifier.canonical_json(body)).hex()
    report = verifier.verify(others, key_hex=key_files.public_key_hex(), needs_checkpoint=False)
    assert report.problems == [f"Seal {last['number']} does not continue the seal before it."]


@pytest.mark.rule("H2")
def test_tampering_is_found_without_checkpoint_except_replayed_export(true_exports: Any) -> None:
    lines, older = true_exports
    for number in range(0, 200, 3):  # every kind several times: there are 16
        kind, made = tampering.tampered(lines, number, older)
        report = verifier.verify(made, key_hex=key_files.public_key_hex())
        assert report.holds == (kind == tampering.REPLAY), (number, kind)


ALONE = """
import runpy, sys
for name in ("django", "governance", "psycopg", "celery"):
    sys.modules[name] = None  # importing it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def verify_alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the verifier, isolated, where nothing of this project and no Django can be imported."""
    copy = folder / "ledger_verifier.py"
    copy.write_bytes(Path(verifier.__file__).read_bytes())
    command = [sys.executable, "-I", "-c", ALONE, str(copy), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.rule("H2", "H9")
def test_the_verifier_stands_alone_and_finds_each_kind(true_exports: Any, tmp_path: Path) -> None:
    lines, older = true_exports
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(json.dumps(lines[-1]))
    file, key = tmp_path / "export.jsonl", key_files.public_key_hex()

    def verdict(made: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
        file.write_text("".join(json.dumps(line) + "\n" for line in made))
        return verify_alone(tmp_path, str(file), "--key", key, "--checkpoint", str(checkpoint))

    true = verdict(lines)
    assert (true.returncode, true.stderr) == (0, "")
    assert "The ledger holds" in true.stdout
    for number in range(len(tampering.KINDS) + 1):
        kind, made = tampering.tampered(lines, number, older)
        result = verdict(made)
        assert result.returncode == 1, (kind, result.stdout, result.stderr)
        assert result.stderr.strip(), kind


@pytest.mark.rule("H2")
def test_the_verifier_reports_rubbish_instead_of_stumbling(true_exports: Any, tmp_path: Path) -> None:
    lines, _ = true_exports
    key = key_files.public_key_hex()
    good = [json.dumps(line) for line in lines]
    for place, rubbish in enumerate(
        (
            "",
            "null",
            "[]",
            '{"type": "event"}',
            '{"type": ["event"]}',
            "{" * 100_000,
            good[0].replace('"verb":', '"verb": "x", "verb":', 1),
            good[0].replace('"event_id": "', '"event_id": ["', 1).replace('", "at"', '"], "at"', 1),
            '{"type": "event", "payload": NaN}',
        )
    ):
        file = tmp_path / "export.jsonl"
        file.write_text("\n".join([*good[:1], rubbish, *good[1:]]) + "\n")
        report = verifier.verify(verifier.read_lines(file), key_hex=key)
        assert not report.holds, (place, rubbish[:40])
    assert verifier.main([str(tmp_path / "absent"), "--key", key]) == 2
    assert verifier.main([str(file), "--key", "no key"]) == 2


#: Acts of a person with every right on the database, and a word of the finding.
LAST = "(SELECT max(number) FROM controls_seal)"
TRICKS = {
    "UPDATE controls_ledgerevent SET actor_id = 'somebody' WHERE id = {event}": "was altered",
    "UPDATE controls_ledgerevent SET payload = '{{}}', digest = repeat('0', 64) WHERE id = {event}": "was altered",
    "UPDATE controls_ledgerevent SET id = -id WHERE id = {event}": "not those that were sealed",
    "DELETE FROM controls_ledgerevent WHERE id = {event}": "stand under it",
    "INSERT INTO controls_ledgerevent ({columns}) SELECT {others} FROM controls_ledgerevent WHERE id = {event}": "stand under it",
    f"DELETE FROM controls_seal WHERE number = {LAST}": "older copy",
    f"UPDATE controls_seal SET root = repeat('0', 64) WHERE number = {LAST}": "not signed",
    f"UPDATE controls_seal SET total = total + 1 WHERE number = {LAST}": "cover",
}


@pytest.mark.rule("H2", "H9")
@pytest.mark.parametrize(("trick", "sentence"), TRICKS.items())
def test_tampering_by_database_superuser_is_found(
    history: Any, surroundings: Environment, trick: str, sentence: str
) -> None:
    """Triggers bind the owner of the tables; a superuser can switch them off, and is found afterwards."""
    assert ledger_export.verify_database().problems == []
    columns = [field.column for field in LedgerEvent._meta.concrete_fields]
    others = {"id": "-id", "event_id": "gen_random_uuid()"}
    sql = trick.format(
        event=LedgerEvent.objects.order_by("-id")[3].pk,
        columns=", ".join(columns),
        others=", ".join(others.get(column, column) for column in columns),
    )
    with psycopg.connect(surroundings.superuser_url(), autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        tables = ("controls_ledgerevent", "controls_seal")
        for table in tables:
            root.execute(f"CREATE TEMP TABLE saved_{table} AS SELECT * FROM {table}")
        try:
            root.execute(sql)
            problems = ledger_export.verify_database().problems
        finally:
            for table in tables:
                root.execute(f"DELETE FROM {table}")
                root.execute(f"INSERT INTO {table} SELECT * FROM saved_{table}")
    assert any(sentence in problem for problem in problems), problems
    assert ledger_export.verify_database().problems == []


# --- sealing ---------------------------------------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.rule("H2")
def test_a_running_transaction_holds_its_place_and_is_sealed_after_it_ends(subject: Any) -> None:
    """Its events may not appear before a sealed one later: the sealer stops below the oldest that still runs."""
    sealing.seal_all(at=timezone.now())
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            ledger_events.append(actor=JOB, verb="toy.slow", subject=subject, now=NOW)
            began.set()
            go_on.wait(20)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(20)
    some_events(3, subject)  # later than the slow one, and finished
    assert sealing.seal_all(at=timezone.now()) == 0
    assert sealing.unsealed().count() == 3
    go_on.set()
    thread.join()
    assert sealing.seal_all(at=timezone.now()) == 4
    assert ledger_export.verify_database().problems == []


@pytest.mark.database
@pytest.mark.rule("H2")
def test_writers_and_sealers_at_once_leave_one_unbroken_chain(subject: Any) -> None:
    sealing.seal_all(at=timezone.now())
    before = LedgerEvent.objects.count()
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        some_events(40, subject)

    def seal() -> None:
        while not stop.is_set():
            sealing.seal_next(at=timezone.now(), limit=7)

    def thread(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)
            finally:
                connections.close_all()

        started = threading.Thread(target=run)
        started.start()
        return started

    sealers = [thread(seal) for _ in range(2)]
    for writer in [thread(write) for _ in range(4)]:
        writer.join()
    stop.set()
    for sealer in sealers:
        sealer.join()
    sealing.seal_all(at=timezone.now())
    assert failed == []
    assert LedgerEvent.objects.count() == before + 160
    assert not sealing.unsealed().exists()
    assert ledger_export.verify_database().problems == []


@pytest.mark.database
@pytest.mark.rule("H2")
def test_rolled_back_event_is_not_missing(subject: Any) -> None:
    with transaction.atomic():
        ledger_events.append(actor=JOB, verb="toy.undone", subject=subject, now=NOW)
        transaction.set_rollback(True)
    some_events(1, subject)
    sealing.seal_all(at=timezone.now())
    assert not LedgerEvent.objects.filter(verb="toy.undone", subject_id=str(subject.pk)).exists()
    assert ledger_export.verify_database().problems == []


# --- H9: the checkpoint outside ------------------------------------------------------------------------------------------


@pytest.mark.rule("H9")
def test_sealing_publishes_a_signed_checkpoint_outside_the_database(history: Any) -> None:
    checkpoint, last = sealing.published_checkpoint(), sealing.latest()
    assert checkpoint is not None
    assert last is not None
    assert (checkpoint["seals"], checkpoint["events"], checkpoint["root"]) == (last.number, last.total, last.root)
    assert last.total == LedgerEvent.objects.count()
    assert Path(settings.LEDGER_CHECKPOINT_FILE).is_file()


@pytest.mark.rule("H9")
def test_a_full_disk_at_the_checkpoint_fails_the_health_check_and_is_caught_up_with(
    subject: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    some_events(1, subject)

    monkeypatch.setattr(settings, "LEDGER_CHECKPOINT_FILE", tmp_path / "checkpoint.json")
    run_by_name("controls.seal")
    before = sealing.published_checkpoint()
    assert before is not None
    some_events(1, subject)
    half = tmp_path / f".checkpoint.json.{os.getpid()}"
    half.symlink_to("/dev/full")  # what is written there fails as on a full disk
    with pytest.raises(OSError, match="No space left on device"):
        run_by_name("controls.seal")
    assert sealing.published_checkpoint() == before
    assert sealing.unsealed().count() == 0, "sealing itself goes on"
    assert "controls.seal failed in its last run (OSError)." in failures(0)
    assert (
        f"The checkpoint file is behind the ledger: can {tmp_path / 'checkpoint.json'} be written, is its disk full?"
        in (failures(3))
    )
    some_events(1, subject)
    half.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        run_by_name("controls.seal")  # on a busy portal the newest seal is always fresh
    assert [
        sentence for sentence in failures(3) if sentence.startswith("The checkpoint file is behind the ledger")
    ] != []
    half.unlink(missing_ok=True)
    run_by_name("controls.seal")
    last, checkpoint = sealing.latest(), sealing.published_checkpoint()
    assert (checkpoint or {}).get("seals") == (last and last.number)
    assert not [
        sentence
        for sentence in (*failures(0), *failures(3))
        if "checkpoint" in sentence or "controls.seal failed" in sentence
    ]


def failures(minutes: int) -> list[str]:
    """What fails the health check in so many real minutes."""
    at = current_time.real() + timedelta(minutes=minutes)
    return [
        finding.sentence for finding in health_queries.findings(now=current_time.now(), at=at) if finding.is_failure
    ]


@pytest.mark.rule("H9")
def test_checkpoint_never_moves_back_or_over_other_history(history: Any, settings: Any, tmp_path: Path) -> None:
    true = sealing.published_checkpoint()
    assert true is not None
    settings.LEDGER_CHECKPOINT_FILE = tmp_path / "checkpoint.json"
    file = tmp_path / "checkpoint.json"
    for other, reason in (
        ({**true, "seals": true["seals"] + 1}, "older copy"),
        ({**true, "seal": "0" * 64}, "not signed"),
    ):
        file.write_text(json.dumps(other))
        assert not sealing.publish_checkpoint(at=timezone.now())
        assert json.loads(file.read_text()) == other
        assert not ledger_export.verify_database().holds, reason
    for rubbish in ("", "[]", "{}", '{"seals": "many"}'):
        file.write_text(rubbish)
        assert not sealing.publish_checkpoint(at=timezone.now())
        assert any("checkpoint" in problem for problem in ledger_export.verify_database().problems)
    file.unlink()
    assert sealing.publish_checkpoint(at=timezone.now())
    assert ledger_export.verify_database().problems == []


@pytest.mark.rule("H9")
def test_checkpoint_of_another_history_fails_the_health_check_at_once(
    history: Any, subject: Any, settings: Any, tmp_path: Path
) -> None:
    true = sealing.published_checkpoint()
    assert true is not None
    settings.LEDGER_CHECKPOINT_FILE = tmp_path / "checkpoint.json"
    settings.LEDGER_CHECKPOINT_FILE.write_text(json.dumps({**true, "seal": "0" * 64}))
    some_events(1, subject)
    run_by_name("controls.seal")
    assert [sentence for sentence in failures(0) if "checkpoint" in sentence] == [
        f"Seal {true['seals']} is not the one in the published checkpoint: the database holds another history. "
        "Run `manage.py verify_ledger`."
    ]


@pytest.mark.rule("H9")
def test_the_command_verifies_exports_and_tells_the_public_key(history: Any, tmp_path: Path) -> None:
    out = StringIO()
    call_command("verify_ledger", "--export", str(tmp_path / "ledger.jsonl"), stdout=out)
    assert "The ledger holds" in out.getvalue()
    assert key_files.public_key_hex() in out.getvalue()
    report = verifier.verify(verifier.read_lines(tmp_path / "ledger.jsonl"), key_hex=key_files.public_key_hex())
    assert report.problems == []
    assert report.events == LedgerEvent.objects.count()


@pytest.mark.rule("H9")
def test_a_seal_named_in_the_footer_of_a_mail_can_be_compared(history: Any) -> None:
    seal = Seal.objects.order_by("-number")[2]
    out = StringIO()
    call_command("verify_ledger", "--seal", str(seal.number), "--root", seal.root, stdout=out)
    assert f"seal {seal.number} is the one" in out.getvalue().lower()
    for number, root in ((seal.number, "0" * 64), (10**9, seal.root)):
        with pytest.raises(SystemExit):
            call_command("verify_ledger", "--seal", str(number), "--root", root, stdout=out, stderr=StringIO())


# --- a restore on another server ----------------------------------------------------------------------------------------


@pytest.mark.rule("H2")
def test_the_ledger_catches_up_with_a_counter_that_stands_higher(history: Any, surroundings: Environment) -> None:
    """As after a restore: the last seal names a transaction that this server has not reached yet."""
    last = sealing.latest()
    assert last is not None
    with psycopg.connect(surroundings.superuser_url(), autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        reached = root.execute("SELECT pg_current_xact_id()::text::bigint + 500").fetchone()
        assert reached is not None
        root.execute(
            "UPDATE controls_seal SET last_xid = %s::text::xid8 WHERE number = %s", [str(reached[0]), last.number]
        )
    try:
        with pytest.raises(DatabaseError, match="ledger_catch_up"):
            some_events(1, make_person("Catch Up", word=last.root[:12]))
        assert sealing.is_counter_behind()
        out = StringIO()
        call_command("ledger_catch_up", stdout=out)
        assert "goes on" in out.getvalue()
        assert not sealing.is_counter_behind()
        some_events(1, make_person("Caught Up", word=last.root[:12]))
        assert sealing.seal_all(at=timezone.now()) == 1
        assert ledger_export.verify_database().problems == []
    finally:
        with psycopg.connect(surroundings.superuser_url(), autocommit=True) as root:
            root.execute("SET session_replication_role = replica")
            root.execute(
                "UPDATE controls_seal SET last_xid = (SELECT xid FROM controls_ledgerevent WHERE id = last) WHERE number = %s",
                [last.number],
            )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM controls_seal WHERE last_xid > pg_current_xact_id()")
        assert cursor.fetchone() == (0,)


# --- with the real processes --------------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.rule("H2")
@pytest.mark.smoke
def test_an_event_is_sealed_within_five_seconds_by_worker_and_beat(beat: Any, subject: Any) -> None:
    lags = []
    for _ in range(2):  # the first comes whenever it comes, the second just after a seal: it waits for a whole round
        began = time.monotonic()
        event = appended(actor=JOB, verb="toy.moved", subject=subject, now=NOW)
        until(lambda xid=event.pk: not sealing.unsealed().filter(pk=xid).exists(), "a seal over the event", seconds=5)
        lags.append(time.monotonic() - began)
    assert max(lags) < 5, lags
    assert ledger_export.verify_database().problems == []
