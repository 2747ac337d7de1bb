"""Background jobs of approvals, by the names that beat knows."""

from __future__ import annotations

from celery import shared_task

from approvals import sweeps
from governance.controls.jobs import run_job


@shared_task(name=sweeps.JOB)
def sweep() -> None:
    """Expire, remind and end what is due."""
    run_job(sweeps.JOB, sweeps.sweep)
