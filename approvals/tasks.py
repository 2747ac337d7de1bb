"""Background jobs of approvals, under their names in beat."""

from collections.abc import Mapping
from datetime import datetime

from approvals.conflicts import jobs as conflict_jobs
from approvals.decisions import jobs as decision_jobs
from approvals.intake import bulk_import
from approvals.proposals import impact_count
from approvals.submissions import jobs as submission_jobs
from approvals.waivers import jobs as waiver_jobs
from governance.core.access import Actor
from governance.core.jobs.job_runs import register


def sweep_conflicts_and_waivers(now: datetime) -> Mapping[str, int]:
    """Scan for conflicts and enforce them, then expire waivers and remind people of ending ones."""
    return {**conflict_jobs.sweep(now), **waiver_jobs.sweep(now, Actor.of_job(conflict_jobs.JOB))}


register(submission_jobs.JOB, submission_jobs.sweep)
register(decision_jobs.JOB, decision_jobs.sweep)
register(conflict_jobs.JOB, sweep_conflicts_and_waivers)
register(bulk_import.JOB, bulk_import.sweep)
register(impact_count.JOB, impact_count.sweep)
