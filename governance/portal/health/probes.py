"""Answers for whatever runs and watches the processes: is this one alive, can it serve, and metrics (P3)."""

from collections.abc import Callable
from time import monotonic

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST

from governance.core.clock import current_time
from governance.core.health import readiness
from governance.portal.health.metrics import exposition


def _alive(request: HttpRequest) -> HttpResponse:
    """It asks nothing else, so that an outage elsewhere restarts no process."""
    return HttpResponse("ok\n", content_type="text/plain")


def _ready(request: HttpRequest) -> HttpResponse:
    """Asked at most once a second, however many probes there are."""
    problem = readiness.problem_at(int(monotonic()))
    return HttpResponse(f"{problem or 'ok'}\n", status=503 if problem else 200, content_type="text/plain")


def _metrics(request: HttpRequest) -> HttpResponse:
    """For a monitor that has ``METRICS_TOKEN``: 404 where none is set, 401 for another one."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition(now=current_time.now(), at=current_time.real()), content_type=CONTENT_TYPE_LATEST)


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": _alive,
    "/readyz": _ready,
    "/metrics": _metrics,
}


class ProbeMiddleware:
    """Answers probes and passes everything else on.

    It stands before all checks of host, scheme and sign-in, since a prober has none of them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        if request.path_info not in PROBES:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return PROBES[request.path_info](request)
