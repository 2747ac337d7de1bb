"""Background jobs of recertification, by the names that beat knows."""

from __future__ import annotations

from celery import shared_task

from governance.controls.jobs import run_job
from governance.recertification import sweeps


@shared_task(name=sweeps.JOB)
def sweep() -> None:
    """Open, remind, hand on, suspend and close what is due."""
    run_job(sweeps.JOB, sweeps.sweep)
