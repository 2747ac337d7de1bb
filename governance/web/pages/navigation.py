"""The frame of every page: the sidebar with its counts, and the context that every template gets.

The context is ``now`` and ``chrome``. Both are lazy: a fragment that shows no frame counts nothing and reads no clock. A view
that read the clock itself passes its own ``now``, which stands before this one; one that counted for an entry passes its
own ``chrome``.

A package counts its own rows by the SQL in its folder ``counts``. The table `destinations.csv` has the order of the entries, their names and
their permissions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.core.access import Actor, Permission, access
from governance.core.clock import current_time
from governance.core.texts.csv_tables import read_rows
from governance.web.components import marks
from governance.web.requests.request import local_path


@dataclass(frozen=True)
class Destination:
    """One entry of the sidebar. Readers without ``permission`` do not see it.

    Args:
        key: its name for counters.
        label, icon, url_name: what it shows, and the page that it opens.
        group: the heading above it; empty for the first entries.
        also: paths below which the entry is current too.
        permission: a permission of a role; None for a page that everybody may open.
        for_teams: whether only members and leads of a team may use the page.
        href, count, open, is_current: set for a request. ``count`` is the number of tasks that need the reader, ``open`` of open rows.
    """

    key: str
    label: str
    icon: str
    url_name: str
    group: str = ""
    also: tuple[str, ...] = ()
    permission: Permission | None = None
    for_teams: bool = False
    href: str = ""
    count: int = 0
    open: int = 0
    is_current: bool = False


#: The entries, in their order.
DESTINATIONS: Final = tuple(
    Destination(
        *(row["key"], row["label"], row["icon"], row["url_name"], row["group"]),
        also=tuple(row["also"].split()),
        permission=Permission(row["permission"]) if row["permission"] else None,
        for_teams=row["for_teams"] == "yes",
    )
    for row in read_rows(__file__, "destinations.csv")
)

#: Ends the key of a count of open rows.
OPEN: Final = ".open"

#: Materialized, so that the statement has one plan for all readers: planning it takes longer than running it.
_READER = """
WITH reader AS MATERIALIZED (
  SELECT %(me)s::bigint AS me, %(people)s::bigint[] AS people, %(roles)s::text[] AS roles, %(now)s::timestamptz AS now
)
"""


@cache
def _expressions() -> dict[str, str]:
    """SQL of the counts by entry, from the files ``counts/KEY.sql`` of all packages: an expression over the row ``reader``.

    A key with `OPEN` after it counts open rows, shown where none needs the reader; with ``.mine`` the reader's own requests,
    which wait for others. ``people`` also has the givers of delegations. SQL, because every page counts: building the queries from
    models takes ten times as long.
    """
    folders = [Path(app.path) for app in apps.get_app_configs()]
    files = [file for folder in folders for file in sorted(folder.glob("*/counts/*.sql"))]
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def counts_of(actor: Actor) -> dict[str, int]:
    """Count the rows that need the actor: one query."""
    if actor.person is None:
        return {}
    now = access.read_at(actor)
    parameters: dict[str, Any] = {
        "me": actor.person.pk,
        "people": list(access.answers_as(actor, now)),
        "roles": [str(role) for role in access.roles_held(actor, now)],
        "now": now,
    }
    expressions = ", ".join(f"({expression})" for expression in _expressions().values())
    with connection.cursor() as cursor:
        cursor.execute(f"{_READER} SELECT {expressions} FROM reader", parameters)  # noqa: S608 - files of packages
        return dict(zip(_expressions(), cursor.fetchone() or (), strict=True))


def load_counts(request: HttpRequest, counts: Mapping[str, int] = MappingProxyType({})) -> dict[str, int]:
    """Return the counts of all entries and of the bell, with those that the view has counted itself. One query."""
    actor: Actor | None = getattr(request, "actor", None)  # a request may be refused before its sender is known
    return {**counts_of(actor), **counts} if actor else {}


def destinations(request: HttpRequest, counts: Mapping[str, int] | None = None) -> list[Destination]:
    """Return the entries that the reader may use, with their counts; the one with the longest path above the request's is current.

    Args:
        request: the reader's request.
        counts: see `load_counts`; loaded if not given.
    """
    actor: Actor | None = getattr(request, "actor", None)
    if not actor:
        return []
    counts = load_counts(request) if counts is None else counts
    offered = [row for row in _with_addresses(get_script_prefix()) if _may_use(row, actor)]
    above = [row for row in offered if _path_length(request.path, row)]
    current = max(above, key=lambda row: _path_length(request.path, row), default=None)
    return [
        replace(row, count=counts.get(row.key, 0), open=counts.get(row.key + OPEN, 0), is_current=row is current)
        for row in offered
    ]


@cache
def _with_addresses(prefix: str) -> tuple[Destination, ...]:
    """The entries with the paths of their pages, kept for each path below which the portal is served."""
    return tuple(replace(row, href=reverse(row.url_name)) for row in DESTINATIONS)


def _may_use(destination: Destination, actor: Actor) -> bool:
    if destination.for_teams:
        return access.is_in_a_team(actor)
    return destination.permission is None or access.is_led_to(actor, destination.permission)


def _path_length(path: str, destination: Destination) -> int:
    """Return the length of the entry's longest path above ``path``, 0 without one."""
    if destination.href == "/":
        return int(path == "/")
    return max((len(above) for above in (destination.href, *destination.also) if path.startswith(above)), default=0)


@marks.drawn_once
def entry(shown: Destination) -> SafeString:
    """Draw an entry of the sidebar with its count."""
    css, words = ("count", "waiting for you") if shown.count else ("count count-open", "open")
    badge = '<span class="{}">{}<span class="visually-hidden"> {}</span></span>' if shown.count or shown.open else ""
    current = ' aria-current="page"' if shown.is_current else ""
    markup = f'<li><a href="{{}}"{current}>{{}}<span class="side-label">{{}}</span>{badge}</a></li>'
    return format_html(markup, shown.href, marks.icon(shown.icon), shown.label, css, shown.count or shown.open, words)


class Chrome:
    """What ``base.html`` shows around a page, each part asked for when it is drawn.

    Args:
        request: the reader's request.
        counts: numbers beside entries that the view has counted itself, by key.
    """

    def __init__(self, request: HttpRequest, counts: Mapping[str, int] = MappingProxyType({})) -> None:
        self._request = request
        self._counts = counts
        self.organisation: str = settings.ORGANISATION
        self.zone: str = timezone.get_current_timezone_name()
        self.demo: bool = settings.DEMO

    @cached_property
    def counts(self) -> dict[str, int]:
        """Numbers beside entries, of unread notices, and of the reader's own requests."""
        return load_counts(self._request, self._counts)

    @cached_property
    def destinations(self) -> list[Destination]:
        """Entries of the sidebar with counts and the current one marked."""
        return destinations(self._request, self.counts)

    @property
    def groups(self) -> list[tuple[str, list[Destination]]]:
        """Entries of the sidebar under their headings."""
        return [(group, list(entries)) for group, entries in groupby(self.destinations, lambda shown: shown.group)]

    @property
    def unread(self) -> int:
        """Number of the reader's unread notices."""
        return self.counts.get("notifications", 0)

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
