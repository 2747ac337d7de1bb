"""Answers that say no: problem documents after RFC 9457 for programs, and 503 while the database is away.

Every error of the API has the same form.

Beside the standard's members each has ``code`` (the rule or duty, or what is wrong with the request), ``to_do``, and ``fields`` where
something beside a field is to be said. ``type`` is ``about:blank``: what it is about is ``code``'s to say.
"""

import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.defaults import page_not_found

#: Paths below this are called by programs.
ROOT = "/api/"

CONTENT_TYPE = "application/problem+json"

#: Header of the request's id. Each log line of the request has the id as ``request``, and error pages show it.
REQUEST_ID = "X-Request-ID"

#: Seconds after which it is worth asking again.
RETRY_AFTER = "10"

#: PostgreSQL's error codes: lost connections, no room (for connections, memory or disk), a server that stops or starts.
AWAY = ("08", "53", "57P01", "57P02", "57P03")


def is_program(request: HttpRequest) -> bool:
    """Whether a request is answered with documents rather than with pages."""
    return request.path_info.startswith(ROOT)


def problem(
    status: int,
    code: str,
    sentence: str,
    to_do: str = "",
    *,
    fields: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A problem document.

    Args:
        status: the HTTP status.
        code: the rule or duty (``SOD-1``), or a word in capitals for what is wrong with the request.
        sentence: what is wrong, in words.
        to_do: what can be done about it.
        fields: name of a field, and what is wrong with it.
        headers: of the answer.
    """
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "code": code,
        "to_do": to_do,
        "fields": [{"name": name, "sentence": words} for name, words in fields],
    }
    return JsonResponse(problem, status=status, content_type=CONTENT_TYPE, headers=headers)


def not_there() -> HttpResponse:
    """Answer 404 to a program, the same for a missing row and for one that it may not see."""
    sentence = "There is nothing here, or nothing that this token may see."
    return problem(404, "NOT_FOUND", sentence, "See /api/v1/openapi.json for what there is.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler404``: a program reads a document, whatever address below `ROOT` it asks."""
    return not_there() if is_program(request) else page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``: 503 for a database that is away, else 500. The page asks no database and no context processor."""
    status = 503 if is_away(sys.exc_info()[1]) else 500
    if status == 503 and is_program(request):
        return outage_problem()
    page = render_to_string(f"{status}.html", {"request_id": request.META.get(REQUEST_ID)})
    return HttpResponse(page, status=status, headers={"Retry-After": RETRY_AFTER} if status == 503 else None)


def outage_problem() -> HttpResponse:
    """The same as a problem document, for programs."""
    sentence = "Countersign can't reach its database at the moment."
    return problem(503, "AWAY", sentence, "Try again in a moment.", headers={"Retry-After": RETRY_AFTER})


def is_away(error: BaseException | None) -> bool:
    """Whether an error means that the database can't be asked, and not that it said no."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    code = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return code is None or code.startswith(AWAY)
