"""Loading the demo once, and emptying a demo's database again. Nothing here works where `settings.DEMO` is off.

A load is recorded as a run of the job `JOB`, which ends when all is there: so a load that was interrupted is known, and is thrown
away by the next one. Ledger and decisions refuse to be emptied, also to the owner of their tables; a demo is emptied by dropping the
schema that holds them, which leaves nothing to verify, rather than a hole in what remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import Q

from governance.core.clock import business_time
from governance.core.jobs import job_runs
from governance.core.ledger import sealing
from governance.core.mail import jobs as mail_jobs
from governance.core.models import JobRun, LedgerEvent, Notice, NoticeState, Person
from governance.demo.company import grant_usage
from governance.demo.company.founding import found
from governance.demo.stories.daily_sweeps import mornings
from governance.demo.stories.director import Director
from governance.demo.stories.playback import Ago, play
from governance.demo.stories.story_list import stories

JOB = "demo.load"

#: How many days before the present the company is founded; every story begins later.
FOUNDED = Ago(180, "09:00")


class NotADemo(Exception):
    """This installation is no demo: nothing of it is made up, and nothing is thrown away."""


class Found(StrEnum):
    """What a database holds before a load."""

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


def what_is_there() -> Found:
    """Whether the demo is here already, whole or interrupted, or something else is."""
    runs = JobRun.objects.filter(job=JOB)
    if runs.filter(seen_at__isnull=False, error="").exists():
        return Found.DEMO
    if runs.exists():
        return Found.HALF
    is_empty = not (LedgerEvent.objects.exists() or Person.objects.exists())
    return Found.NOTHING if is_empty else Found.OTHER


def load() -> JobRun:
    """Load the demo into an empty database, so that its present is now.

    Raises:
        NotADemo: this is none.
        AlreadyBootstrapped: the ledger is not empty.
    """
    check_demo()
    run = job_runs.run_job(JOB, perform)
    if run is None:
        raise NotADemo("The demo is being loaded by another command at this moment.")
    sealing.seal_all(at=business_time.real())
    return run


def perform(present: datetime) -> Mapping[str, int]:
    """Play the demo's past up to the instant ``present``; returns how many stories and figures of use there are."""
    check_demo()
    founded = FOUNDED.instant(present)
    director = Director(found(founded))
    told = stories(director)
    play([mornings(founded, present), *told], present=present, each_step=_send)
    return {"stories": len(told), "figures_of_use": grant_usage.write(present)}


def _send(now: datetime) -> None:
    """Send what was queued, as the worker would have done: the demo keeps its mails and shows when they went out.

    Between two steps lie minutes at the least, in which a digest would have been gathered.
    """
    queued = Q(state=NoticeState.QUEUED, attempts=0)
    if Notice.objects.filter(queued | Q(state=NoticeState.WAITING)).exists():
        mail_jobs.send_due(now=now, gathering=timedelta())


def empty() -> None:
    """Throw everything away and make the tables anew; whoever is connected meanwhile meets errors for some seconds.

    Raises:
        NotADemo: this is none.
    """
    check_demo()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    # It says how far the ledger reached that is gone now: the new one would be taken for a cut-off copy of it.
    Path(settings.LEDGER_CHECKPOINT_FILE).unlink(missing_ok=True)
    call_command("migrate", interactive=False, verbosity=0)
