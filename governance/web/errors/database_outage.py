"""The answer while the database is away: 503, to pages and programs alike."""

from __future__ import annotations

import sys

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

from governance.web.errors import problem_documents

#: Seconds after which it is worth asking again.
RETRY_AFTER = "10"
#: PostgreSQL's error codes: lost connections, no room (for connections, memory or disk), a server that stops or starts.
AWAY = ("08", "53", "57P01", "57P02", "57P03")


def failed(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``: 503 for a database that is away, else 500. The page asks no database and no context processor."""
    if not is_away(sys.exc_info()[1]):
        return server_error(request)
    if problem_documents.is_program(request):
        return problem()
    return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": RETRY_AFTER})


def problem() -> HttpResponse:
    """The same as a problem document, for programs."""
    sentence = "Countersign can't reach its database at the moment."
    return problem_documents.problem(
        503, "AWAY", sentence, "Try again in a moment.", headers={"Retry-After": RETRY_AFTER}
    )


def is_away(error: BaseException | None) -> bool:
    """Whether an error means that the database can't be asked, and not that it said no."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    code = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return code is None or code.startswith(AWAY)
