"""Loads the demo once, and empties a demo's database. Works only with `settings.DEMO`.

A load is a run of the job `JOB` that ends when all rows exist. So the next load detects an interrupted one and starts
again. Ledger and decisions can't be deleted, not even by the tables' owner. So the demo is emptied by dropping its
schema.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Q

from approvals.submissions import jobs as submission_jobs
from governance.core.clock import current_time
from governance.core.clock.organisation import organisation_zone
from governance.core.jobs import job_runs
from governance.core.ledger import sealing
from governance.core.mail import jobs as mail_jobs
from governance.core.models import JobRun, LedgerEvent, Notice, NoticeState, Person
from governance.demo.company import grant_usage
from governance.demo.company.founding import found_company
from governance.demo.stories.scenes import STORIES, Ago, Story, play, tell
from governance.portal.figures import jobs as figure_jobs
from governance.recertification.items import jobs as item_jobs

JOB = "demo.load"

#: Founding of the company, and the first of its daily sweeps. Every story begins later.
FOUNDED, FIRST_SWEEP = Ago(180, "09:00"), Ago(175, "07:30")


class NotADemo(CommandError):
    """This installation is not a demo: nothing is loaded or deleted."""


class DatabaseContent(StrEnum):
    """Content of a database before a load."""

    NOTHING = "nothing"
    DEMO = "demo"
    HALF = "half"
    OTHER = "other"


def check_demo() -> None:
    """Refuse outside a demo.

    Raises:
        NotADemo: `settings.DEMO` is off.
    """
    if not settings.DEMO:
        raise NotADemo("COUNTERSIGN_DEMO is off here: no demo is loaded, and nothing is thrown away.")


def check_database() -> DatabaseContent:
    """Check for a complete, interrupted or missing demo, or other data."""
    runs = JobRun.objects.filter(job=JOB)
    if runs.filter(seen_at__isnull=False, error="").exists():
        return DatabaseContent.DEMO
    if runs.exists():
        return DatabaseContent.HALF
    is_empty = not (LedgerEvent.objects.exists() or Person.objects.exists())
    return DatabaseContent.NOTHING if is_empty else DatabaseContent.OTHER


def load() -> JobRun:
    """Load the demo into an empty database, with its present at now.

    Raises:
        NotADemo: this installation is not a demo.
        AlreadyBootstrapped: the ledger is not empty.
    """
    check_demo()
    run = job_runs.run_job(JOB, play_past)
    if run is None:
        raise NotADemo("The demo is being loaded by another command at this moment.")
    job_runs.run_job(figure_jobs.JOB, figure_jobs.sweep)
    sealing.seal_all(at=current_time.real())
    return run


def play_past(present: datetime) -> Mapping[str, int]:
    """Play the demo's past up to ``present``; return the number of stories and usage figures."""
    check_demo()
    company = found_company(FOUNDED.instant(present))
    stories = [tell(company, steps) for steps in STORIES.values()]
    play([mornings(FIRST_SWEEP.instant(present), present), *stories], present=present, each_step=_send)
    return {"stories": len(stories), "figures_of_use": grant_usage.write_usage(present)}


def _send(now: datetime) -> None:
    """Send queued mail as the worker would; the demo keeps its mail with the times.

    Steps are minutes apart, so digests need no time for gathering.
    """
    queued = Q(state=NoticeState.QUEUED, attempts=0)
    if Notice.objects.filter(queued | Q(state=NoticeState.WAITING)).exists():
        mail_jobs.send_due(now=now, gathering=timedelta())


def empty() -> None:
    """Drop everything and create the tables again; connected sessions get errors for some seconds.

    Raises:
        NotADemo: this installation is not a demo.
    """
    check_demo()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    # The checkpoint is of the dropped ledger: the new one would look like a truncated copy of it.
    Path(settings.LEDGER_CHECKPOINT_FILE).unlink(missing_ok=True)
    call_command("migrate", interactive=False, verbosity=0)


WEEK, DAY = timedelta(days=7), timedelta(days=1)
#: Before this time little happens, so a sweep a week is enough.
DAILY = timedelta(days=80)


def mornings(first: datetime, present: datetime) -> Story:
    """Sweep every week, later every day, at the hour of ``first`` by the organisation's clock, and at the present."""
    at = first.astimezone(organisation_zone())
    while at < present:
        _sweep((yield at.astimezone(first.tzinfo)))
        at += WEEK if at < present - DAILY - WEEK else DAY
    _sweep((yield present))


def _sweep(now: datetime) -> None:
    submission_jobs.sweep(now)
    item_jobs.sweep(now)
