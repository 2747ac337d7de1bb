"""Pages of paused mass revocations: the list, and one batch with its grants and the answers of Security and an admin (G6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.grants import queries
from approvals.grants.transitions import circuit_breaker
from approvals.models import BatchSays, BatchState, HeldBatch, HeldGrant
from governance.core.access import ROLE_WORDS, Actor, InvalidInput, Refusal, Refused, refuse
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.components.facts import Fact
from governance.web.pages import pager
from governance.web.pages.page import Shape, page, refused, timeline_context
from governance.web.requests.request import Request
from inventory.models import Automation

#: Teams listed by name; events of the timeline.
TEAMS, EVENTS = 10, 20
#: Choices of the filter.
SHOWN = (("", "Open"), ("ended", "Answered or over"))


@dataclass(frozen=True)
class HeldGrantRow:
    """One grant of a batch.

    Args:
        held: the held grant.
        state: its effective state and the reason.
        href: page of its automation; empty if the reader may not see it.
    """

    held: HeldGrant
    state: tuple[str, str]
    href: str


@require_GET
def batch_list(request: Request) -> HttpResponse:
    """Show open or past batches; filters are in the URL."""
    path, seen = reverse("held_batches"), HeldBatch.objects.visible_to(request.actor, business_time.now())
    waiting, is_ended = seen.filter(state=BatchState.OPEN), request.GET.get("show") == "ended"
    rows = (seen.exclude(state=BatchState.OPEN) if is_ended else waiting).select_related("cause__person")
    paged = pager.newest_first(rows.annotate(grants=Count("held")), request.GET, path)
    context = {
        "head": {"title": "Paused mass revocations", "facts": ["one cause would end too many grants at once"]},
        "chips": pager.chips(path, request.GET, "show", SHOWN, {"": waiting.count()}),
        "rows": paged.rows,
        "empty": "No ended batches." if is_ended else "No mass revocation is paused.",
        "pager": paged,
    }
    return page(request, "approvals/grants/held_batches.html", context)


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
            raise refuse(Refusal("G6", "input", "Choose release or discard. Your reason is still there."))
        circuit_breaker.answer_batch(held_batch, actor=request.actor, now=now, reason=text, says=BatchSays(says))
    except InvalidInput as invalid:
        context = _context(request, held_batch, now, typed=text, error=invalid.refusal.sentence)
        return page(request, "approvals/grants/held_batch.html", context, status=invalid.status)
    except Refused as refused_error:
        return refused(request, refused_error.refusal, context={"back_href": held_batch.href, "typed": text})
    return redirect(held_batch.href)


def _context(request: Request, held_batch: HeldBatch, now: datetime, *, typed: str = "", error: str = "") -> Shape:
    actor = request.actor
    refusal = circuit_breaker.answer_batch.refusal(held_batch, actor=actor, now=now)
    role = circuit_breaker.answering_role(held_batch, actor, now) if refusal is None else None
    held = held_batch.held.select_related("grant__automation__team")
    paged = pager.by_column(held, request.GET, held_batch.href, "pk")
    return {
        "head": {"title": held_batch.cause.words, "facts": [times.counted(held_batch.number, "grant")]},
        "batch": held_batch,
        "is_open": held_batch.state == BatchState.OPEN,
        "facts": _facts(held_batch, now),
        "tiers": held_batch.held.order_by("tier").values("tier").annotate(number=Count("pk")),
        "teams": _by_team(held_batch),
        "answers": held_batch.answers.select_related("person", "reason").order_by("pk"),
        "rows": _rows(paged.rows, actor, now),
        "pager": paged,
        "answers_as": ROLE_WORDS[role].lower() if role is not None else "",
        "reason": {"value": typed, "error": error},
        "locked": refusal if refusal is not None and refusal.kind != "state" else None,
        **timeline_context(held_batch, actor=actor, now=now, limit=EVENTS),
    }


def _facts(held_batch: HeldBatch, now: datetime) -> list[Fact]:
    rows = [
        Fact(times.moment_words(held_batch.opened_at, now), "Paused"),
        Fact(times.counted(held_batch.live, "grant"), "Live then"),
        Fact(f"{held_batch.lately:,}", "Ended by it in the hour before"),
    ]
    if held_batch.ended_at is not None:
        rows.append(Fact(times.moment_words(held_batch.ended_at, now), "Over"))
    return rows


def _by_team(held_batch: HeldBatch) -> list[str]:
    counts = held_batch.held.order_by().values_list("grant__automation__team__name").annotate(number=Count("pk"))
    rows = list(counts.order_by("-number", "grant__automation__team__name")[: TEAMS + 1])
    counted = [f"{name}: {times.counted(count, 'grant')}" for name, count in rows[:TEAMS]]
    return [*counted, *(["and more teams"] if len(rows) > TEAMS else [])]


def _rows(held: Any, actor: Actor, now: datetime) -> list[HeldGrantRow]:
    """Return held grants as lines. A reader sees even automations hidden elsewhere, because they decide on the end."""
    automations = {held_grant.grant.automation_id for held_grant in held}
    seen = set(Automation.objects.visible_to(actor, now).filter(pk__in=automations).values_list("pk", flat=True))
    rows = []
    for held_grant in held:
        grant = held_grant.grant
        href = grant.automation.href if grant.automation_id in seen else ""
        rows.append(HeldGrantRow(held_grant, queries.effective_state(grant, now), href))
    return rows
