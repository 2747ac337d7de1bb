"""What keeps an installation honest while it runs: jobs and their lateness, health, start-up checks, keys, the clock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery.beat import Scheduler
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from governance.celery import app
from governance.core.clock import current_time, demo_clock
from governance.core.health import queries as health_queries
from governance.core.health import system_checks
from governance.core.jobs import job_runs, nudge
from governance.core.keys import key_files
from governance.core.ledger import sealing
from governance.core.models import ClockOffset, JobRun, Notice
from tests.core.registered_jobs import run_by_name
from tests.environment import ROOT
from tests.people import NOW, Northwind

# --- jobs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_a_run_that_fails_is_recorded_by_its_kind_and_raised() -> None:
    def sweep(now: datetime) -> dict[str, int]:
        raise LookupError("Rita Novak's row")

    with pytest.raises(LookupError):
        job_runs.run_job("toys.sweep", sweep)
    run = JobRun.objects.get()
    assert run.error == "LookupError", "what an error says may name people"
    assert run.seen_at is not None


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_runs_that_did_something_are_kept_and_of_idle_ones_the_latest() -> None:
    counts = iter([2, 0, 0, 1, 0, 0])
    for _ in range(6):
        job_runs.run_job("toys.sweep", lambda now: {"moved": next(counts), "left": 0})
    assert [run.counts for run in JobRun.objects.order_by("id")] == [{"moved": 2}, {"moved": 1}, {}]


@pytest.mark.rule("R9")
@pytest.mark.parametrize("fails", [False, True])
def test_a_run_that_commits_row_by_row_nudges_another_job_once_and_at_its_end_also_when_it_fails(
    fails: bool, committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(nudge.current_app, "send_task", lambda job, **_: sent.append(job))

    def sweep(now: datetime) -> dict[str, int]:
        for _ in range(3):
            with transaction.atomic():
                nudge.send("toys.paint")
        assert sent == []
        if fails:
            raise LookupError
        return {"moved": 3}

    with pytest.raises(LookupError) if fails else nullcontext():
        job_runs.run_job("toys.sweep", sweep)
    assert sent == ["toys.paint"]
    with transaction.atomic():
        nudge.send("toys.paint")
    assert sent == ["toys.paint"] * 2, "outside a run it is sent at once"


@pytest.mark.race
@pytest.mark.rule("R9")
def test_a_job_that_is_at_work_elsewhere_is_left_to_it_and_free_again_when_that_ends_or_dies(committed: None) -> None:
    ran: list[str] = []
    began, go_on = threading.Event(), threading.Event()

    def slow(now: datetime) -> dict[str, int]:
        began.set()
        go_on.wait(20)
        return {"moved": 1}

    def elsewhere() -> None:
        job_runs.run_job("toys.slow", slow)
        connections.close_all()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert began.wait(20)
    assert job_runs.run_job("toys.slow", lambda now: {"moved": len(ran)}) is None
    assert job_runs.run_job("toys.other", lambda now: {}) is not None
    go_on.set()
    thread.join()
    assert job_runs.run_job("toys.slow", lambda now: {"moved": 2}) is not None
    with pytest.raises(LookupError), job_runs.alone("toys.slow"):
        raise LookupError
    with job_runs.alone("toys.slow") as is_free:
        assert is_free


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_a_fresh_installation_is_healthy_until_a_job_should_have_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET applied = now()")
    at = current_time.real()
    assert not [finding for finding in health_queries.findings(now=current_time.now(), at=at) if finding.is_failure]
    late = {job.job for job in job_runs.health(at + timedelta(minutes=5)) if job.is_late}
    assert {"controls.seal", "approvals.sweep"} <= late
    assert not {"recertification.events", "controls.clear_sessions"} & late


def test_beat_starts_every_job_at_once() -> None:
    for entry in Scheduler(app, lazy=False).schedule.values():
        assert entry.is_due().is_due, entry.name


@pytest.mark.django_db
@pytest.mark.rule("H7")
def test_expired_sessions_are_deleted_only(northwind: Northwind) -> None:
    from django.contrib.sessions.models import Session

    for key, days in (("over", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=current_time.real() + timedelta(days=days))
    run_by_name("controls.clear_sessions")
    assert [session.session_key for session in Session.objects.all()] == ["open"]
    assert JobRun.objects.get(job="controls.clear_sessions").counts == {"sessions": 1}
    demo_clock.move(timedelta(days=90))
    run_by_name("controls.clear_sessions")
    assert Session.objects.count() == 1, "a session ends in real time"


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_a_job_that_never_ran_or_ran_too_long_ago_is_late_and_a_leaping_clock_makes_none_late() -> None:
    at = current_time.real()
    assert all(job.is_late for job in job_runs.health(at + timedelta(days=1)))
    for job in job_runs.health(at):
        job_runs.run_job(job.job, lambda now: {})
    at = current_time.real()
    assert not any(job.is_late for job in job_runs.health(at))
    demo_clock.move(timedelta(days=90))
    assert not any(job.is_late for job in job_runs.health(current_time.real()))
    late = {job.job for job in job_runs.health(at + timedelta(seconds=90)) if job.is_late}
    quick = {"controls.seal", "controls.send_notices", "controls.send_webhooks", "controls.stream_audit"}
    assert late == quick, "the others run once a minute"
    JobRun.objects.create(job="controls.seal", started_at=at, began_at=at)
    assert "controls.seal" in {job.job for job in job_runs.health(at + timedelta(seconds=90)) if job.is_late}


# --- health ----------------------------------------------------------------------------------------------------------------


def sentences(**times: Any) -> list[str]:
    """What the health check finds, as ``part: beginning``."""
    now = times.pop("now", NOW)
    return [
        f"{finding.part}: {finding.sentence}"
        for finding in health_queries.findings(now=now, at=times.pop("at", current_time.real()))
    ]


@pytest.mark.django_db
@pytest.mark.rule("R9", "H9")
def test_the_health_check_fails_on_late_jobs_lost_mail_an_older_database_and_open_keys(
    northwind: Northwind, settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_CHECKPOINT_FILE = tmp_path / "checkpoint.json"
    # The database may be new, and a job has its time for a first run.
    an_hour_on = current_time.real() + timedelta(hours=1)
    assert any("controls.seal has not run at all" in sentence for sentence in sentences(at=an_hour_on))
    for job in job_runs.health(current_time.real()):
        job_runs.run_job(job.job, lambda now: {})
    assert sentences() == []
    assert any("wait to be sealed" in sentence for sentence in sentences(now=NOW + timedelta(minutes=3)))

    common = {
        "recipient": northwind.rita,
        "event": "x",
        "thread": "t",
        "created_at": NOW,
        "claimed_at": current_time.real(),
    }
    Notice.objects.create(key="1", message_id="1", state="failed", **common)
    Notice.objects.create(key="2", message_id="2", state="queued", attempts=3, **common)
    assert [sentence.partition(" ")[0] for sentence in sentences()] == ["mail:", "mail:"]
    Notice.objects.all().delete()

    settings.LEDGER_CHECKPOINT_FILE.write_text('{"seals": 5, "seal": "x"}')
    assert any("older copy" in sentence for sentence in sentences())
    settings.LEDGER_CHECKPOINT_FILE.write_text("{}")
    assert any("no checkpoint" in sentence for sentence in sentences())
    settings.LEDGER_CHECKPOINT_FILE.unlink()

    settings.DIGEST_KEY_FILE = tmp_path / "digest.key"
    assert any("can't be read" in sentence for sentence in sentences())
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("health", stdout=out)
    assert "FAILS  keys:" in out.getvalue()


@pytest.mark.django_db
@pytest.mark.rule("S9")
def test_missing_roles_are_advice(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_CHECKPOINT_FILE = tmp_path / "checkpoint.json"
    for job in job_runs.health(current_time.real()):
        job_runs.run_job(job.job, lambda now: {})
    out = StringIO()
    call_command("health", stdout=out)
    assert "advice  people: Governance admin: 0 of at least 2 are there." in out.getvalue()
    assert out.getvalue().endswith("Everything runs.\n")


@pytest.mark.django_db
@pytest.mark.rule("H8")
def test_expired_holidays_are_reported_as_advice(settings: Any) -> None:
    def calendar(**times: Any) -> list[str]:
        return [sentence for sentence in sentences(**times) if sentence.startswith("calendar: ")]

    assert calendar() == []
    settings.ORGANISATION_HOLIDAYS = frozenset({date(2026, 11, 24), date(2026, 1, 1)})
    assert calendar() == []
    late = datetime(2026, 11, 24, 22, 59, tzinfo=UTC)  # still the 24th in Berlin
    assert calendar(now=late) == []
    assert calendar(now=late + timedelta(minutes=1)) == [
        "calendar: The last holiday that is known was on 2026-11-24: add the next ones to ORGANISATION_HOLIDAYS."
    ]
    assert not any(
        finding.is_failure
        for finding in health_queries.findings(now=late, at=current_time.real())
        if finding.part == "calendar"
    )


# --- checks at start-up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SIMPLE_HISTORY_ENABLED", False, "E001"),
        ("SIMPLE_HISTORY_REVERT_DISABLED", False, "E002"),
        ("ANONYMOUS_USER_NAME", "anonymous", "E003"),
        ("GUARDIAN_MONKEY_PATCH_USER", True, "E004"),
    ],
)
def test_a_setting_that_a_rule_rests_on_is_checked(settings: Any, name: str, value: object, code: str) -> None:
    setattr(settings, name, value)
    assert f"controls.{code}" in {message.id for message in run_checks()}


@pytest.mark.rule("S5")
def test_database_is_postgresql_and_requests_are_no_transactions(settings: Any) -> None:
    default = settings.DATABASES["default"]
    assert default["ENGINE"] == "governance.settings.postgresql"
    assert not default.get("ATOMIC_REQUESTS")  # a refusal is recorded after its own rollback


@pytest.mark.rule("H9")
def test_readable_key_file_is_an_error(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE, settings.DIGEST_KEY_FILE = tmp_path / "ledger.pem", tmp_path / "digest.key"
    assert len(key_files.problems()) == 2
    assert {message.id for message in system_checks.keys_are_there(None)} == {"controls.W001"}
    key_files.ensure(settings.LEDGER_KEY_FILE, settings.DIGEST_KEY_FILE)
    assert key_files.problems() == []
    settings.DIGEST_KEY_FILE.chmod(0o640)
    assert {message.id for message in system_checks.keys_are_private(None)} == {"controls.E009"}


def test_intact_controls_pass_checks() -> None:
    assert [message for message in run_checks() if str(message.id).startswith("controls.")] == []


# --- keys ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H9")
def test_keys_are_made_once_private_and_whole_also_by_several_at_once(tmp_path: Path) -> None:
    ledger_key, digest_key = tmp_path / "keys" / "ledger.pem", tmp_path / "keys" / "digest.key"
    failed: list[BaseException] = []

    def make() -> None:
        try:
            key_files.ensure(ledger_key, digest_key)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    made = (ledger_key.read_bytes(), digest_key.read_bytes())
    key_files.ensure(ledger_key, digest_key)
    assert (ledger_key.read_bytes(), digest_key.read_bytes()) == made
    assert len(made[1]) == 32
    assert [stat.S_IMODE(path.stat().st_mode) for path in (ledger_key, digest_key)] == [0o600, 0o600]
    assert {path.name for path in ledger_key.parent.iterdir()} == {"ledger.pem", "digest.key"}


def test_missing_or_wrong_key_is_reported_with_remedy(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE = tmp_path / "absent.pem"
    with pytest.raises(key_files.KeyMissing, match="make_keys"):
        key_files.signing_key()


# --- the clock --------------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("H8")
def test_clock_is_not_moved_in_production_or_backwards(settings: Any) -> None:
    with pytest.raises(ValueError, match="forward"):
        demo_clock.move(timedelta(seconds=-1))
    settings.DEMO = False
    with pytest.raises(ValueError, match="demo"):
        demo_clock.move(timedelta(days=1))
    ClockOffset.objects.create(pk=1, offset=timedelta(days=400))
    assert current_time.offset() == timedelta()
    assert abs(current_time.now() - timezone.now()) < timedelta(seconds=5)


@pytest.mark.django_db
def test_the_clock_has_one_row_and_its_moves_add_up() -> None:
    from django.db import IntegrityError, transaction

    assert demo_clock.move(timedelta(days=1)) == timedelta(days=1)
    assert demo_clock.move(timedelta(hours=2)) == timedelta(days=1, hours=2)
    with transaction.atomic(), pytest.raises(IntegrityError):
        ClockOffset.objects.create(pk=2)
    assert abs(current_time.real() - timezone.now()) < timedelta(seconds=5)


@pytest.mark.race
def test_the_clock_moves_for_every_process_and_stands_still_in_one_that_is_no_demo(committed: None) -> None:
    before = current_time.offset()
    demo_clock.move(timedelta(days=3))
    ask = "import django; django.setup(); from governance.core.clock import current_time; print(current_time.offset().total_seconds())"

    def elsewhere(**more: str) -> float:
        environment = {**os.environ, "DATABASE_POOL_MAX": "0", **more}
        run = subprocess.run(
            [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return float(run.stdout)

    try:
        assert elsewhere() == (before + timedelta(days=3)).total_seconds()
        in_production = {
            "DJANGO_SETTINGS_MODULE": "governance.settings.prod",
            "SECRET_KEY": "k" * 60,
            "ALLOWED_HOSTS": "countersign.example",
            "BASE_URL": "https://countersign.example",
            "TRUSTED_PROXIES": "none",
        }
        assert elsewhere(**in_production, COUNTERSIGN_DEMO="0") == 0
    finally:
        ClockOffset.objects.filter(pk=1).update(offset=before)


@pytest.mark.django_db
def test_seals_use_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[datetime] = []
    monkeypatch.setattr(sealing, "seal_all", lambda *, at: seen.append(at) or 0)
    demo_clock.move(timedelta(days=30))
    run_by_name("controls.seal")
    assert abs(seen[0] - timezone.now()) < timedelta(seconds=5)
    assert JobRun.objects.get().started_at > timezone.now() + timedelta(days=29)
