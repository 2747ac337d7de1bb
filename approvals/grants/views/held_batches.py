"""Pages of paused mass revocations: the list, and one batch with its grants and the answers of Security and an admin (G6)."""

from datetime import datetime

from django.db.models import Count
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.grants import queries
from approvals.grants.transitions import circuit_breaker
from approvals.models import BatchSays, BatchState, HeldBatch
from governance.core.access import ROLE_WORDS, InvalidInput, Refusal, refuse
from governance.web.pages import pager
from governance.web.pages.page import Shape, finish, page, timeline_context
from governance.web.requests.request import Request, number, visible_row
from inventory.models import Automation

#: Teams listed by name.
TEAMS = 10
#: Choices of the filter.
SHOWN = (("", "Open"), ("ended", "Answered or over"))


@require_GET
def batch_list(request: Request) -> HttpResponse:
    """Show open or past batches; filters are in the URL."""
    path, query = reverse("held_batches"), request.GET
    visible = HeldBatch.objects.visible_to(request.actor, request.now())
    team, of_team = number(query.get("team")), "held__grant__automation__team"
    # One row for each batch, so that the grants are counted over all teams.
    seen = visible if team is None else visible.filter(pk__in=visible.filter(**{of_team: team}).order_by().values("pk"))
    waiting, is_ended = seen.filter(state=BatchState.OPEN), query.get("show") == "ended"
    rows = (seen.exclude(state=BatchState.OPEN) if is_ended else waiting).select_related("cause__person")
    paged = pager.newest_first(rows.annotate(grants=Count("held")), query, path)
    context = {
        "chips": pager.chips(path, query, "show", SHOWN, {"": waiting.count()}),
        "filters": pager.filter_bar(query, path, [("team", "Team", pager.choices(visible, of_team))]),
        "rows": paged.rows,
        "is_ended": is_ended,
        "pager": paged,
    }
    return page(request, "approvals/grants/held_batches.html", context)


@require_http_methods(["GET", "POST"])
def batch(request: Request, pk: int) -> HttpResponse:
    """Show one batch with its grants and answers, and the form for Security and admins."""
    held_batch, now = visible_row(request, HeldBatch, pk, "cause__person")
    error, status = "", 200
    if request.method == "POST":
        text, says = request.POST.get("reason", ""), request.POST.get("says", "")
        try:
            if says not in BatchSays.values:
                raise refuse(Refusal("G6", "input", "Choose release or discard. Your reason is still there."))
            circuit_breaker.answer_batch(held_batch, actor=request.actor, now=now, reason=text, says=BatchSays(says))
            return finish(request, circuit_breaker.answer_batch, held_batch.href)
        except InvalidInput as invalid:
            error, status = invalid.refusal.sentence, invalid.status
    return page(request, "approvals/grants/held_batch.html", _context(request, held_batch, now, error), status=status)


def _context(request: Request, held_batch: HeldBatch, now: datetime, error: str) -> Shape:
    actor = request.actor
    refusal = circuit_breaker.answer_batch.refusal(held_batch, actor=actor, now=now)
    role = circuit_breaker.answering_role(held_batch, actor, now) if refusal is None else None
    held = held_batch.held.select_related("grant__automation__team")
    paged = pager.by_column(held, request.GET, held_batch.href, "pk")
    # The reader sees the grants of automations hidden elsewhere too, because they decide on the end.
    automations = [held_grant.grant.automation_id for held_grant in paged.rows]
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=automations)
    teams = held_batch.held.order_by().values_list("grant__automation__team__name").annotate(number=Count("pk"))
    return {
        "batch": held_batch,
        "tiers": held_batch.held.order_by("tier").values("tier").annotate(number=Count("pk")),
        "teams": teams.order_by("-number", "grant__automation__team__name")[: TEAMS + 1],
        "most_teams": TEAMS,
        "answers": held_batch.answers.select_related("person", "reason").order_by("pk"),
        "rows": [(held_grant, queries.effective_state(held_grant.grant, now)) for held_grant in paged.rows],
        "seen": set(seen.values_list("pk", flat=True)),
        "pager": paged,
        "answers_as": ROLE_WORDS[role].lower() if role is not None else "",
        "error": error,
        "locked": refusal if refusal is not None and refusal.kind != "state" else None,
        **timeline_context(held_batch, actor=actor, now=now, limit=20),
    }
