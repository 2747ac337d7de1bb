"""Background jobs of recertification, by the names that beat knows."""

from __future__ import annotations

from celery import shared_task

from governance.controls.jobs import run_job
from governance.recertification import event_sweeps, filling, sweeps
from governance.recertification.transitions import campaigns


@shared_task(name=sweeps.JOB)
def sweep() -> None:
    """Open, remind, hand on, suspend and close what is due."""
    run_job(sweeps.JOB, sweeps.sweep)


@shared_task(name=campaigns.JOB)
def fill() -> None:
    """Fill campaigns that somebody has opened."""
    run_job(campaigns.JOB, filling.sweep)


@shared_task(name=event_sweeps.JOB)
def events() -> None:
    """Ask about what has happened to what is held."""
    run_job(event_sweeps.JOB, event_sweeps.sweep)
