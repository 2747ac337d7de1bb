"""The list of waivers: requested, live and over (S7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.models import Waiver
from governance.core.clock import business_time
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request
from inventory.models import Automation

#: Limit of waivers on the pages of automations and reviews.
MOST = 5
#: Labels of the chips, by the value in the URL.
SHOWN = {"": "Waiting", "live": "Live", "over": "Over"}
EMPTY = {
    "": "What somebody asks security to allow for a while would be here. A waiver is asked for where a conflict is shown.",
    "live": "Waivers that security granted, until they end, would be here.",
    "over": "Waivers that ended, were refused or withdrawn would be here.",
}


@dataclass(frozen=True)
class WaiverLine:
    """A waiver in a list, with its state at the time of the page."""

    waiver: Waiver
    state: str
    begins_later: bool


@require_GET
def waiver_list(request: Request) -> HttpResponse:
    """List the waivers of automations that the reader may see, newest first. Filters are in the URL."""
    now, query, path = business_time.now(), request.GET, reverse("waiver_list")
    show = query.get("show", "") if query.get("show", "") in SHOWN else ""
    seen = Waiver.objects.visible_to(request.actor, now)
    counts = {word: seen.standing(word, now)[:100].count() for word in ("", "live")}
    waivers = seen.standing(show, now).titled().select_related("automation__team", "asked_by")
    paged = pager.newest_first(waivers, query, path)
    context = {
        "now": now,
        "crumbs": [{"label": "Conflicts", "href": reverse("conflict_list")}, {"label": "Waivers", "href": ""}],
        "head": {"title": "Waivers", "facts": ["what is in conflict and allowed for a while"]},
        "chips": pager.chips(path, query, "show", SHOWN.items(), counts),
        "rows": _lines(paged.rows, now),
        "empty": EMPTY[show],
        "pager": paged,
    }
    return page(request, "approvals/waivers/waivers.html", context)


def _lines(waivers: Iterable[Waiver], now: datetime) -> list[WaiverLine]:
    return [
        WaiverLine(waiver, waiver.state_at(now), waiver.begins_at is not None and waiver.begins_at > now)
        for waiver in waivers
    ]


def open_waivers(automation: Automation, now: datetime) -> list[WaiverLine]:
    """Return the requested or live waivers of an automation, for ``approvals/waivers/waiver_panel.html``."""
    waivers = Waiver.objects.filter(automation=automation).standing("open", now).titled()
    return _lines(waivers.prefetch_related("asked_by").order_by("-pk")[:MOST], now)
