"""The list of waivers: requested, live and over (S7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.models import Waiver
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Automation

Shape = dict[str, Any]

#: Rows on a page.
PAGE = 50
#: Limit of waivers on the pages of automations and reviews.
MOST = 5
#: Labels of the chips, by the value in the URL.
SHOWN = {"": "Waiting", "live": "Live", "over": "Over"}
EMPTY = {
    "": "What somebody asks security to allow for a while would be here. A waiver is asked for where a conflict is shown.",
    "live": "Waivers that security granted, until they end, would be here.",
    "over": "Waivers that ended, were refused or withdrawn would be here.",
}


@require_GET
def waiver_list(request: Request) -> HttpResponse:
    """List the waivers of automations that the reader may see, newest first. Filters are in the URL."""
    now, query = business_time.now(), request.GET
    show = query.get("show", "") if query.get("show", "") in SHOWN else ""
    before = number(query.get("before"))
    seen = Waiver.objects.visible_to(request.actor, now)
    waivers = seen.standing(show, now)
    waivers = (
        (waivers.filter(pk__lt=before) if before else waivers).titled().select_related("automation__team", "asked_by")
    )
    rows = list(waivers.order_by("-pk")[: PAGE + 1])
    older = _href(show, rows[PAGE - 1].pk) if len(rows) > PAGE else ""
    return page(
        request,
        "approvals/waivers/waivers.html",
        {
            "now": now,
            "crumbs": [{"label": "Conflicts", "href": reverse("conflict_list")}, {"label": "Waivers", "href": ""}],
            "head": {"title": "Waivers", "facts": ["what is in conflict and allowed for a while"]},
            "chips": [
                {
                    "label": label,
                    "href": _href(word),
                    "current": word == show,
                    "count": seen.standing(word, now)[:100].count() if word != "over" else None,
                }
                for word, label in SHOWN.items()
            ],
            "rows": list_rows(rows[:PAGE], now),
            "empty": EMPTY[show],
            "pager": {"newer_href": _href(show) if before else "", "older_href": older},
        },
    )


def _href(show: str, before: int | None = None) -> str:
    encoded = urlencode({name: value for name, value in (("show", show), ("before", before)) if value})
    return f"{reverse('waiver_list')}?{encoded}" if encoded else reverse("waiver_list")


def list_rows(rows: Iterable[Waiver], now: datetime) -> list[Shape]:
    """Return waivers as list rows. They need titles, automation, team and requester loaded."""
    return [
        {
            "href": waiver.href,
            "title": waiver.title,
            "automation": waiver.automation.name,
            "automation_href": waiver.automation.href,
            "team": waiver.automation.team.name,
            "asked_by": waiver.asked_by.name,
            "asked_at": waiver.asked_at,
            "state": waiver.state_at(now),
            "days": times.counted(waiver.days, "day"),
            "begins": waiver.begins_at if waiver.begins_at is not None and waiver.begins_at > now else None,
            "ends": waiver.ends_at,
            "is_over": waiver.state_at(now) == "ended",
        }
        for waiver in rows
    ]


def open_waivers(automation: Automation, now: datetime) -> list[Shape]:
    """Return the requested or live waivers of an automation, for ``approvals/waivers/waiver_panel.html``."""
    live = Waiver.objects.filter(automation=automation)
    rows = live.standing("", now) | live.standing("live", now)
    return list_rows(rows.titled().select_related("automation__team", "asked_by").order_by("-pk")[:MOST], now)
