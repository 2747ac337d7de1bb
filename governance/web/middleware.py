"""Who is asking: hangs the acting person, with the time of their sign-in, on the request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from governance.controls.actors import Actor

#: Where the session keeps the instant of the sign-in, in seconds since the epoch of real time.
SIGNED_IN_AT = "signed_in_at"


def actor_of(request: HttpRequest) -> Actor | None:
    """The signed-in person as an actor in an interactive session, or None."""
    if not request.user.is_authenticated:
        return None
    stamp = request.session.get(SIGNED_IN_AT)
    at = datetime.fromtimestamp(stamp, tz=timezone.get_fixed_timezone(0)) if stamp else None
    return Actor.of(request.user, signed_in_at=at)


class RequestActorMiddleware:
    """Sets `request.actor`, read only when a view asks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.__dict__["actor"] = SimpleLazyObject(lambda: actor_of(request))
        return self.get_response(request)
