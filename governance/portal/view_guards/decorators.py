"""Guards for views: permission to read the ledger."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponseBase

from governance.core.access import Permission, access
from governance.core.models import Person
from governance.web.pages.page import readers_only, refused
from governance.web.requests.request import Request, local_path

View = Callable[..., HttpResponseBase]
NOT_YOURS = readers_only("This is read by auditors, security reviewers and admins.")


def for_readers_of_the_ledger(view: View) -> View:
    """Refuse without permission to read the ledger."""

    @wraps(view)
    def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not access.may(request.actor, Permission.LEDGER_READ, None, now=request.now()):
            return refused(request, NOT_YOURS)
        return view(request, *args, **kwargs)

    return guarded


def reader(request: Request) -> Person:
    """The signed-in person; the page needs a sign-in."""
    person = request.actor.person
    assert person is not None
    return person


def return_path(request: Request) -> str:
    """The page of the form, if it is a path on this portal; else empty."""
    return local_path(request.POST.get("back"))
