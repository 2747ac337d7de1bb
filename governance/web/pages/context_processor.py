"""The context that every template gets: ``now`` and ``navigation``, the frame around the page.

Both are lazy: a fragment that shows no frame asks no counter and reads no clock. A view that read the clock itself passes
its own ``now``, which stands before this one; one that counted for a main link passes its own ``chrome``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from types import MappingProxyType

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from governance.core.clock import business_time
from governance.web.pages import navigation as frame
from governance.web.requests.request import local_path


class Chrome:
    """What ``base.html`` shows around a page, each part asked for when it is drawn.

    Args:
        request: the reader's request.
        counts: numbers beside main links that the view has counted itself, by key.
    """

    def __init__(self, request: HttpRequest, counts: Mapping[str, int] = MappingProxyType({})) -> None:
        self._request = request
        self._counts = counts
        self.organisation: str = settings.ORGANISATION
        self.zone: str = timezone.get_current_timezone_name()
        self.demo: bool = settings.DEMO

    @cached_property
    def destinations(self) -> list[frame.Destination]:
        """Main links with counts and the current one marked."""
        return frame.destinations(self._request, self._counts)

    @property
    def person_name(self) -> str:
        """The reader's name, empty when nobody is signed in."""
        user = getattr(self._request, "user", None)
        return str(user) if user is not None and user.is_authenticated else ""

    @property
    def next_path(self) -> str:
        """The page that the reader goes to next, for the forms of signing in; empty for an address elsewhere."""
        return local_path(self._request.POST.get("next") or self._request.GET.get("next"))


def chrome(request: HttpRequest) -> dict[str, object]:
    """Context processor: ``navigation`` (see `Chrome`) and ``now``, a callable that reads the clock at most once."""
    now: Callable[[], datetime] = lru_cache(maxsize=1)(business_time.now)
    return {"chrome": Chrome(request), "now": now}
