"""URLs, authentication and OpenAPI document of the API.

Each URL needs a token, also the document; sessions are not accepted. There is no interactive page: it would need third-party scripts.
"""

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
from approvals.api.requests import BoundedParser
from governance.portal.lists import api as lists
from governance.portal.registers import api as registers
from governance.web.errors.problem_documents import CONTENT_TYPE, ROOT, not_there

VERSION = "1"
API_ROOT = f"{ROOT.strip('/')}/v{VERSION}/"

View = Callable[..., HttpResponse]

api = NinjaAPI(
    title="Countersign",
    version=VERSION,
    description="Import, preview, submit, see how it stands, read registers, and ask the deploy gate. A token decides nothing.",
    urls_namespace="api",
    auth=[Bearer()],
    parser=BoundedParser(),
    openapi_url=None,
    docs_url=None,
)
for part in (imports, submissions, api_status, deploy_gate, lists, registers):
    api.add_router("", part.router)
problems.register_handlers(api)


@api.get("/openapi.json", include_in_schema=False, url_name="openapi")
def openapi(request: HttpRequest) -> Any:
    """Return this document."""
    return document()


def document() -> dict[str, Any]:
    """OpenAPI document of the API. Errors become problem documents, which ninja does not know."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix=f"/{API_ROOT}")
    for path in schema["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and "content" in answer:
                    answer["content"] = {CONTENT_TYPE: next(iter(answer["content"].values()))}
    return schema


def api_view(view: View) -> View:
    """Wrap a view for programs: authentication by token, and errors as problem documents."""

    @wraps(view)
    def program_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "HEAD":  # as GET; the server drops the body (RFC 9110, 9.3.2)
            request.method = "GET"
        answer = view(request, *args, **kwargs)
        return problems.not_allowed(answer) if isinstance(answer, HttpResponseNotAllowed) else answer

    return csrf_exempt(login_not_required(program_view))  # no cookie is read, so no request can be forged


def _nothing(request: HttpRequest) -> HttpResponse:
    return not_there()


def urlpatterns() -> tuple[list[URLPattern], str, str]:
    """Arguments for ``path()``: the operations, and an error answer for every other URL below the root."""
    routes, app, namespace = api.urls
    patterns = [route for route in routes if isinstance(route, URLPattern)]
    operations = [pattern for pattern in patterns if pattern.name != "api-root"]
    for operation in operations:
        operation.callback = api_view(operation.callback)
    return [*operations, re_path("", no_append_slash(api_view(_nothing)), name="nothing")], app, namespace
