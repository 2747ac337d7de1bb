"""Wake a worker by a job's name once the transaction has committed. A nudge may be lost: every job is a sweep (R9)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import structlog
from celery import current_app
from django.db import transaction

log = structlog.get_logger(__name__)

_gathered: ContextVar[set[str] | None] = ContextVar("gathered", default=None)


def _send(job: str) -> None:
    try:
        current_app.send_task(job, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001  whatever a broker that is away raises: beat finds the work within a minute
        log.warning("nudge.lost", job=job, error=type(error).__name__)


def _wake(job: str) -> None:
    """Send one nudge after the commit, or keep it for the end of `gathered`."""
    jobs = _gathered.get()
    if jobs is None:
        _send(job)
    else:
        jobs.add(job)


def send(job: str) -> None:
    """Nudge the job named ``app.job`` after the commit, once a transaction. A rollback sends nothing."""
    waiting = transaction.get_connection().run_on_commit
    nudges = [callback[1] for callback in waiting if isinstance(callback[1], partial)]
    if not any(nudge.func is _wake and nudge.args == (job,) for nudge in nudges):
        transaction.on_commit(partial(_wake, job), robust=True)


@contextmanager
def gathered() -> Iterator[None]:
    """Nudge each job only once, at the end of the block. A sweep that commits row by row would otherwise start the other job for each
    row. Beat starts the other job during a long block.
    """
    jobs = set[str]()
    token = _gathered.set(jobs)
    try:
        yield
    finally:
        _gathered.reset(token)
        for job in sorted(jobs):
            _send(job)
