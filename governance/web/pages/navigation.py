"""The frame of every page: main links with the counts beside them, and the context that every template gets.

The context is ``now`` and ``chrome``. Both are lazy: a fragment that shows no frame asks no counter and reads no clock. A view
that read the clock itself passes its own ``now``, which stands before this one; one that counted for a main link passes its
own ``chrome``.

Apps register what only they can count; this module knows the order, the names and the permissions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from governance.core.access import Actor, Permission, access
from governance.core.clock import current_time
from governance.web.requests.request import local_path


@dataclass(frozen=True)
class Destination:
    """One main link. ``count`` is how many things wait there for the reader, 0 when nothing does; ``also`` begins what else is under it.

    The link is shown to those whose roles grant ``permission``; the others are not shown what would refuse them.
    """

    key: str
    label: str
    url_name: str
    href: str = ""
    count: int = 0
    current: bool = False
    also: str = ""
    permission: Permission | None = None


DESTINATIONS: Final = (
    Destination("home", "Home", "home"),
    Destination("import", "Import", "import"),
    Destination("approvals", "Approvals", "approvals"),
    Destination("automations", "Automations", "automation_list"),
    Destination("resources", "Resources", "resource_list"),
    Destination("recertify", "Recertify", "recert_mine", also="/campaigns/"),
    Destination("ledger", "Ledger", "ledger", permission=Permission.LEDGER_READ),
)

_counters: dict[str, Callable[[HttpRequest], int]] = {}


def register_counter(key: str, counter: Callable[[HttpRequest], int]) -> None:
    """Say how to count what waits for the reader at a destination; call it in an app's ``ready()``.

    Args:
        key: the destination's.
        counter: called at most once for a whole page and not for fragments, only for a reader who has signed in.
    """
    _counters[key] = counter


def destinations(request: HttpRequest, counts: Mapping[str, int] = MappingProxyType({})) -> list[Destination]:
    """Return the main links with their counts; the one whose path begins the request's path is current.

    Args:
        request: the reader's request.
        counts: what the view has counted itself, by key; no counter is called for these.
    """
    user = getattr(request, "user", None)
    counters = _counters if user is not None and user.is_authenticated else {}
    counts = {**{key: counter(request) for key, counter in counters.items() if key not in counts}, **counts}
    placed = [
        replace(destination, href=reverse(destination.url_name), count=counts.get(destination.key, 0))
        for destination in DESTINATIONS
        if destination.permission is None or _is_led_there(request, destination.permission)
    ]
    under = [destination for destination in placed if _is_under(request.path, destination)]
    current = max(under, key=lambda destination: len(destination.href), default=None)
    return [replace(destination, current=destination is current) for destination in placed]


def _is_led_there(request: HttpRequest, permission: Permission) -> bool:
    actor: Actor | None = getattr(request, "actor", None)  # a request may be refused before anybody asked who sends it
    return actor is not None and bool(actor) and access.is_led_to(actor, permission)


def _is_under(path: str, destination: Destination) -> bool:
    if destination.href == "/":
        return path == "/"
    return path.startswith(tuple(filter(None, (destination.href, destination.also))))


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
    def destinations(self) -> list[Destination]:
        """Main links with counts and the current one marked."""
        return destinations(self._request, self._counts)

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
    """Context processor: ``navigation`` (see `Chrome`) and ``now``, the request's; an error page may come before it is set."""
    return {"chrome": Chrome(request), "now": getattr(request, "now", None) or lru_cache(maxsize=1)(current_time.now)}
