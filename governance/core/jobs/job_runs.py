"""Run sweeps, record their runs, and find late jobs (R9).

`sweep` handles due rows one by one. Several sweeps may run at once, and a kill does no harm: the row itself is due until the act
marks it. A claim only keeps two sweeps from the same row at the same time, without waiting. The database connection holds it, not a
transaction, because the act has its own transaction. It ends with the connection.

A claim is no lock: another job or a person may end the row. So an act goes through `Transition.when_due`, which reads the row again
under its lock and does nothing if it is no longer due.
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

#: Hour of nightly jobs, in the organisation's zone.
NIGHT = time(2, 0)

#: Rows of one query, which reads all due rows.
CHUNK = 5_000

Sweep = Callable[[datetime], Mapping[str, int]]


def run_job(name: str, sweep: Sweep) -> JobRun | None:
    """Run one sweep, unless it runs elsewhere already, and record its time and its counts.

    A job has one run at a time, so that it leaves workers to other jobs. A second run ends at once; the first run and the next one
    handle the due rows.

    Args:
        name: the job's name, as beat knows it.
        sweep: ``sweep(now)`` gets business time and returns counts.

    Returns:
        The run, or None if the job was running already. Only the latest run without work is kept.

    Raises:
        Exception: the sweep's exception, after its type is recorded.
    """
    with alone(name) as is_alone:
        return _run(name, sweep) if is_alone else None


def register(name: str, sweep: Sweep) -> None:
    """Make a task of a sweep, by its name in beat's timetable. If a sweep counts something ``left``, it runs again at once."""

    @shared_task(name=name)
    def task() -> None:
        run = run_job(name, sweep)
        if run is not None and run.counts.get("left"):
            nudge.send(name)


def alone(name: str, *, waits: bool = False) -> AbstractContextManager[bool]:
    """Hold the lock of a job inside the block; yield whether it was free. The lock ends with the connection.

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
        with suppress(DatabaseError):  # the sweep's own error says more than a lost connection
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
    """Whether a job has not run since the night began. It is also due after a demo has moved business time back."""
    here = now.astimezone(organisation_zone())
    began = here.replace(hour=NIGHT.hour, minute=NIGHT.minute, second=0, microsecond=0)
    if here < began:
        began -= timedelta(days=1)
    looked = JobRun.objects.filter(job=job, counts__looked=1, error="", started_at__gte=began, started_at__lte=now)
    return not looked.exists()


@dataclass(frozen=True)
class JobHealth:
    """State of one job of beat's timetable.

    Args:
        job: its name.
        every: its interval.
        last: its last finished run, or None.
        is_late: whether that is too long ago.
    """

    job: str
    every: timedelta
    last: JobRun | None
    is_late: bool


def health(at: datetime) -> list[JobHealth]:
    """Return every job of beat's timetable, with its lateness at real time ``at``.

    A job that has never run can't be late before the newest migration: after an upgrade each job has its interval for a first run.
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
    """Act on each due row in its own transaction, and return the number of rows.

    Rows claimed by another sweep are skipped. A failing row is logged, stays due, and does not stop the others.

    Args:
        rows: the due rows, without order or limit. Queried again for each row once it is claimed.
        act: calls an operation's `when_due`, after which the row is no longer due. False means that there was nothing to do.
        job: names the run in the log.
    """
    done = 0
    for row in _claimed(rows):
        try:
            did = act(row)
        except Refused as no:  # refused, and recorded already
            log.info("sweep.refused", job=job, model=row._meta.label_lower, row=row.pk, code=no.refusal.code)
        except Exception:
            log.exception("sweep.failed", job=job, model=row._meta.label_lower, row=row.pk)
        else:
            done += did is not False
    return done


def _claimed(rows: models.QuerySet[M]) -> Iterator[M]:
    """Yield each due row that no other sweep has claimed; it stays claimed until the next one."""
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
