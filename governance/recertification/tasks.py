"""Background jobs of recertification, by the names that beat knows."""

from __future__ import annotations

from celery import shared_task

from governance.core.jobs.job_runs import run_job
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.items.jobs import opening, triggered_items
from governance.recertification.reminders import jobs as reminder_jobs


@shared_task(name=opening.JOB)
def sweep() -> None:
    """Open, assign, remind, escalate, suspend and close due items."""
    run_job(opening.JOB, reminder_jobs.sweep)


@shared_task(name=open_campaign.JOB)
def fill() -> None:
    """Fill ordered campaigns."""
    run_job(open_campaign.JOB, campaign_jobs.sweep)


@shared_task(name=triggered_items.JOB)
def events() -> None:
    """Open or join reviews for events."""
    run_job(triggered_items.JOB, triggered_items.sweep)
