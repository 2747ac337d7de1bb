"""One campaign: what it asks, until when, what silence does, how far it is, who is late, what came of it (R2, R5, R6)."""

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
from governance.recertification.campaigns.queries import Reviewer, Standing
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_of
from governance.recertification.campaigns.transitions import call_off as transition_call_off
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.campaigns.views.campaign_list import state_of
from governance.recertification.items import cancelled_items, item_title, schedule
from governance.recertification.items.due_dates import ABOUT
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

#: What was taken away, and what nobody can be asked about: so many are listed.
LISTED = 25


def find(request: Request, pk: int, now: datetime) -> Campaign:
    """A campaign that the reader may see.

    Raises:
        Http404: there is none, or they may not.
    """
    seen = Campaign.objects.visible_to(request.actor, now)
    return get_object_or_404(seen.select_related("opened_by", "reason", "called_off_by", "called_off_why"), pk=pk)


@require_GET
def campaign(request: Request, pk: int) -> HttpResponse:
    """The campaign's page; while it is being opened, htmx asks for its ``progress`` alone."""
    now = business_time.now()
    one = find(request, pk, now)
    is_opening = one.state == CampaignState.OPENING
    progress = _progress(one) if is_opening else None
    if request.headers.get("HX-Target") == "progress":
        answer = page(
            request, "recertification/campaigns/campaign.html", {"now": now, "progress": progress}, fragment="progress"
        )
        if progress is None:
            answer["HX-Refresh"] = "true"
        return answer
    items = Item.objects.of_campaigns([one.pk], request.actor, now)
    stands, people = campaign_queries.standing(items, now), campaign_queries.reviewers(items, now)
    reads_all = access.may(request.actor, Permission.CAMPAIGN_READ, None, now=now)
    may_remind = open_campaign.remind_people.refusal(one, actor=request.actor, now=now) is None
    may_call_off = transition_call_off.call_off.refusal(one, actor=request.actor, now=now) is None
    context: Shape = {
        "now": now,
        "crumbs": [{"label": "Campaigns", "href": reverse("campaign_list")}, {"label": one.name, "href": ""}],
        "head": _head(one, may_call_off=may_call_off),
        "called_off": _called_off(one),
        "progress": progress,
        "state": state_of(one, now),
        "is_second": state_of(one, now) == "second",
        "facts": _facts(one, stands, reads_all=reads_all),
        "silence": _silence(one) if one.called_off_at is None else [],
        "burn": _burn(one, items, now) if not is_opening else None,
        "standing": stands,
        "outcomes": [{"label": ItemOutcome(key).label, "count": count} for key, count in stands.outcomes.items()],
        "people": [_person(who, one, may_remind=may_remind) for who in people],
        "may_remind": may_remind,
        "more": len(people) == campaign_queries.MOST,
        "remind_all": reverse("campaign_remind", args=[pk]) if may_remind and any(who.left for who in people) else "",
        "taken": _taken(items) if stands.outcomes.get(ItemOutcome.REVOKED) or stands.answered else [],
        "nobody": _nobody(items) if stands.nobody else [],
        "joined": one.joinings.count() if reads_all else 0,
        "mine_href": _mine(one, request, now),
        "quality_href": reverse("campaign_quality", args=[pk])
        if quality_views.may_read(request.actor, one, now)
        else "",
        "evidence": quality_views.evidence_shape(one, request.actor, now),
        "events": timeline_queries.shapes(one, reader=request.actor.person, limit=20, actor=request.actor, now=now)
        if reads_all
        else [],
        "ledger_href": ledger_href(one, actor=request.actor, now=now),
    }
    return page(request, "recertification/campaigns/campaign.html", context, fragment="progress")


def _mine(one: Campaign, request: Request, now: datetime) -> str:
    """Where the reader answers what they are asked in it."""
    asked = Question.objects.unanswered().asked_of(request.actor, now).filter(item__campaign=one)
    first = asked.order_by("item__deadline", "pk").first()
    return f"{reverse('recert_item', args=[first.item_id])}?asks={first.asks}" if first is not None else ""


def _head(one: Campaign, *, may_call_off: bool) -> Shape:
    by = one.opened_by.name if one.opened_by is not None else "by its date"
    facts = [f"opened {by if one.opened_by is None else 'by ' + by}", f"on {times.stamp_words(one.snapshot_at)}"]
    if one.reason is not None:
        facts.append(f"“{one.reason.shown}”")
    actions = (
        [{"label": "Call it off", "icon": "cross", "href": reverse("campaign_call_off", args=[one.pk])}]
        if may_call_off
        else []
    )
    return {"title": one.name, "facts": facts, "tier": one.tier, "actions": actions}


def _called_off(one: Campaign) -> Shape | None:
    """Who called it off, when and why, to everybody who sees it."""
    if one.called_off_at is None:
        return None
    return {
        "by": one.called_off_by.name if one.called_off_by is not None else "",
        "at": one.called_off_at,
        "why": one.called_off_why.shown if one.called_off_why is not None else "",
    }


def _facts(one: Campaign, stands: Standing, *, reads_all: bool) -> list[Shape]:
    scope = "What comes up by its date" if one.kind == CampaignKind.SCHEDULED else ""
    scope = scope or scope_words.sentence(Scope.of(one.scope))
    return [
        {"label": "About", "text": scope},
        {"label": "As it stood on", "text": times.stamp_words(one.snapshot_at)},
        {"label": "Items" if reads_all else "Items that concern you", "text": f"{stands.total:,}"},
        *([] if one.called_off_at else [{"label": "Answer by", "text": times.stamp_words(one.deadline)}]),
    ]


def _silence(one: Campaign) -> list[Shape]:
    """What silence does and when, by tier, from the first day (R2, R6)."""
    days = policy_queries.in_force(one.snapshot_at).correction_days
    if one.kind == CampaignKind.SCHEDULED:
        until = {one.tier: one.grace_until}
    else:
        until = grace_of(one.deadline)
        until = {one.tier: until[one.tier]} if one.tier in until else until
    return [
        {
            "tier": tier,
            "handed_on": one.deadline,
            "suspended": at,
            "ended": schedule.closing(at, None, days=days),
        }
        for tier, at in sorted(until.items(), key=lambda each: each[1])
    ]


def _progress(one: Campaign) -> Shape:
    """How far the job is: of each item first that it is in it, then that somebody is asked."""
    made = one.items.count()
    asked = one.items.filter(pk__lte=one.asked_to).count()
    return {
        "href": one.href,
        "total": max(2 * one.expected, 1),
        "done": min(made + asked, 2 * one.expected),
        "made": made,
        "asked": asked,
    }


def _burn(one: Campaign, items: Any, now: datetime) -> Shape | None:
    zone = organisation_zone()
    points = campaign_queries.burn_down(items, opened_at=one.snapshot_at, until=one.grace_until, now=now, zone=zone)
    total = Question.objects.filter(item__in=items.order_by().values("pk")).count()
    if not points or not total:
        return None
    left, due = points[-1][1], one.deadline.astimezone(zone).date()
    days = (due - now.astimezone(zone).date()).days
    when = f"{times.counted(days, 'day')} left" if days > 0 else "due today" if days == 0 else "past the deadline"
    said = f"{left:,} of {times.counted(total, 'question')} left, {when}"
    return {
        "title": said,
        "points": points,
        "total": total,
        "first": one.snapshot_at.astimezone(zone).date(),
        "due": due,
        "until": one.grace_until.astimezone(zone).date(),
    }


def _person(who: Reviewer, one: Campaign, *, may_remind: bool) -> Shape:
    return {
        "who": who,
        "percent": who.answered / who.asked * 100 if who.asked else 0,
        "remind": reverse("campaign_remind", args=[one.pk]) if may_remind and who.left else "",
    }


def _taken(items: Any) -> list[Shape]:
    """What was taken away, the latest first."""
    rows = items.filter(outcome=ItemOutcome.REVOKED) | items.filter(state="answered")
    found = rows.select_related(*(path.removeprefix("item__") for path in ABOUT)).order_by("-closed_at", "-pk")[:LISTED]
    return [_thing(one) for one in found]


def _nobody(items: Any) -> list[Shape]:
    """What nobody can be asked about."""
    rows = items.filter(nobody=True, state__in=UNCLOSED)
    return [_thing(one) for one in rows.select_related(*(path.removeprefix("item__") for path in ABOUT))[:LISTED]]


def _thing(item: Item) -> Shape:
    return {
        "title": item_title.title(item),
        "href": item.of_automation.href,
        "why": "Nobody answered" if item.suspended_at is not None else "Revoked",
        "at": item.closed_at,
    }


@require_http_methods(["GET", "POST"])
def call_off(request: Request, pk: int) -> HttpResponse:
    """Call it off while it is being opened; what becomes of what is in it stands before the button (R2)."""
    now = business_time.now()
    one = find(request, pk, now)
    return confirm(
        request,
        one,
        transition_call_off.call_off,
        now,
        title=f"Call off “{one.name}”?",
        text="It is not opened: what it put to people closes without an answer, and nothing is suspended or taken away by it. It stays on "
        "record, and so does why.",
        label="Call it off",
        points=lambda: _points(one),
    )


def _points(one: Campaign) -> list[Shape]:
    """What becomes of what is in it and of what it has joined; what there is none of is not said."""
    closing = one.items.filter(cancelled_items.UNSETTLED).exclude(cancelled_items.COUNTED_ON).order_by()
    questions = Question.objects.filter(item__in=closing.values("pk")).order_by()
    waiting = questions.filter(answered_at__isnull=True).count()
    one_sided = questions.filter(answered_at__isnull=False).count()
    going_on = one.joinings.filter(item__state__in=UNCLOSED).count()
    going_on += one.items.filter(cancelled_items.UNSETTLED & cancelled_items.COUNTED_ON).count()
    answered = one.items.exclude(state__in=(ItemState.OPEN, ItemState.ESCALATED)).count()
    closes = f"{times.counted(closing.count(), 'item')} close."
    waits = f"{times.counted(waiting, 'question')} wait for nobody then, and whoever is asked one hears of it."
    found = [
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
    return [{"icon": icon, "lead": lead, "text": text} for count, icon, lead, text in found if count]


@require_POST
def remind(request: Request, pk: int) -> HttpResponse:
    """Have one person reminded, or everybody who has something left; each at most once on their day (R5)."""
    now = business_time.now()
    one = find(request, pk, now)
    waiting = Question.objects.unanswered().filter(item__campaign=one).order_by()
    people = Person.objects.filter(pk__in=waiting.values("reviewer")).order_by("pk")
    if request.POST.get("person"):
        key = number(request.POST["person"]) or 0
        people = people.filter(pk=key)
        if not Person.objects.filter(pk=key, questions__item__campaign=one).exists():
            raise Http404
    chosen = list(people)
    try:
        open_campaign.remind_people(one, actor=request.actor, now=now, people=chosen)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": one.href})
    whom = chosen[0].name if len(chosen) == 1 else times.counted(len(chosen), "person", "people")
    messages.success(request, f"{whom} will hear of it with their next digest, unless they have been reminded today.")
    return redirect(one.href)
