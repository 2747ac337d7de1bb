"""Background jobs of the portal, by the names that beat knows."""

from governance.core.jobs.job_runs import register
from governance.portal.figures import jobs
from governance.portal.lists import uploads

register(jobs.JOB, jobs.sweep)
register(uploads.JOB, uploads.sweep)
