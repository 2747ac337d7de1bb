"""Health of the installation: jobs and findings (R9, S9)."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from governance.core.clock import current_time
from governance.core.health import queries as state_of_health
from governance.core.jobs import job_runs
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages.page import page
from governance.web.requests.request import Request


@require_GET
@for_readers_of_the_ledger
def health(request: Request) -> HttpResponse:
    """Show jobs with their last run, and all findings, failures first."""
    at = current_time.real()
    findings = state_of_health.findings(now=request.now(), at=at)
    context = {
        "failures": sum(finding.is_failure for finding in findings),
        "findings": findings,
        "jobs": job_runs.health(at),
        "real": at,
    }
    return page(request, "portal/health/health.html", context)
