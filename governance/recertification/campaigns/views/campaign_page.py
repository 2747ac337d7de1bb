"""Page of one campaign: scope, dates, effect of silence, progress, late reviewers and outcomes (R2, R5, R6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.policies import queries as policy_queries
from governance.core.access import access
from governance.core.clock import business_time
from governance.core.clock.organisation import organisation_zone
from governance.core.duties.refusals import Refused
from governance.core.models import Person
from governance.core.roles.roles import Permission
from governance.core.timeline import queries as timeline_queries
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope_words
from governance.recertification.campaigns.queries import ItemFigures, Reviewer
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_by_tier
from governance.recertification.campaigns.transitions import call_off as transition_call_off
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.campaigns.views.campaign_list import shown_state
from governance.recertification.items import cancelled_items, item_title, schedule
from governance.recertification.items.due_dates import QUESTION_RELATIONS
from governance.recertification.models import (
    UNCLOSED,
    Campaign,
    CampaignKind,
    CampaignState,
    Item,
    ItemOutcome,
    ItemState,
    Question,
)
from governance.recertification.quality import views as quality_views
from governance.web.components import times
from governance.web.pages.confirmation import confirm
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number

Shape = dict[str, Any]

#: Most items that each list shows: removed access, and items without a reviewer.
LISTED = 25


def load_campaign(request: Request, pk: int, now: datetime) -> Campaign:
    """Load a campaign that the reader may see.

    Raises:
        Http404: no such campaign, or the reader may not see it.
    """
    seen = Campaign.objects.visible_to(request.actor, now)
    return get_object_or_404(seen.select_related("opened_by", "reason", "called_off_by", "called_off_why"), pk=pk)


@require_GET
def campaign(request: Request, pk: int) -> HttpResponse:
    """Show the campaign's page; htmx asks only for ``progress`` while the campaign is opening."""
    now = business_time.now()
    campaign_row = load_campaign(request, pk, now)
    is_opening = campaign_row.state == CampaignState.OPENING
    progress = _progress(campaign_row) if is_opening else None
    if request.headers.get("HX-Target") == "progress":
        answer = page(
            request, "recertification/campaigns/campaign.html", {"now": now, "progress": progress}, fragment="progress"
        )
        if progress is None:
            answer["HX-Refresh"] = "true"
        return answer
    items = Item.objects.of_campaigns([campaign_row.pk], request.actor, now)
    stands, people = campaign_queries.count_items(items, now), campaign_queries.late_reviewers(items, now)
    reads_all = access.may(request.actor, Permission.CAMPAIGN_READ, None, now=now)
    may_remind = open_campaign.remind_people.refusal(campaign_row, actor=request.actor, now=now) is None
    may_call_off = transition_call_off.call_off.refusal(campaign_row, actor=request.actor, now=now) is None
    context: Shape = {
        "now": now,
        "crumbs": [{"label": "Campaigns", "href": reverse("campaign_list")}, {"label": campaign_row.name, "href": ""}],
        "head": _head(campaign_row, may_call_off=may_call_off),
        "called_off": _called_off(campaign_row),
        "progress": progress,
        "state": shown_state(campaign_row, now),
        "is_second": shown_state(campaign_row, now) == "second",
        "facts": _facts(campaign_row, stands, reads_all=reads_all),
        "silence": _silence_dates(campaign_row) if campaign_row.called_off_at is None else [],
        "burn": _burn_down_chart(campaign_row, items, now) if not is_opening else None,
        "standing": stands,
        "outcomes": [{"label": ItemOutcome(key).label, "count": count} for key, count in stands.outcomes.items()],
        "people": [_reviewer_row(reviewer, campaign_row, may_remind=may_remind) for reviewer in people],
        "may_remind": may_remind,
        "more": len(people) == campaign_queries.MAX_REVIEWERS,
        "remind_all": reverse("campaign_remind", args=[pk])
        if may_remind and any(reviewer.left for reviewer in people)
        else "",
        "taken": _removed_access(items) if stands.outcomes.get(ItemOutcome.REVOKED) or stands.answered else [],
        "nobody": _unassigned_items(items) if stands.nobody else [],
        "joined": campaign_row.joinings.count() if reads_all else 0,
        "mine_href": _my_answers_href(campaign_row, request, now),
        "quality_href": reverse("campaign_quality", args=[pk])
        if quality_views.may_read(request.actor, campaign_row, now)
        else "",
        "evidence": quality_views.evidence_shape(campaign_row, request.actor, now),
        "events": timeline_queries.shapes(
            campaign_row, reader=request.actor.person, limit=20, actor=request.actor, now=now
        )
        if reads_all
        else [],
        "ledger_href": ledger_href(campaign_row, actor=request.actor, now=now),
    }
    return page(request, "recertification/campaigns/campaign.html", context, fragment="progress")


def _my_answers_href(campaign: Campaign, request: Request, now: datetime) -> str:
    """Address of the reader's first unanswered question in the campaign."""
    questions = Question.objects.unanswered().asked_of(request.actor, now).filter(item__campaign=campaign)
    first = questions.order_by("item__deadline", "pk").first()
    return f"{reverse('recert_item', args=[first.item_id])}?asks={first.asks}" if first is not None else ""


def _head(campaign: Campaign, *, may_call_off: bool) -> Shape:
    by = campaign.opened_by.name if campaign.opened_by is not None else "by its date"
    facts = [
        f"opened {by if campaign.opened_by is None else 'by ' + by}",
        f"on {times.stamp_words(campaign.snapshot_at)}",
    ]
    if campaign.reason is not None:
        facts.append(f"“{campaign.reason.shown}”")
    actions = (
        [{"label": "Call it off", "icon": "cross", "href": reverse("campaign_call_off", args=[campaign.pk])}]
        if may_call_off
        else []
    )
    return {"title": campaign.name, "facts": facts, "tier": campaign.tier, "actions": actions}


def _called_off(campaign: Campaign) -> Shape | None:
    """Who called the campaign off, when and why."""
    if campaign.called_off_at is None:
        return None
    return {
        "by": campaign.called_off_by.name if campaign.called_off_by is not None else "",
        "at": campaign.called_off_at,
        "why": campaign.called_off_why.shown if campaign.called_off_why is not None else "",
    }


def _facts(campaign: Campaign, stands: ItemFigures, *, reads_all: bool) -> list[Shape]:
    scope = "What comes up by its date" if campaign.kind == CampaignKind.SCHEDULED else ""
    scope = scope or scope_words.scope_sentence(Scope.of(campaign.scope))
    return [
        {"label": "About", "text": scope},
        {"label": "As it stood on", "text": times.stamp_words(campaign.snapshot_at)},
        {"label": "Items" if reads_all else "Items that concern you", "text": f"{stands.total:,}"},
        *([] if campaign.called_off_at else [{"label": "Answer by", "text": times.stamp_words(campaign.deadline)}]),
    ]


def _silence_dates(campaign: Campaign) -> list[Shape]:
    """Effect and date of silence, by tier, from the first day (R2, R6)."""
    days = policy_queries.in_force(campaign.snapshot_at).correction_days
    if campaign.kind == CampaignKind.SCHEDULED:
        until = {campaign.tier: campaign.grace_until}
    else:
        until = grace_by_tier(campaign.deadline)
        until = {campaign.tier: until[campaign.tier]} if campaign.tier in until else until
    return [
        {
            "tier": tier,
            "handed_on": campaign.deadline,
            "suspended": at,
            "ended": schedule.closing_at(at, None, days=days),
        }
        for tier, at in sorted(until.items(), key=lambda each: each[1])
    ]


def _progress(campaign: Campaign) -> Shape:
    """Progress of the job: each item counts once when it is written and once when it is assigned."""
    made = campaign.items.count()
    asked_count = campaign.items.filter(pk__lte=campaign.asked_to).count()
    return {
        "href": campaign.href,
        "total": max(2 * campaign.expected, 1),
        "done": min(made + asked_count, 2 * campaign.expected),
        "made": made,
        "asked": asked_count,
    }


def _burn_down_chart(campaign: Campaign, items: Any, now: datetime) -> Shape | None:
    zone = organisation_zone()
    points = campaign_queries.burn_down(
        items, opened_at=campaign.snapshot_at, until=campaign.grace_until, now=now, zone=zone
    )
    total = Question.objects.filter(item__in=items.order_by().values("pk")).count()
    if not points or not total:
        return None
    left, due = points[-1][1], campaign.deadline.astimezone(zone).date()
    days = (due - now.astimezone(zone).date()).days
    when = f"{times.counted(days, 'day')} left" if days > 0 else "due today" if days == 0 else "past the deadline"
    title = f"{left:,} of {times.counted(total, 'question')} left, {when}"
    return {
        "title": title,
        "points": points,
        "total": total,
        "first": campaign.snapshot_at.astimezone(zone).date(),
        "due": due,
        "until": campaign.grace_until.astimezone(zone).date(),
    }


def _reviewer_row(reviewer: Reviewer, campaign: Campaign, *, may_remind: bool) -> Shape:
    return {
        "who": reviewer,
        "percent": reviewer.answered / reviewer.asked * 100 if reviewer.asked else 0,
        "remind": reverse("campaign_remind", args=[campaign.pk]) if may_remind and reviewer.left else "",
    }


def _removed_access(items: Any) -> list[Shape]:
    """Revoked items, latest first."""
    rows = items.filter(outcome=ItemOutcome.REVOKED) | items.filter(state="answered")
    removed = rows.select_related(*(path.removeprefix("item__") for path in QUESTION_RELATIONS)).order_by(
        "-closed_at", "-pk"
    )[:LISTED]
    return [_item_row(item) for item in removed]


def _unassigned_items(items: Any) -> list[Shape]:
    """Items without an eligible reviewer."""
    rows = items.filter(nobody=True, state__in=UNCLOSED)
    return [
        _item_row(item)
        for item in rows.select_related(*(path.removeprefix("item__") for path in QUESTION_RELATIONS))[:LISTED]
    ]


def _item_row(item: Item) -> Shape:
    return {
        "title": item_title.title(item),
        "href": item.of_automation.href,
        "why": "Nobody answered" if item.suspended_at is not None else "Revoked",
        "at": item.closed_at,
    }


@require_http_methods(["GET", "POST"])
def call_off(request: Request, pk: int) -> HttpResponse:
    """Call off a campaign that is opening; the page shows the consequences above the button (R2)."""
    now = business_time.now()
    campaign = load_campaign(request, pk, now)
    return confirm(
        request,
        campaign,
        transition_call_off.call_off,
        now,
        title=f"Call off “{campaign.name}”?",
        text="It is not opened: what it put to people closes without an answer, and nothing is suspended or taken away by it. It stays on "
        "record, and so does why.",
        label="Call it off",
        points=lambda: _call_off_points(campaign),
    )


def _call_off_points(campaign: Campaign) -> list[Shape]:
    """Consequences for the campaign's items and for joined reviews; without empty lines."""
    closing = campaign.items.filter(cancelled_items.UNSETTLED).exclude(cancelled_items.JOINED_BY_OTHERS).order_by()
    questions = Question.objects.filter(item__in=closing.values("pk")).order_by()
    waiting = questions.filter(answered_at__isnull=True).count()
    one_sided = questions.filter(answered_at__isnull=False).count()
    going_on = campaign.joinings.filter(item__state__in=UNCLOSED).count()
    going_on += campaign.items.filter(cancelled_items.UNSETTLED & cancelled_items.JOINED_BY_OTHERS).count()
    answered = campaign.items.exclude(state__in=(ItemState.OPEN, ItemState.ESCALATED)).count()
    closes = f"{times.counted(closing.count(), 'item')} close."
    waits = f"{times.counted(waiting, 'question')} wait for nobody then, and whoever is asked one hears of it."
    points = [
        (True, "minus", closes, waits),
        (
            one_sided,
            "warning",
            f"Answers of one side only are not kept: {one_sided:,}.",
            "Whoever is asked the other question has not answered it.",
        ),
        (
            going_on,
            "arrow",
            f"What was under review already, or that another campaign counts on, goes on: {times.counted(going_on, 'item')}.",
            "Each is due by its own date again.",
        ),
        (answered, "check", f"What is answered stands: {times.counted(answered, 'item')}.", ""),
        (
            True,
            "clock",
            "What is due by its date, or for what happened, comes up by itself.",
            "It counts as not reviewed.",
        ),
    ]
    return [{"icon": icon, "lead": lead, "text": text} for count, icon, lead, text in points if count]


@require_POST
def remind(request: Request, pk: int) -> HttpResponse:
    """Remind one reviewer, or all with unanswered questions; each at most once on one of their days (R5)."""
    now = business_time.now()
    campaign = load_campaign(request, pk, now)
    waiting = Question.objects.unanswered().filter(item__campaign=campaign).order_by()
    people = Person.objects.filter(pk__in=waiting.values("reviewer")).order_by("pk")
    if request.POST.get("person"):
        key = number(request.POST["person"]) or 0
        people = people.filter(pk=key)
        if not Person.objects.filter(pk=key, questions__item__campaign=campaign).exists():
            raise Http404
    chosen = list(people)
    try:
        open_campaign.remind_people(campaign, actor=request.actor, now=now, people=chosen)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": campaign.href})
    recipients = chosen[0].name if len(chosen) == 1 else times.counted(len(chosen), "person", "people")
    messages.success(
        request, f"{recipients} will hear of it with their next digest, unless they have been reminded today."
    )
    return redirect(campaign.href)
