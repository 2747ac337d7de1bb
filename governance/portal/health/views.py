"""Health of the installation: jobs and findings for people (R9, S9), metrics for monitors (P3)."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST

from governance.core.clock import current_time
from governance.core.health import queries as state_of_health
from governance.core.jobs import job_runs
from governance.portal.health.metrics import exposition
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
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a monitor that has ``METRICS_TOKEN``: 404 where none is set, 401 for another one."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition(now=current_time.now(), at=current_time.real()), content_type=CONTENT_TYPE_LATEST)
