"""Answers to programs that say no: problem documents after RFC 9457, the same for every error of the API.

Beside the standard's members each has ``code`` (the rule or duty, or what is wrong with the request), ``to_do``, and ``fields`` where
something beside a field is to be said. ``type`` is ``about:blank``: what it is about is ``code``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found

#: Paths below this are called by programs.
ROOT = "/api/"
CONTENT_TYPE = "application/problem+json"


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
