"""Probes for whatever runs the processes: is this one alive, and can it serve (P3)?"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from governance.core.health import queries as health_queries

#: Path of each probe, and the function that returns its problem.
PROBES: dict[str, Callable[[], str]] = {"/healthz": str, "/readyz": health_queries.readiness_problem}


class ProbeMiddleware:
    """Answers probes: 200, or 503 with the problem.

    It stands before all checks of host, scheme and sign-in, since a prober has none of them. ``/healthz`` asks nothing else, so
    that an outage elsewhere restarts no process.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe, and pass everything else on."""
        if request.path_info not in PROBES:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        problem = PROBES[request.path_info]()
        return HttpResponse(f"{problem or 'ok'}\n", status=503 if problem else 200, content_type="text/plain")
