"""The API as it is mounted: its addresses, who may ask, and the document that describes it.

Every address needs a token, the document too; none takes a session. There is no page to try it on: that would need scripts of others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, re_path
from django.views.decorators.common import no_append_slash
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from approvals.api import deploy_gate, imports, problems, submissions
from approvals.api import status as api_status
from approvals.api.caller import Bearer
from approvals.api.requests import Bounded
from governance.web.errors.problem_documents import CONTENT_TYPE, ROOT, not_there

VERSION = "1"
WHERE = f"{ROOT.strip('/')}/v{VERSION}/"

View = Callable[..., HttpResponse]

api = NinjaAPI(
    title="Countersign",
    version=VERSION,
    description="Bring in, preview, submit, see how it stands, and ask the deploy gate. A token decides nothing.",
    urls_namespace="api",
    auth=[Bearer()],
    parser=Bounded(),
    openapi_url=None,
    docs_url=None,
)
for part in (imports, submissions, api_status, deploy_gate):
    api.add_router("", part.router)
problems.refuses(api)


@api.get("/openapi.json", include_in_schema=False, url_name="openapi")
def openapi(request: HttpRequest) -> Any:
    """This document."""
    return document()


def document() -> dict[str, Any]:
    """What OpenAPI says of the API; errors are problem documents, which ninja does not know."""
    said: dict[str, Any] = api.get_openapi_schema(path_prefix=f"/{WHERE}")
    for path in said["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and "content" in answer:
                    answer["content"] = {CONTENT_TYPE: next(iter(answer["content"].values()))}
    return said


def answering(view: View) -> View:
    """A view for programs: behind its token and no sign-in, and saying no as all of the API does."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if (
            request.method == "HEAD"
        ):  # is answered as GET, without the body: that the server leaves out (RFC 9110, 9.3.2)
            request.method = "GET"
        answer = view(request, *args, **kwargs)
        return problems.not_allowed(answer) if isinstance(answer, HttpResponseNotAllowed) else answer

    return csrf_exempt(login_not_required(answered))  # no cookie is read, so there is nothing to forge


def _nothing(request: HttpRequest) -> HttpResponse:
    return not_there()


def urlpatterns() -> tuple[list[URLPattern], str, str]:
    """What ``path()`` takes: each operation, and below the same root an answer for everything else."""
    found, app, namespace = api.urls
    operations = [one for one in found if isinstance(one, URLPattern) and one.name != "api-root"]
    for one in operations:
        one.callback = answering(one.callback)
    return [*operations, re_path("", no_append_slash(answering(_nothing)), name="nothing")], app, namespace
