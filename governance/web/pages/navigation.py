"""The frame of every page: main links, the counts beside them, and the links of the person's menu.

Apps register what only they can count, and who is led to a page that is not everybody's; this module knows the order and the names and asks no database itself. A URL
name that no URL conf has leaves its link out, and a system check says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.core.checks import CheckMessage, Warning, register
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

Counter = Callable[[HttpRequest], int | Mapping[str, int]]


@dataclass(frozen=True)
class Destination:
    """One main link. ``count`` is how many things wait there for the reader, 0 when nothing does; ``also`` begins what else is under it."""

    key: str
    label: str
    url_name: str
    href: str = ""
    count: int = 0
    current: bool = False
    also: str = ""


DESTINATIONS: Final = (
    Destination("home", "Home", "home"),
    Destination("import", "Import", "import"),
    Destination("desk", "Desk", "desk"),
    Destination("automations", "Automations", "automation_list"),
    Destination("resources", "Resources", "resource_list"),
    Destination("recertify", "Recertify", "recert_mine", also="/campaigns/"),
    Destination("ledger", "Ledger", "ledger"),
)
OTHER_URL_NAMES: Final = ("search", "account_logout", "account_login")
DEMO_URL_NAMES: Final = ("clock", "mail_list")

_counters: dict[str, Counter] = {}
_readers: dict[str, Callable[[HttpRequest], bool]] = {}


def register_counter(name: str, counter: Counter) -> None:
    """Say how to count what waits for the reader; call it in an app's ``ready()``.

    Args:
        name: a destination's key. A counter that answers for several may use any name.
        counter: called at most once for a whole page and not for fragments; returns the count, or a mapping of
            destination key to count, so that one query can serve them all.
    """
    _counters[name] = counter


def register_readers(name: str, may_read: Callable[[HttpRequest], bool]) -> None:
    """Say who is led to a destination; call it in an app's ``ready()``. The others are not shown what would refuse them.

    Args:
        name: a destination's key; without a call everybody is led there.
        may_read: called at most once for a whole page and not for fragments, also before anybody has signed in.
    """
    _readers[name] = may_read


def everybody(request: HttpRequest) -> bool:
    """Show the link to every reader."""
    return True


def counts(request: HttpRequest) -> dict[str, int]:
    """Ask every counter; a signed-out reader has nothing waiting."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    counts: dict[str, int] = {}
    for name, counter in _counters.items():
        answer = counter(request)
        counts.update(answer if isinstance(answer, Mapping) else {name: answer})
    return counts


def href(url_name: str, *args: object) -> str:
    """Return the path of a URL name, or an empty string while nothing is wired to it."""
    try:
        return reverse(url_name, args=args)
    except NoReverseMatch:
        return ""


def destinations(request: HttpRequest) -> list[Destination]:
    """Return the main links with their counts; the one whose path begins the request's path is current."""
    waiting = counts(request)
    placed = [
        replace(destination, href=href(destination.url_name), count=waiting.get(destination.key, 0))
        for destination in DESTINATIONS
    ]
    placed = [
        destination for destination in placed if destination.href and _readers.get(destination.key, everybody)(request)
    ]
    under = [
        destination
        for destination in placed
        if request.path == destination.href
        or (destination.href != "/" and request.path.startswith(destination.href))
        or (destination.also and request.path.startswith(destination.also))
    ]
    current = max(under, key=lambda destination: len(destination.href), default=None)
    return [replace(destination, current=destination is current) for destination in placed]


@register()
def every_link_has_a_page(**_: object) -> list[CheckMessage]:
    """Warn about a link of the frame that leads nowhere."""
    names = [destination.url_name for destination in DESTINATIONS] + list(OTHER_URL_NAMES)
    return [
        Warning(f"The page frame links to the URL name {name!r}, which no URL conf has.", id="web.W001")
        for name in names
        if not href(name)
    ]
