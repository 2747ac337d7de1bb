"""Running a sweep and leaving a record of it; telling which job has not run when it should have (R9)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import current_app
from django.db import DatabaseError

from governance.controls import clock
from governance.controls.models import JobRun

#: A job is late when it has not ended a run for this many of its intervals, and never before `AT_LEAST`.
INTERVALS = 4
AT_LEAST = timedelta(minutes=1)

Sweep = Callable[[datetime], Mapping[str, int]]


def run_job(name: str, sweep: Sweep) -> JobRun:
    """Run one sweep and record when it ran and how much of what it did.

    Args:
        name: the job's name, as beat knows it.
        sweep: ``sweep(now)`` gets business time and returns counts.

    Returns:
        The record. Of runs that found nothing to do only the latest is kept.

    Raises:
        Exception: whatever the sweep raised, after it was recorded by its type.
    """
    run = JobRun.objects.create(job=name, started_at=clock.now(), began_at=clock.real())
    try:
        run.counts = {what: count for what, count in sweep(run.started_at).items() if count}
    except Exception as error:
        run.error = type(error).__name__
        with contextlib.suppress(DatabaseError):  # the sweep's own error says more than that the database is away
            _end(run)
        raise
    _end(run)
    if not run.counts:
        JobRun.objects.filter(job=name, counts={}, error="", seen_at__isnull=False, pk__lt=run.pk).delete()
    return run


def _end(run: JobRun) -> None:
    run.ended_at, run.seen_at = clock.now(), clock.real()
    run.save()


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

    @property
    def is_well(self) -> bool:
        """Whether it runs when it should and its last run did not fail."""
        return not self.is_late and self.last is not None and not self.last.error


def health(at: datetime) -> list[JobHealth]:
    """Every job of beat's timetable and whether it is late at real time ``at``."""
    found = []
    for entry in sorted(current_app.conf.beat_schedule.values(), key=lambda one: str(one["task"])):
        every = entry["schedule"] if isinstance(entry["schedule"], timedelta) else timedelta(seconds=entry["schedule"])
        last = JobRun.objects.filter(job=entry["task"], seen_at__isnull=False).order_by("-id").first()
        limit = max(INTERVALS * every, AT_LEAST)
        late = last is None or last.seen_at is None or at - last.seen_at > limit
        found.append(JobHealth(str(entry["task"]), every, last, late))
    return found
