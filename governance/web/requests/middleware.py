"""HEAD and unknown methods, for every page alike (RFC 9110, 9.3.2 and 15.5.6).

Who is asking, and in which zone they read times: hangs the acting person on the request and activates their zone.

Also where a request that holds what no text column takes ends, for all pages alike. Another middleware forbids caches to store responses.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject
from whitenoise.middleware import WhiteNoiseFileResponse

from governance.core.access import Actor
from governance.core.clock import current_time
from governance.core.clock.organisation import zone_of
from governance.core.models import Person
from governance.web.errors import problem_documents


class Methods:
    """Answers HEAD as GET, whose body the server leaves out, and gives a 405 a page. The API answers its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; a page that takes GET says in ``Allow`` that it takes HEAD too."""
        if problem_documents.is_program(request):
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


#: Where the session keeps the instant of the sign-in, in seconds since the epoch of real time.
SIGNED_IN_AT = "signed_in_at"
#: Where it keeps whether a second factor was part of that proof.
SECOND_FACTOR = "second_factor"
NUL = "\0"
UTF_8 = "utf-8"


#: ``Cache-Control`` of everything but static files: no browser and no proxy keeps a copy.
NOT_KEPT = "no-store, private"


def actor_of(request: HttpRequest) -> Actor | None:
    """The signed-in person as an actor in an interactive session, or None."""
    if not request.user.is_authenticated:
        return None
    stamp = request.session.get(SIGNED_IN_AT)
    at = datetime.fromtimestamp(stamp, tz=timezone.get_fixed_timezone(0)) if stamp else None
    return Actor.of_person(request.user, signed_in_at=at, second_factor=bool(request.session.get(SECOND_FACTOR)))


def zone_for(request: HttpRequest) -> ZoneInfo:
    """Return the reader's own zone, or the organisation's if none is set or nobody is signed in (H8)."""
    user = getattr(request, "user", None)
    return zone_of(user if isinstance(user, Person) else None)


class CacheControlMiddleware(MiddlewareMixin):
    """Forbids caches to store a response, errors and redirects included. Static files keep the header that WhiteNoise gives them."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Set the header. It stands before all other middleware, so that their responses have it too."""
        if not isinstance(response, WhiteNoiseFileResponse):
            response["Cache-Control"] = NOT_KEPT
        return response


class RequestActorMiddleware:
    """Sets `request.actor` and `request.now`, read only when a view asks for them, and the zone in which pages show times."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hang the actor on the request and answer it in the reader's zone; a program is told in a document that it wrote in another
        encoding.

        Raises:
            BadRequest: the query string holds a NUL, which no text column takes, or the request says that it is written in another
                encoding than pages are, which no browser does and some of which can't even be tried: no page is asked what it means.
        """
        if request.content_params and request.content_params.get("charset", UTF_8).lower() not in (UTF_8, "utf8"):
            if problem_documents.is_program(request):
                return problem_documents.problem(
                    415, "MEDIA_TYPE", "The request is not in UTF-8.", "Write it in UTF-8, and say so."
                )
            raise BadRequest("The request is not in UTF-8.")
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address holds a character that no text has.")
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]  # see `Request`
        request.now = lru_cache(maxsize=1)(current_time.now)  # type: ignore[attr-defined]
        with timezone.override(zone_for(request)):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        """Refuse a form with a NUL in a field, before its view and after whoever checks that it is ours.

        What is in an uploaded file is its reader's to judge; the names of files come without such characters.

        Raises:
            BadRequest: see above; what was typed is not in it, since it is logged.
        """
        if any(NUL in text for name, texts in request.POST.lists() for text in (name, *texts)):
            raise BadRequest("The form holds a character that no text has.")
