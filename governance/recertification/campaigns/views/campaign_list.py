"""List of the campaigns that the reader may see: open, closed, and next scheduled ones (R1, R2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.access import access
from governance.core.clock import business_time
from governance.core.roles.roles import Permission
from governance.recertification.models import OVER, UNCLOSED, Campaign, CampaignKind, CampaignState, Item
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.middleware import Request

Shape = dict[str, Any]

SHOWN = {"": "Open", "closed": "Closed"}
EMPTY = {
    "": "Campaigns that ask somebody something would be here: what comes up by its date, and what security or an admin has opened.",
    "closed": "Campaigns in which all is settled would be here.",
}


@require_GET
def campaign_list(request: Request) -> HttpResponse:
    """List campaigns, newest first; the address holds the filters."""
    now, query = business_time.now(), request.GET
    show = query.get("show", "") if query.get("show", "") in SHOWN else ""
    kind = query.get("kind", "") if query.get("kind", "") in CampaignKind.values else ""
    tier = query.get("tier", "") if query.get("tier", "") in ("low", "standard", "high") else ""
    path = reverse("campaign_list")
    seen = Campaign.objects.visible_to(request.actor, now).select_related("opened_by")
    is_closed = Q(state__in=OVER)
    rows = seen.filter(is_closed if show == "closed" else ~is_closed)
    rows = rows.filter(**{name: value for name, value in (("kind", kind), ("tier", tier)) if value})
    paged = pager.newest_first(rows, query, path)
    return page(
        request,
        "recertification/campaigns/campaign_list.html",
        {
            "now": now,
            "head": {
                "title": "Campaigns",
                "facts": ["what is reviewed together, by when, and what silence does"],
                "actions": actions(request, now),
            },
            "chips": pager.chips(path, query, "show", list(SHOWN.items())),
            "filters": {
                "action": path,
                "words": None,
                "kept": {"show": show} if show else {},
                "fields": [
                    pager.choice(query, "kind", "Opened", [("scheduled", "By its date"), ("adhoc", "By somebody")]),
                    pager.choice(query, "tier", "Risk", [("high", "High"), ("standard", "Standard"), ("low", "Low")]),
                ],
                "clear_href": "",
            },
            "rows": campaign_rows(paged.rows, request, now),
            "empty": EMPTY[show],
            "pager": paged,
        },
    )


def actions(request: Request, now: datetime) -> list[Shape]:
    """Links of the list: the calendar, and *Open a campaign* with the permission."""
    links = [{"label": "Calendar", "icon": "clock", "href": reverse("campaign_calendar")}]
    if access.may(request.actor, Permission.CAMPAIGN_OPEN, None, now=now):
        links.append({"label": "Open a campaign", "icon": "plus", "kind": "filled", "href": reverse("campaign_new")})
    return links


def campaign_rows(campaigns: Iterable[Campaign], request: Request, now: datetime) -> list[Shape]:
    """Rows of the list. One query counts the items that the reader may see."""
    by_key = {campaign.pk: campaign for campaign in campaigns}
    items = Item.objects.of_campaigns(by_key, request.actor, now)
    counts = {
        pk: (total, left)
        for pk, total, left in items.order_by()
        .values_list("campaign")
        .annotate(total=Count("pk"), left=Count("pk", filter=Q(state__in=UNCLOSED)))
    }
    return [_row(campaign, *counts.get(campaign.pk, (0, 0)), now) for campaign in by_key.values()]


def _row(campaign: Campaign, total: int, left: int, now: datetime) -> Shape:
    return {
        "href": campaign.href,
        "name": campaign.name,
        "kind": f"By {campaign.opened_by.name}" if campaign.opened_by is not None else "By its date",
        "tier": campaign.tier,
        "state": shown_state(campaign, now),
        "total": total,
        "done": total - left,
        "percent": (total - left) / total * 100 if total else 0,
        "deadline": campaign.deadline,
    }


def shown_state(campaign: Campaign, now: datetime) -> str:
    """A key of ``words.STATES["campaign"]``. An open campaign past its deadline is in its second round (R6)."""
    if campaign.state == CampaignState.OPEN and now >= campaign.deadline:
        return "second"
    return campaign.state
