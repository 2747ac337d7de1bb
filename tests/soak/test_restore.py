"""A backup, restored beside: everything is there, the ledger verifies, an older one is found, and the work goes on (H9)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from approvals.models import Grant, Submission, SubmissionState
from governance.core.ledger import ledger_export, sealing
from governance.core.models import LedgerEvent
from governance.devserver import postgres
from tests import run_lengths, scenarios
from tests.approvals import stock_report
from tests.environment import Environment
from tests.people import build

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]


def run(cluster: postgres.Cluster, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, of the version that runs."""
    folder = cluster.installation.programs
    done = subprocess.run([folder / program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def named(url: str, database: str) -> str:
    """The address of another database on the same server."""
    return psycopg.conninfo.make_conninfo(url, dbname=database)


@contextmanager
def used(database: str) -> Iterator[None]:
    """This process works on another database for a while."""
    before = connection.settings_dict["NAME"]

    def use(name: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = name
        ContentType.objects.clear_cache()

    use(database)
    try:
        yield
    finally:
        use(before)


@pytest.mark.rule("H2", "H9")
def test_a_restored_backup_verifies_and_the_journey_goes_on(
    committed: None,
    surroundings: Environment,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    company = scenarios.company(build("restore"))
    submission = stock_report.in_stage_2(company)
    sealing.seal_all(at=timezone.now())
    backup, url = tmp_path / "countersign.dump", surroundings.cluster.url
    here = str(connection.settings_dict["NAME"])
    run(surroundings.cluster, "pg_dump", "--format=custom", f"--file={backup}", named(url, here))
    # Events after the backup are lost with the database, and a checkpoint published since then shows it.
    scenarios.decide_all(company, submission)
    sealing.seal_all(at=timezone.now())
    with psycopg.connect(surroundings.superuser_url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE restored OWNER {postgres.ROLE}")
    run(
        surroundings.cluster,
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        f"--dbname={named(url, 'restored')}",
        str(backup),
    )
    with used("restored"):
        old = ledger_export.verify_database()
        assert any("older" in problem for problem in old.problems), old.problems
        monkeypatch.setattr("django.conf.settings.LEDGER_CHECKPOINT_FILE", tmp_path / "checkpoint.json")
        call_command("verify_ledger", stdout=(output := StringIO()))
        assert Submission.objects.get(pk=submission.pk).state == SubmissionState.OPEN
        events = LedgerEvent.objects.count()
        done: Any = stock_report.decide_rest(company, Submission.objects.get(pk=submission.pk))
        assert done.state == SubmissionState.IN_FORCE
        assert Grant.objects.filter(automation=submission.automation_id).count() == 4
        sealing.seal_all(at=timezone.now())
        report = ledger_export.verify_database()
        assert report.problems == []
        assert report.events == LedgerEvent.objects.count() > events
    run_lengths.did(
        request, f"a backup with {events} events restored: {output.getvalue().strip()}; then decided to the end"
    )
