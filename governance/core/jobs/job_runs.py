"""Running a sweep and leaving a record of it; telling which job has not run when it should have (R9).

`sweep` takes what is due, row by row, however many sweeps run at once and wherever they are killed. The row itself says what
is due, and the act marks it; so there is nothing to hand back. A claim only keeps two sweeps from trying the same row at the
same time, and one from waiting for the other. It is held by the database connection and not by a transaction, because the
act has a transaction of its own; it ends with the connection.

A claim is no lock: another job, or a person, may end what a sweep has found. So an act goes through `Transition.when_due`,
which reads the row again under its lock and does nothing where it is due no more.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TypeVar

import structlog
from celery import current_app, shared_task
from django.db import DatabaseError, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max

from governance.core.clock import current_time
from governance.core.clock.organisation import organisation_zone
from governance.core.database import advisory_locks
from governance.core.database.querysets import sorted_by_key
from governance.core.duties.refusals import Refused
from governance.core.jobs import nudge
from governance.core.models import JobRun

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=models.Model)

#: A job is late when it has not ended a run for this many of its intervals, and never before `AT_LEAST`.
INTERVALS = 4

AT_LEAST = timedelta(minutes=1)

#: When the night's look is due, where the organisation is.
NIGHT = time(2, 0)

#: Rows found with one query, which looks at all that is due.
CHUNK = 5_000

Sweep = Callable[[datetime], Mapping[str, int]]


def run_job(name: str, sweep: Sweep) -> JobRun | None:
    """Run one sweep, unless it runs elsewhere already, and record its time and its counts.

    Of one job one run at a time is enough, and more would take the workers away from the others: a run that finds another at
    work leaves what is due to that one and to the next.

    Args:
        name: the job's name, as beat knows it.
        sweep: ``sweep(now)`` gets business time and returns counts.

    Returns:
        The record, or None when the job was at work already. Of runs that found nothing to do only the latest is kept.

    Raises:
        Exception: whatever the sweep raised, after it was recorded by its type.
    """
    with alone(name) as is_alone:
        return _run(name, sweep) if is_alone else None


def register(name: str, sweep: Sweep) -> None:
    """Make a task of a sweep, by the name that beat knows. While a sweep counts something ``left``, it runs again at once."""

    @shared_task(name=name)
    def task() -> None:
        run = run_job(name, sweep)
        if run is not None and run.counts.get("left"):
            nudge.send(name)


def alone(name: str, *, waits: bool = False) -> AbstractContextManager[bool]:
    """Hold the place of a job; yields whether it was free. It is given back when the connection ends, whatever ends it.

    Args:
        name: the job's name.
        waits: whether to wait until it is free.
    """
    return advisory_locks.held(f"job:{name}", waits=waits)


def _run(name: str, sweep: Sweep) -> JobRun:
    run = JobRun.objects.create(job=name, started_at=current_time.now(), began_at=current_time.real())
    try:
        with nudge.gathered():
            run.counts = {what: count for what, count in sweep(run.started_at).items() if count}
    except Exception as error:
        run.error = type(error).__name__
        with suppress(DatabaseError):  # the sweep's own error says more than that the database is away
            _end(run)
        raise
    _end(run)
    if not run.counts:
        JobRun.objects.filter(job=name, counts={}, error="", seen_at__isnull=False, pk__lt=run.pk).delete()
    return run


def _end(run: JobRun) -> None:
    run.ended_at, run.seen_at = current_time.now(), current_time.real()
    run.save()


def is_nightly_due(now: datetime, job: str) -> bool:
    """Whether a job has not looked since the night began; business time may be moved back in a demo, and then it is due again."""
    here = now.astimezone(organisation_zone())
    began = here.replace(hour=NIGHT.hour, minute=NIGHT.minute, second=0, microsecond=0)
    if here < began:
        began -= timedelta(days=1)
    looked = JobRun.objects.filter(job=job, counts__looked=1, error="", started_at__gte=began, started_at__lte=now)
    return not looked.exists()


@dataclass(frozen=True)
class JobHealth:
    """How one job of beat's timetable stands.

    Args:
        job: its name.
        every: how often it should run.
        last: its last run that came to an end, or None.
        is_late: whether that is too long ago.
    """

    job: str
    every: timedelta
    last: JobRun | None
    is_late: bool


def health(at: datetime) -> list[JobHealth]:
    """Every job of beat's timetable and whether it is late at real time ``at``.

    A job that has never run can't be late before the newest migration: after an upgrade each has its time for a first run.
    """
    found = []
    since: datetime | None = MigrationRecorder.Migration.objects.aggregate(at=Max("applied"))["at"]
    for entry in sorted(current_app.conf.beat_schedule.values(), key=lambda scheduled: str(scheduled["task"])):
        every = entry["schedule"] if isinstance(entry["schedule"], timedelta) else timedelta(seconds=entry["schedule"])
        last = JobRun.objects.filter(job=entry["task"], seen_at__isnull=False).order_by("-id").first()
        limit = max(INTERVALS * every, AT_LEAST)
        seen = last.seen_at if last else since
        late = seen is None or at - seen > limit
        found.append(JobHealth(str(entry["task"]), every, last, late))
    return found


def sweep(rows: models.QuerySet[M], act: Callable[[M], object], *, job: str) -> int:
    """Do one thing to each row that is due, each in its own transaction, and return to how many it was done.

    Rows that somebody else is working on are left to them, or to the next run. A row that fails is logged and does not hold up the
    others: it stays due.

    Args:
        rows: what is due now, without order or limit. Asked again for each row once it is claimed.
        act: one call of an operation's `when_due`, which makes the row no longer due; or it returns False: there was nothing to do
            after all.
        job: names the run in the log.
    """
    done = 0
    for row in _claimed(rows):
        try:
            did = act(row)
        except Refused as no:  # it may not happen: on record already
            log.info("sweep.refused", job=job, model=row._meta.label_lower, row=row.pk, code=no.refusal.code)
        except Exception:
            log.exception("sweep.failed", job=job, model=row._meta.label_lower, row=row.pk)
        else:
            done += did is not False
    return done


def _claimed(rows: models.QuerySet[M]) -> Iterator[M]:
    """Each row that is due and that nobody else works on, claimed while the caller has it."""
    last = 0
    while True:
        with transaction.atomic():
            free = sorted_by_key(rows.filter(pk__gt=last)).select_for_update(skip_locked=True, of=("self",))
            keys = list(free.values_list("pk", flat=True)[:CHUNK])
        for key in keys:
            with advisory_locks.held(f"sweep:{rows.model._meta.db_table}:{key}") as is_mine:
                yield from rows.filter(pk=key).order_by()[:1] if is_mine else ()
        if len(keys) < CHUNK:
            return
        last = keys[-1]
