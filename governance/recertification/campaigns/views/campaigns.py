"""Campaigns that the reader may see, and the page of one (R1, R2, R5, R6).

The list has open, closed and next scheduled ones. The page shows scope, dates, effect of silence, progress, late reviewers
and outcomes.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.policies import queries as policy_queries
from governance.core.access import Permission, access
from governance.core.clock import business_time
from governance.core.clock.organisation import organisation_zone
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.queries import ItemFigures
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_by_tier
from governance.recertification.items import schedule
from governance.recertification.items.notices import ITEM_RELATIONS
from governance.recertification.models.campaign import Campaign, CampaignKind, CampaignState
from governance.recertification.models.item import UNCLOSED, Item, ItemOutcome, ItemState, Question
from governance.recertification.quality import views as quality_views
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.page import Shape, page, timeline_context
from governance.web.requests.request import Request, visible_row

TEMPLATE = "recertification/campaigns/campaign.html"

#: Most items that each list shows: removed access, and items without a reviewer.
LISTED = 25

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


@require_GET
def campaign(request: Request, pk: int) -> HttpResponse:
    """Show the campaign's page; htmx asks only for ``progress`` while the campaign is opening."""
    (campaign, now), actor = visible_row(request, Campaign, pk, "opened_by", "reason"), request.actor
    progress = _progress(campaign) if campaign.state == CampaignState.OPENING else None
    if request.headers.get("HX-Target") == "progress":
        answer = page(request, TEMPLATE, {"now": now, "progress": progress}, fragment="progress")
        if progress is None:
            answer["HX-Refresh"] = "true"
        return answer
    items = Item.objects.of_campaigns([campaign.pk], actor, now)
    stands, people = campaign_queries.count_items(items, now), campaign_queries.late_reviewers(items, now)
    reads_all = access.may(actor, Permission.CAMPAIGN_READ, None, now=now)
    is_scheduled = campaign.kind == CampaignKind.SCHEDULED
    context: Shape = {
        "now": now,
        "head": _head(campaign),
        "campaign": campaign,
        "progress": progress,
        "state": campaign.shown_state(now),
        "scope": "" if is_scheduled else scope.scope_sentence(Scope.of(campaign.scope)),
        "reads_all": reads_all,
        "silence": _silence_dates(campaign),
        "burn": _burn_down_chart(campaign, items, now) if progress is None else None,
        "standing": stands,
        "outcomes": [(ItemOutcome(key).label, count) for key, count in stands.outcomes.items()],
        "people": people,
        "more": len(people) == campaign_queries.MAX_REVIEWERS,
        **_lists(items, stands),
        "joined": campaign.joinings.count() if reads_all else 0,
        "mine": Question.objects.open_for(access.answers_as(actor, now)).filter(item__campaign=campaign).first(),
        "reads_quality": quality_views.may_read(actor, campaign, now),
        "may_export": quality_views.may_export(actor, campaign, now),
        **(timeline_context(campaign, actor=actor, now=now, limit=20) if reads_all else {}),
    }
    return page(request, TEMPLATE, context, fragment="progress")


def _head(campaign: Campaign) -> Shape:
    by = f"by {campaign.opened_by.name}" if campaign.opened_by is not None else "by its date"
    reason = [f"“{campaign.reason.shown}”"] if campaign.reason is not None else []
    facts = [f"opened {by}", f"on {times.stamp_words(campaign.snapshot_at)}", *reason]
    return {"title": campaign.name, "facts": facts, "tier": campaign.tier}


def _silence_dates(campaign: Campaign) -> list[Shape]:
    """Effect and date of silence, by tier, from the first day (R2, R6)."""
    days = policy_queries.in_force(campaign.snapshot_at).correction_days
    until = {campaign.tier: campaign.grace_until}
    if campaign.kind != CampaignKind.SCHEDULED:
        by_tier = grace_by_tier(campaign.deadline)
        until = {tier: at for tier, at in by_tier.items() if campaign.tier not in by_tier or tier == campaign.tier}
    return [
        {"tier": tier, "suspended": at, "ended": schedule.closing_at(at, None, days=days)}
        for tier, at in sorted(until.items(), key=lambda each: each[1])
    ]


def _progress(campaign: Campaign) -> Shape:
    """Progress of the job: each item counts once when it is written and once when it is assigned."""
    made, asked = campaign.items.count(), campaign.items.filter(pk__lte=campaign.asked_to).count()
    total = max(2 * campaign.expected, 1)
    return {"href": campaign.href, "total": total, "done": min(made + asked, total), "made": made, "asked": asked}


def _burn_down_chart(campaign: Campaign, items: QuerySet[Item], now: datetime) -> Shape | None:
    zone = organisation_zone()
    first, due, until, today = (
        at.astimezone(zone).date() for at in (campaign.snapshot_at, campaign.deadline, campaign.grace_until, now)
    )
    points, total = campaign_queries.burn_down(items, first=first, last=min(today, until), zone=zone)
    if not points or not total:
        return None
    days = (due - today).days
    when = f"{times.counted(days, 'day')} left" if days > 0 else "due today" if days == 0 else "past the deadline"
    title = f"{points[-1][1]:,} of {times.counted(total, 'question')} left, {when}"
    return {"title": title, "points": points, "total": total, "first": first, "due": due, "until": until}


def _lists(items: QuerySet[Item], stands: ItemFigures) -> dict[str, list[Item]]:
    """The first items with removed access, latest first, and without an eligible reviewer."""
    removed = Q(outcome=ItemOutcome.REVOKED) | Q(state=ItemState.ANSWERED)
    rows = items.select_related(*ITEM_RELATIONS)
    taken = rows.filter(removed).order_by("-closed_at", "-pk")
    has_removed = stands.answered or stands.outcomes.get(ItemOutcome.REVOKED)
    return {
        "taken": list(taken[:LISTED]) if has_removed else [],
        "nobody": list(rows.filter(nobody=True, state__in=UNCLOSED)[:LISTED]) if stands.nobody else [],
    }
