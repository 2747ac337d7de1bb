"""Background jobs of approvals, by the names that beat knows."""

from __future__ import annotations

from celery import shared_task

from approvals import bulk, signal_sweeps, sweeps
from approvals.proposals import counting
from governance.controls import nudge
from governance.controls.jobs import run_job


@shared_task(name=sweeps.JOB)
def sweep() -> None:
    """Expire, remind and end what is due."""
    run_job(sweeps.JOB, sweeps.sweep)


@shared_task(name=signal_sweeps.JOB)
def flag() -> None:
    """Tell security of signals, once a night."""
    run_job(signal_sweeps.JOB, signal_sweeps.sweep)


@shared_task(name=bulk.JOB)
def bring_in() -> None:
    """Bring in the next of what was ordered; where more is left, go to the end of the queue."""
    run = run_job(bulk.JOB, bulk.sweep)
    if run is not None and run.counts.get("left"):
        nudge.send(bulk.JOB)


@shared_task(name=counting.JOB)
def what_if() -> None:
    """Count the next of what a proposal would have changed; where more is left, go to the end of the queue."""
    run = run_job(counting.JOB, counting.sweep)
    if run is not None and run.counts.get("left"):
        nudge.send(counting.JOB)
