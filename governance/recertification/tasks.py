"""Background jobs of recertification, by the names that beat knows."""

from governance.core.jobs.job_runs import register
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.items import jobs as item_jobs

register(item_jobs.JOB, item_jobs.sweep)
register(item_jobs.EVENTS_JOB, item_jobs.sweep_events)
register(campaign_transitions.JOB, campaign_jobs.sweep)
