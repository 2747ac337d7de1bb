"""Error answers of the API: problem documents only (RFC 9457)."""

from typing import Any

import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from approvals.api.requests import UnusableRequest
from approvals.api.responses import Problem
from governance.core.access import Refused
from governance.web.errors.problem_documents import not_there, outage_problem, problem
from governance.web.requests import upload_limits
from inventory.imports.import_process import ImportBusy

log = structlog.get_logger(__name__)

#: Error answers of each operation.
ERRORS: dict[Any, Any] = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503), Problem)

NO_TOKEN = (
    "A token is needed, and this is none that opens anything: it is missing, revoked, over, or its person has left."  # noqa: S105  words
)
MAKE_ONE = "Make one on your own page and send it as: Authorization: Bearer csgn_…"


def register_handlers(api: NinjaAPI) -> None:
    """Register the error handlers of an API."""
    handlers: dict[type[Exception], Any] = {
        AuthenticationError: _no_token,
        ImportBusy: _busy,
        Refused: _refused,
        Http404: lambda *_: not_there(),
        ValidationError: _invalid,
        HttpError: _unreadable,
        UnusableRequest: _unusable,
        SuspiciousOperation: lambda request, error: upload_limits.problem_of(error),
        BadRequest: lambda request, error: upload_limits.problem_of(error),
        OperationalError: _away,
        InterfaceError: _away,
        Exception: _failed,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)


def _no_token(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(401, "NO_TOKEN", NO_TOKEN, MAKE_ONE, headers={"WWW-Authenticate": 'Bearer realm="Countersign"'})


def _busy(request: HttpRequest, error: ImportBusy) -> HttpResponse:
    return problem(error.status, "BUSY", error.sentence, error.to_do, headers={"Retry-After": str(error.wait)})


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    refusal = error.refusal
    fields = [(detail[0], detail[1]) for detail in refusal.detail if len(detail) == 2 and detail[0]]
    return problem(error.status, refusal.code, refusal.sentence, refusal.to_do, fields=fields)


def not_allowed(answer: HttpResponse) -> HttpResponse:
    """Answer a method that the address does not support."""
    allow = str(answer["Allow"]).replace("GET", "GET, HEAD")
    sentence, to_do = "This address does not take that method.", f"It takes: {allow}."
    return problem(405, "METHOD", sentence, to_do, headers={"Allow": allow})


#: Parts of a location that name no field.
NO_FIELD = ("body", "query", "path", "document", "options", "where")


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    named = [([str(part) for part in detail["loc"] if part not in NO_FIELD], detail["msg"]) for detail in error.errors]
    fields = [(".".join(parts), str(sentence)) for parts, sentence in named]
    return problem(422, "INPUT", "Something in the request can't be used.", "See its fields.", fields=fields)


def _unusable(request: HttpRequest, error: UnusableRequest) -> HttpResponse:
    headers = {"Retry-After": str(error.wait)} if error.wait is not None else {}
    return problem(error.status, error.code, error.sentence, error.to_do, headers=headers)


def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer an error that ninja wrapped."""
    if isinstance(error.__cause__, UnusableRequest):
        return _unusable(request, error.__cause__)
    if isinstance(error.__cause__, Refused):
        return _refused(request, error.__cause__)
    return problem(error.status_code, "UNREADABLE", "The body can't be read.", "Send one JSON document.")


def _away(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer while the database is unreachable."""
    log.error("api.away", method=request.method, exc_info=error)
    return outage_problem()


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer an unexpected error. The log has it; the answer has no detail of it."""
    log.error("api.failed", method=request.method, exc_info=error)
    return problem(500, "FAILED", "Something failed here that was not expected, and is in the log.", "Try again once.")
