"""The waivers: which are asked for, which count, which are over (S7)."""

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

#: Rows of a page.
PAGE = 50
#: How many the pages of automation and review name.
MOST = 5
#: What the chips show, by the word in the address.
SHOWN = {"": "Waiting", "live": "Live", "over": "Over"}
EMPTY = {
    "": "What somebody asks security to allow for a while would be here. A waiver is asked for where a conflict is shown.",
    "live": "Waivers that security granted, until they end, would be here.",
    "over": "Waivers that ended, were refused or withdrawn would be here.",
}


@require_GET
def waiver_list(request: Request) -> HttpResponse:
    """The waivers of automations that the reader may see, newest first; filters live in the address."""
    now, asked = business_time.now(), request.GET
    show = asked.get("show", "") if asked.get("show", "") in SHOWN else ""
    before = number(asked.get("before"))
    seen = Waiver.objects.visible_to(request.actor, now)
    found = seen.standing(show, now)
    found = (found.filter(pk__lt=before) if before else found).titled().select_related("automation__team", "asked_by")
    rows = list(found.order_by("-pk")[: PAGE + 1])
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
            "rows": shapes(rows[:PAGE], now),
            "empty": EMPTY[show],
            "pager": {"newer_href": _href(show) if before else "", "older_href": older},
        },
    )


def _href(show: str, before: int | None = None) -> str:
    said = urlencode({name: value for name, value in (("show", show), ("before", before)) if value})
    return f"{reverse('waiver_list')}?{said}" if said else reverse("waiver_list")


def shapes(rows: Iterable[Waiver], now: datetime) -> list[Shape]:
    """Some waivers as lines of a list, read with titles, automation, team and who asked."""
    return [
        {
            "href": one.href,
            "title": one.title,
            "automation": one.automation.name,
            "automation_href": one.automation.href,
            "team": one.automation.team.name,
            "asked_by": one.asked_by.name,
            "asked_at": one.asked_at,
            "state": one.state_at(now),
            "days": times.counted(one.days, "day"),
            "begins": one.begins_at if one.begins_at is not None and one.begins_at > now else None,
            "ends": one.ends_at,
            "is_over": one.state_at(now) == "ended",
        }
        for one in rows
    ]


def under_way(automation: Automation, now: datetime) -> list[Shape]:
    """The waivers of an automation that are asked for or live, for ``approvals/waivers/waiver_panel.html``; for whoever sees the automation."""
    live = Waiver.objects.filter(automation=automation)
    rows = live.standing("", now) | live.standing("live", now)
    return shapes(rows.titled().select_related("automation__team", "asked_by").order_by("-pk")[:MOST], now)
