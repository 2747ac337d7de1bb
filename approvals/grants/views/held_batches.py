"""Pages of held batches: the list, and one batch with its grants and the answers of Security and an admin (G6)."""

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

#: Rows of a page; teams listed by name; events of the timeline.
PAGE, TEAMS, EVENTS = 50, 10, 20
#: Labels of the filter chips by query value.
SHOWN = {"": "Open", "ended": "Answered or over"}
EMPTY = {
    "": "What one cause would end all at once would be held here, until security and an admin have looked. Nothing is held.",
    "ended": "What was held, and was released or discarded, would be here.",
}


@require_GET
def batch_list(request: Request) -> HttpResponse:
    """Show open or past batches; filters are in the URL."""
    now, query_params = business_time.now(), request.GET
    seen = HeldBatch.objects.visible_to(request.actor, now)
    show = "ended" if query_params.get("show") == "ended" else ""
    before = number(query_params.get("before"))
    batches = seen.exclude(state=BatchState.OPEN) if show else seen.filter(state=BatchState.OPEN)
    batches = (batches.filter(pk__lt=before) if before else batches).select_related("cause__person")
    rows = list(batches.annotate(grants=Count("held")).order_by("-pk")[: PAGE + 1])
    list_href = reverse("held_batches")
    query = f"?show={show}" if show else ""
    older = f"{list_href}?{'show=ended&' if show else ''}before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
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
                    "href": f"{list_href}?show={word}" if word else list_href,
                    "current": word == show,
                    "count": None if word else open_now,
                }
                for word, label in SHOWN.items()
            ],
            "rows": [
                {
                    "href": batch_row.href,
                    "cause": batch_row.cause.words,
                    "grants": getattr(batch_row, "grants", 0),
                    "state": batch_row.state,
                    "since": batch_row.opened_at,
                    "due": batch_row.answer_by if batch_row.state == BatchState.OPEN else None,
                    "ended": batch_row.ended_at,
                }
                for batch_row in rows[:PAGE]
            ],
            "empty": EMPTY[show],
            "pager": {"newer_href": f"{list_href}{query}" if before else "", "older_href": older},
        },
    )


@require_http_methods(["GET", "POST"])
def batch(request: Request, pk: int) -> HttpResponse:
    """Show one batch with its grants and answers, and the form for Security and admins."""
    now = business_time.now()
    seen = HeldBatch.objects.visible_to(request.actor, now).select_related("cause__person")
    held_batch = get_object_or_404(seen, pk=pk)
    if request.method == "GET":
        return page(request, "approvals/grants/held_batch.html", _context(request, held_batch, now))
    text, says = request.POST.get("reason", ""), request.POST.get("says", "")
    try:
        if says not in BatchSays.values:
            raise refuse(Refusal("G6", "input", "Say whether it is released; what you typed is still there."))
        circuit_breaker.answer_batch(held_batch, actor=request.actor, now=now, reason=text, says=BatchSays(says))
    except InvalidInput as invalid:
        context = _context(request, held_batch, now, typed=text, error=invalid.refusal.sentence)
        return page(request, "approvals/grants/held_batch.html", context, status=invalid.status)
    except Refused as refused_error:
        return refused(request, refused_error.refusal, context={"back_href": held_batch.href, "typed": text})
    return redirect(held_batch.href)


def _context(request: Request, held_batch: HeldBatch, now: datetime, *, typed: str = "", error: str = "") -> Shape:
    actor, after = request.actor, number(request.GET.get("after"))
    refusal = circuit_breaker.answer_batch.refusal(held_batch, actor=actor, now=now)
    held = held_batch.held.select_related("grant__automation__team").order_by("pk")
    rows = list((held.filter(pk__gt=after) if after else held)[: PAGE + 1])
    place = circuit_breaker.answering_role(held_batch, actor, now) if refusal is None else None
    return {
        "now": now,
        "crumbs": [
            {"label": "Held batches", "href": reverse("held_batches")},
            {"label": f"Batch {held_batch.pk}", "href": ""},
        ],
        "head": {"title": f"Held: {held_batch.cause.words}", "facts": [times.counted(held_batch.number, "grant")]},
        "batch": {
            "state": held_batch.state,
            "due": held_batch.answer_by if held_batch.state == BatchState.OPEN else None,
            "facts": _facts(held_batch, now),
            "tiers": _by_tier(held_batch),
            "teams": _by_team(held_batch),
            "answers": _answers(held_batch),
        },
        "rows": _rows(rows[:PAGE], actor, now),
        "pager": {
            "newer_href": held_batch.href if after else "",
            "older_href": f"{held_batch.href}?after={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        },
        "form": {
            "action": held_batch.href,
            "reason": {"value": typed, "error": error},
            "as": ROLE_WORDS[place].lower() if place is not None else "",
        }
        if refusal is None
        else None,
        "locked": {"sentence": refusal.sentence, "code": refusal.code, "to_do": refusal.to_do}
        if refusal is not None and refusal.kind != "state"
        else None,
        "events": timeline_queries.shapes(held_batch, reader=actor.person, limit=EVENTS, actor=actor, now=now),
        "ledger_href": ledger_href(held_batch, actor=actor, now=now),
    }


def _facts(held_batch: HeldBatch, now: datetime) -> list[Shape]:
    rows: list[Shape] = [
        {"label": "Held", "text": times.moment_words(held_batch.opened_at, now)},
        {"label": "Live then", "text": times.counted(held_batch.live, "grant")},
        {"label": "Ended by it in the hour before", "text": f"{held_batch.lately:,}"},
    ]
    if held_batch.ended_at is not None:
        rows.append({"label": "Over", "text": times.moment_words(held_batch.ended_at, now)})
    return rows


def _by_tier(held_batch: HeldBatch) -> list[Shape]:
    counts = dict(held_batch.held.order_by().values_list("tier").annotate(number=Count("pk")))
    return [{"tier": tier, "number": counts[tier]} for tier in ("high", "standard", "low") if counts.get(tier)]


def _by_team(held_batch: HeldBatch) -> list[str]:
    counts = held_batch.held.order_by().values_list("grant__automation__team__name").annotate(number=Count("pk"))
    rows = list(counts.order_by("-number", "grant__automation__team__name")[: TEAMS + 1])
    counted = [f"{name}: {times.counted(count, 'grant')}" for name, count in rows[:TEAMS]]
    return [*counted, *(["and more teams"] if len(rows) > TEAMS else [])]


def _answers(held_batch: HeldBatch) -> list[Shape]:
    return [
        {
            "who": answer.person.name,
            "role": ROLE_WORDS[Role(answer.role)].lower(),
            "is_release": answer.says == BatchSays.RELEASE,
            "at": answer.said_at,
            "text": answer.reason.shown,
        }
        for answer in held_batch.answers.select_related("person", "reason").order_by("pk")
    ]


def _rows(rows: Iterable[HeldGrant], actor: Actor, now: datetime) -> list[Shape]:
    """Return held grants as lines. A reader sees even automations hidden elsewhere, because they decide on the end."""
    shown = list(rows)
    seen = Automation.objects.visible_to(actor, now).filter(
        pk__in={held_grant.grant.automation_id for held_grant in shown}
    )
    links = set(seen.values_list("pk", flat=True))
    return [
        {
            "level": held_grant.grant.level if held_grant.grant.entitlement_id is not None else "secret",
            "sentence": held_grant.grant.sentence,
            "automation": held_grant.grant.automation.name,
            "href": held_grant.grant.automation.href if held_grant.grant.automation_id in links else "",
            "team": held_grant.grant.automation.team.name,
            "tier": held_grant.tier,
            "state": state_of(held_grant.grant, now),
            "why": grant.WHY_WORDS.get(held_grant.why, held_grant.why),
        }
        for held_grant in shown
    ]
