"""Background jobs of the portal, by the names that beat knows."""

from governance.core.jobs.job_runs import register
from governance.portal.figures import jobs

register(jobs.JOB, jobs.sweep)
