"""Background jobs of recertification, by the names that beat knows."""

from celery import shared_task

from governance.core.jobs.job_runs import run_job
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.items import jobs as item_jobs


@shared_task(name=item_jobs.JOB)
def sweep() -> None:
    """Open, assign, remind, escalate, suspend and close due items."""
    run_job(item_jobs.JOB, item_jobs.sweep)


@shared_task(name=campaign_transitions.JOB)
def fill() -> None:
    """Fill ordered campaigns."""
    run_job(campaign_transitions.JOB, campaign_jobs.sweep)


@shared_task(name=item_jobs.EVENTS_JOB)
def events() -> None:
    """Open or join reviews for events."""
    run_job(item_jobs.EVENTS_JOB, item_jobs.sweep_events)
