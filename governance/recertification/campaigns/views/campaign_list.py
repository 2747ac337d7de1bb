"""List of the campaigns that the reader may see: open, closed, and next scheduled ones (R1, R2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.access import access
from governance.core.clock import business_time
from governance.core.roles.roles import Permission
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request

SHOW = (("", "Open"), ("closed", "Closed"))
KINDS = (("scheduled", "By its date"), ("adhoc", "By a person"))
TIERS = (("high", "High"), ("standard", "Standard"), ("low", "Low"))


@require_GET
def campaign_list(request: Request) -> HttpResponse:
    """List campaigns, newest first; the address holds the filters."""
    now, query, path = business_time.now(), request.GET, reverse("campaign_list")
    rows = Campaign.objects.visible_to(request.actor, now).select_related("opened_by")
    closed = Q(state=CampaignState.CLOSED)
    rows = rows.filter(closed if query.get("show") == "closed" else ~closed)
    for name, choices in (("kind", KINDS), ("tier", TIERS)):
        if query.get(name) in dict(choices):
            rows = rows.filter(**{name: query[name]})
    paged = pager.newest_first(pager.search(rows, pager.words_of(query), "name"), query, path)
    context = {
        "now": now,
        "head": {
            "title": "Campaigns",
            "facts": ["what is reviewed together, by when, and what silence does"],
            "actions": _actions(request, now),
        },
        "rows": _rows(paged.rows, request, now),
        **pager.list_context(
            query,
            path,
            paged,
            words_label="Name",
            links=[("show", SHOW)],
            selects=[("kind", "Opened", KINDS), ("tier", "Risk", TIERS)],
        ),
    }
    return page(request, "recertification/campaigns/campaign_list.html", context, fragment="list")


def _actions(request: Request, now: datetime) -> list[Shape]:
    """Links of the list: the calendar, and *Open a campaign* with the permission."""
    links = [{"label": "Calendar", "icon": "clock", "href": reverse("campaign_calendar")}]
    if access.may(request.actor, Permission.CAMPAIGN_OPEN, None, now=now):
        links.append({"label": "Open a campaign", "icon": "plus", "kind": "filled", "href": reverse("campaign_new")})
    return links


def _rows(campaigns: Sequence[Campaign], request: Request, now: datetime) -> list[Shape]:
    """Rows of the list. One query counts the items that the reader may see."""
    items = Item.objects.of_campaigns([campaign.pk for campaign in campaigns], request.actor, now).order_by()
    closed, total = Count("pk", filter=~Q(state__in=UNCLOSED)), Count("pk")
    counts = {
        pk: (done, total) for pk, done, total in items.values_list("campaign").annotate(closed=closed, total=total)
    }
    rows = []
    for campaign in campaigns:
        done, of = counts.get(campaign.pk, (0, 0))
        percent = done / of * 100 if of else 0
        rows.append(
            {"campaign": campaign, "state": campaign.shown_state(now), "total": of, "done": done, "percent": percent}
        )
    return rows
