"""What the brake holds: the batches, and one of them with what would end and what security and an admin say (G6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.grants.transitions import circuit_breaker
from approvals.grants.views.panels import state_of
from approvals.models import BatchSays, BatchState, HeldBatch, HeldGrant, grant
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused, refuse
from governance.core.roles.roles import ROLE_WORDS, Role
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Automation

Shape = dict[str, Any]

#: Rows of a page; teams that are counted by name; events of the timeline.
PAGE, TEAMS, EVENTS = 50, 10, 20
#: What the chips show, by the word in the address.
SHOWN = {"": "Open", "ended": "Answered or over"}
EMPTY = {
    "": "What one cause would end all at once would be held here, until security and an admin have looked. Nothing is held.",
    "ended": "What was held, and was released or discarded, would be here.",
}


@require_GET
def batch_list(request: Request) -> HttpResponse:
    """What is held, and what was; filters live in the address."""
    now, asked = business_time.now(), request.GET
    seen = HeldBatch.objects.visible_to(request.actor, now)
    show = "ended" if asked.get("show") == "ended" else ""
    before = number(asked.get("before"))
    found = seen.exclude(state=BatchState.OPEN) if show else seen.filter(state=BatchState.OPEN)
    found = (found.filter(pk__lt=before) if before else found).select_related("cause__person")
    rows = list(found.annotate(grants=Count("held")).order_by("-pk")[: PAGE + 1])
    here = reverse("held_batches")
    query = f"?show={show}" if show else ""
    older = f"{here}?{'show=ended&' if show else ''}before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    open_now = seen.filter(state=BatchState.OPEN)[:100].count()
    return page(
        request,
        "approvals/grants/held_batches.html",
        {
            "now": now,
            "head": {"title": "Held batches", "facts": ["what one cause would end all at once"]},
            "chips": [
                {
                    "label": label,
                    "href": f"{here}?show={word}" if word else here,
                    "current": word == show,
                    "count": None if word else open_now,
                }
                for word, label in SHOWN.items()
            ],
            "rows": [
                {
                    "href": one.href,
                    "cause": one.cause.words,
                    "grants": getattr(one, "grants", 0),
                    "state": one.state,
                    "since": one.opened_at,
                    "due": one.answer_by if one.state == BatchState.OPEN else None,
                    "ended": one.ended_at,
                }
                for one in rows[:PAGE]
            ],
            "empty": EMPTY[show],
            "pager": {"newer_href": f"{here}{query}" if before else "", "older_href": older},
        },
    )


@require_http_methods(["GET", "POST"])
def batch(request: Request, pk: int) -> HttpResponse:
    """One batch: what would end, who said what, and the answer for security and admins."""
    now = business_time.now()
    seen = HeldBatch.objects.visible_to(request.actor, now).select_related("cause__person")
    found = get_object_or_404(seen, pk=pk)
    if request.method == "GET":
        return page(request, "approvals/grants/held_batch.html", _context(request, found, now))
    text, says = request.POST.get("reason", ""), request.POST.get("says", "")
    try:
        if says not in BatchSays.values:
            raise refuse(Refusal("G6", "input", "Say whether it is released; what you typed is still there."))
        circuit_breaker.answer_batch(found, actor=request.actor, now=now, reason=text, says=BatchSays(says))
    except InvalidInput as no:
        context = _context(request, found, now, typed=text, error=no.refusal.sentence)
        return page(request, "approvals/grants/held_batch.html", context, status=no.status)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": found.href, "typed": text})
    return redirect(found.href)


def _context(request: Request, found: HeldBatch, now: datetime, *, typed: str = "", error: str = "") -> Shape:
    actor, after = request.actor, number(request.GET.get("after"))
    no = circuit_breaker.answer_batch.refusal(found, actor=actor, now=now)
    held = found.held.select_related("grant__automation__team", "grant__approval__privilege__entitlement__resource")
    held = held.select_related("grant__credential", "grant__automation__team").order_by("pk")
    rows = list((held.filter(pk__gt=after) if after else held)[: PAGE + 1])
    place = circuit_breaker.place_of(found, actor, now) if no is None else None
    return {
        "now": now,
        "crumbs": [
            {"label": "Held batches", "href": reverse("held_batches")},
            {"label": f"Batch {found.pk}", "href": ""},
        ],
        "head": {"title": f"Held: {found.cause.words}", "facts": [times.counted(found.number, "grant")]},
        "batch": {
            "state": found.state,
            "due": found.answer_by if found.state == BatchState.OPEN else None,
            "facts": _facts(found, now),
            "tiers": _by_tier(found),
            "teams": _by_team(found),
            "answers": _answers(found),
        },
        "rows": _rows(rows[:PAGE], actor, now),
        "pager": {
            "newer_href": found.href if after else "",
            "older_href": f"{found.href}?after={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        },
        "form": {
            "action": found.href,
            "reason": {"value": typed, "error": error},
            "as": ROLE_WORDS[place].lower() if place is not None else "",
        }
        if no is None
        else None,
        "locked": {"sentence": no.sentence, "code": no.code, "to_do": no.to_do}
        if no is not None and no.kind != "state"
        else None,
        "events": timeline_queries.shapes(found, reader=actor.person, limit=EVENTS, actor=actor, now=now),
        "ledger_href": ledger_href(found, actor=actor, now=now),
    }


def _facts(found: HeldBatch, now: datetime) -> list[Shape]:
    rows: list[Shape] = [
        {"label": "Held", "text": times.moment_words(found.opened_at, now)},
        {"label": "Live then", "text": times.counted(found.live, "grant")},
        {"label": "Ended by it in the hour before", "text": f"{found.lately:,}"},
    ]
    if found.ended_at is not None:
        rows.append({"label": "Over", "text": times.moment_words(found.ended_at, now)})
    return rows


def _by_tier(found: HeldBatch) -> list[Shape]:
    counts = dict(found.held.order_by().values_list("tier").annotate(number=Count("pk")))
    return [{"tier": tier, "number": counts[tier]} for tier in ("high", "standard", "low") if counts.get(tier)]


def _by_team(found: HeldBatch) -> list[str]:
    counts = found.held.order_by().values_list("grant__automation__team__name").annotate(number=Count("pk"))
    rows = list(counts.order_by("-number", "grant__automation__team__name")[: TEAMS + 1])
    said = [f"{name}: {times.counted(count, 'grant')}" for name, count in rows[:TEAMS]]
    return [*said, *(["and more teams"] if len(rows) > TEAMS else [])]


def _answers(found: HeldBatch) -> list[Shape]:
    return [
        {
            "who": one.person.name,
            "role": ROLE_WORDS[Role(one.role)].lower(),
            "is_release": one.says == BatchSays.RELEASE,
            "at": one.said_at,
            "text": one.reason.shown,
        }
        for one in found.answers.select_related("person", "reason").order_by("pk")
    ]


def _rows(rows: Iterable[HeldGrant], actor: Actor, now: datetime) -> list[Shape]:
    """Some of what is held, as lines; what the reader does not see by itself they see here: they are to say whether it ends."""
    shown = list(rows)
    seen = Automation.objects.visible_to(actor, now).filter(pk__in={one.grant.automation_id for one in shown})
    links = set(seen.values_list("pk", flat=True))
    return [
        {
            "level": one.grant.level if one.grant.entitlement_id is not None else "secret",
            "sentence": one.grant.sentence,
            "automation": one.grant.automation.name,
            "href": one.grant.automation.href if one.grant.automation_id in links else "",
            "team": one.grant.automation.team.name,
            "tier": one.tier,
            "state": state_of(one.grant, now),
            "why": grant.WHY_WORDS.get(one.why, one.why),
        }
        for one in shown
    ]
