"""Background jobs of approvals, under their names in beat."""

from collections.abc import Mapping
from datetime import datetime

from celery import shared_task

from approvals.conflicts import jobs as conflict_jobs
from approvals.decisions import jobs as decision_jobs
from approvals.intake import bulk_import
from approvals.proposals.jobs import impact_count
from approvals.submissions import jobs as submission_jobs
from approvals.waivers import jobs as waiver_jobs
from governance.core.access import Actor
from governance.core.jobs import nudge
from governance.core.jobs.job_runs import run_job


@shared_task(name=submission_jobs.JOB)
def sweep() -> None:
    """Expire approvals, remind approvers and end due items."""
    run_job(submission_jobs.JOB, submission_jobs.sweep)


@shared_task(name=decision_jobs.JOB)
def flag() -> None:
    """Notify security of approval signals, every night."""
    run_job(decision_jobs.JOB, decision_jobs.sweep)


@shared_task(name=conflict_jobs.JOB)
def look_for_conflicts() -> None:
    """Find conflicts; enforce, remind and end due ones."""
    run_job(conflict_jobs.JOB, sweep_conflicts_and_waivers)


def sweep_conflicts_and_waivers(now: datetime) -> Mapping[str, int]:
    """Scan for conflicts and enforce them, then expire waivers and remind people of ending ones."""
    return {**conflict_jobs.sweep(now), **waiver_jobs.sweep(now, Actor.of_job(conflict_jobs.JOB))}


@shared_task(name=bulk_import.JOB)
def import_uploads() -> None:
    """Import the next automations of ordered uploads. If more are left, queue again."""
    run = run_job(bulk_import.JOB, bulk_import.sweep)
    if run is not None and run.counts.get("left"):
        nudge.send(bulk_import.JOB)


@shared_task(name=impact_count.JOB)
def what_if() -> None:
    """Count the next part of a proposal's dry run. If more is left, queue again."""
    run = run_job(impact_count.JOB, impact_count.sweep)
    if run is not None and run.counts.get("left"):
        nudge.send(impact_count.JOB)
