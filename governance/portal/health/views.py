"""Health of the installation: jobs and findings for people (R9, S9), and probes for whatever runs the processes (P3)."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
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


@login_not_required
@require_GET
def alive(request: HttpRequest) -> HttpResponse:
    """Answer that the process runs. It asks nothing else, so that an outage elsewhere restarts no process."""
    return HttpResponse("alive\n", content_type="text/plain")


@login_not_required
@require_GET
def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether the process can serve, else 503 with the reason; see `state_of_health.readiness_problem`."""
    problem = state_of_health.readiness_problem()
    return HttpResponse(f"{problem or 'ready'}\n", status=503 if problem else 200, content_type="text/plain")
