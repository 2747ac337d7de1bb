"""HEAD and unknown methods, for every page alike (RFC 9110, 9.3.2 and 15.5.6)."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string

from governance.web import problems


class Methods:
    """Answers HEAD as GET, whose body the server leaves out, and gives a 405 a page. The API answers its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; a page that takes GET says in ``Allow`` that it takes HEAD too."""
        if problems.is_program(request):
            return self.get_response(request)
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        answer = self.get_response(request)
        if is_head:
            request.method = "HEAD"
        if not isinstance(answer, HttpResponseNotAllowed):
            return answer
        allowed = [name.strip() for name in answer["Allow"].split(",")]
        allowed += ["HEAD"] if "GET" in allowed and "HEAD" not in allowed else []
        page = render_to_string("405.html", {"takes_get": "GET" in allowed}, request)
        return HttpResponseNotAllowed(allowed, page)
