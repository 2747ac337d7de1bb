"""List of the campaigns that the reader may see: open, closed, and next scheduled ones (R1, R2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.access import access
from governance.core.clock import business_time
from governance.core.roles.roles import Permission
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.middleware import Request

Shape = dict[str, Any]

CHOICES = {
    "show": [("", "Open"), ("closed", "Closed")],
    "kind": [("scheduled", "By its date"), ("adhoc", "By somebody")],
    "tier": [("high", "High"), ("standard", "Standard"), ("low", "Low")],
}
EMPTY = {
    "": "Campaigns that ask somebody something would be here: what comes up by its date, and what security or an admin has opened.",
    "closed": "Campaigns in which all is settled would be here.",
}


@require_GET
def campaign_list(request: Request) -> HttpResponse:
    """List campaigns, newest first; the address holds the filters."""
    now, query, path = business_time.now(), request.GET, reverse("campaign_list")
    known = {name: query.get(name, "") for name, choices in CHOICES.items() if query.get(name, "") in dict(choices)}
    kept = {name: value for name, value in known.items() if value}
    show = kept.pop("show", "")
    seen = Campaign.objects.visible_to(request.actor, now).select_related("opened_by").filter(**kept)
    rows = seen.filter(state=CampaignState.CLOSED) if show else seen.exclude(state=CampaignState.CLOSED)
    paged = pager.newest_first(rows, query, path)
    selects = [
        pager.choice(query, "kind", "Opened", CHOICES["kind"]),
        pager.choice(query, "tier", "Risk", CHOICES["tier"]),
    ]
    context = {
        "now": now,
        "head": {
            "title": "Campaigns",
            "facts": ["what is reviewed together, by when, and what silence does"],
            "actions": _actions(request, now),
        },
        "chips": pager.chips(path, query, "show", CHOICES["show"]),
        "filters": {
            "action": path,
            "words": None,
            "kept": {"show": show} if show else {},
            "fields": selects,
            "clear_href": "",
        },
        "rows": _rows(paged.rows, request, now),
        "empty": EMPTY[show],
        "pager": paged,
    }
    return page(request, "recertification/campaigns/campaign_list.html", context)


def _actions(request: Request, now: datetime) -> list[Shape]:
    """Links of the list: the calendar, and *Open a campaign* with the permission."""
    links = [{"label": "Calendar", "icon": "clock", "href": reverse("campaign_calendar")}]
    if access.may(request.actor, Permission.CAMPAIGN_OPEN, None, now=now):
        links.append({"label": "Open a campaign", "icon": "plus", "kind": "filled", "href": reverse("campaign_new")})
    return links


def _rows(campaigns: Sequence[Campaign], request: Request, now: datetime) -> list[Shape]:
    """Rows of the list. One query counts the items that the reader may see."""
    items = Item.objects.of_campaigns([campaign.pk for campaign in campaigns], request.actor, now).order_by()
    unclosed = Count("pk", filter=Q(state__in=UNCLOSED))
    counts = {row["campaign"]: row for row in items.values("campaign").annotate(total=Count("pk"), left=unclosed)}
    rows = []
    for campaign in campaigns:
        count = counts.get(campaign.pk, {"total": 0, "left": 0})
        done, total = count["total"] - count["left"], count["total"]
        percent = done / total * 100 if total else 0
        state = campaign.shown_state(now)
        rows.append({"campaign": campaign, "state": state, "total": total, "done": done, "percent": percent})
    return rows
