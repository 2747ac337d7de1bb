"""Panels that approvals draws on lower apps' pages, each also a page: grants, submissions."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.grants import queries
from approvals.grants.transitions import stops
from approvals.inbox import waiting_for
from approvals.inbox.views import waiting_for as view_waiting_for
from approvals.intake import promotion
from approvals.models import Grant, GrantState, Submission
from approvals.models.grant import GrantQuerySet, touching
from approvals.review.dossier import decided_words
from approvals.review.views.approval_rows import segment
from approvals.review.views.reader import Reader
from approvals.waivers import views as waiver_views
from governance.core.access import Actor
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, number, visible_row
from inventory.identities import queries as identity_queries
from inventory.models import Automation, NonHumanIdentity, Resource

#: Relations that a row reads.
RELATIONS = (
    "entitlement__resource__owner",
    "credential__kept_in__owner",
    "credential__opens__owner",
    "automation__team",
    "approval__privilege__entitlement",
    "approval__privilege__credential",
)
#: Submissions of the panel.
SUBMISSIONS = 50
COUNTED = ((GrantState.ACTIVE, "in force"), (GrantState.SUSPENDED, "suspended"), (GrantState.ENDED, "ended"))


def _count_words(grants: Sequence[Grant], now: datetime) -> str:
    counts = Counter(queries.effective_state(grant, now)[0] for grant in grants)
    return ", ".join(f"{counts[state]} {words}" for state, words in COUNTED if counts[state])


def _context(request: Request, rows: GrantQuerySet, **more: Any) -> Shape:
    """Return the context of a list of grants: standing ones, the next to end first; with ``?show=ended`` the ended ones."""
    now, is_ended = request.now(), request.GET.get("show") == "ended"
    if (chosen := number(request.GET.get("grant"))) is not None:
        is_ended = rows.filter(pk=chosen, state=GrantState.ENDED).exists()
    listed = rows.filter(state=GrantState.ENDED) if is_ended else rows.standing()
    loaded = listed.telling_usable(now).select_related(*RELATIONS)
    if is_ended:
        loaded = loaded.prefetch_related("revocation_tasks__words__person", "revocation_tasks__words__for_person")
    paged = pager.by_column(loaded, request.GET, request.path, "ends_at", descending=is_ended, edges=rows)
    # Rows of one automation share an instance, so that the reader's relations to it are read once.
    shared = {grant.automation_id: grant.automation for grant in paged.rows}
    for grant in paged.rows:
        grant.automation = shared[grant.automation_id]
    may_stop = {
        grant.pk for grant in paged.rows if stops.stop_grant.refusal(grant, actor=request.actor, now=now) is None
    }
    words = _count_words(paged.rows, now)
    if paged.newer_href or paged.older_href:
        words = f"{times.counted(listed.count(), 'grant')} in all, {pager.PAGE} a page"
    return {
        "shares": queries.shares(rows.standing()),
        "rows": [queries.grant_row(grant, now, may_stop=grant.pk in may_stop) for grant in paged.rows],
        "grant_words": words,
        "may_stop": bool(may_stop),
        "is_ended": is_ended,
        "chosen": chosen,
        "path": request.path,
        "pager": paged,
        "nothing": "Ended grants would be here, with who ended them and why." if is_ended else "",
        **more,
    }


@require_GET
def automation_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of an automation; with ``?show=ended`` the ended ones."""
    automation, now = visible_row(request, Automation, pk)
    waivers = waiver_views.open_waivers(automation, now)
    context = _context(request, automation.grants.all(), automation=automation, waivers=waivers)
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def resource_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants on a resource, and of credentials that open it or that its owner decided (A2)."""
    resource, now = visible_row(request, Resource, pk)
    rows = Grant.objects.visible_to(request.actor, now).filter(touching(resource.pk))
    context = _context(request, rows, resource=resource, show_holder=True)
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def identity_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of automations that run as an identity: the reach of a leak (I5)."""
    identity, now = visible_row(request, NonHumanIdentity, pk)
    runs = identity_queries.versions_of_identity(identity).order_by().values("automation")
    seen = Grant.objects.visible_to(request.actor, now).filter(automation__in=runs)
    context = _context(request, seen, identity=identity, show_holder=True)
    hidden = Grant.objects.standing().filter(automation__in=runs).exclude(pk__in=seen.order_by().values("pk")).count()
    if hidden:
        hidden_words = f"{times.counted(hidden, 'grant')} of automations that you may not see"
        context["grant_words"] = f"{context['grant_words']}, and {hidden_words}" if context["rows"] else hidden_words
        context["nothing"] = f"This identity may also use {hidden_words}."
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def automation_submissions(request: Request, pk: int) -> HttpResponse:
    """Show the submissions of an automation, newest first."""
    automation, now = visible_row(request, Automation, pk)
    submissions = automation.submissions.select_related("version", "submitted_by").prefetch_related("approvals")
    context = {
        "automation": automation,
        "submissions": [_submission(submission, now) for submission in submissions.order_by("-pk")[:SUBMISSIONS]],
        "import_href": reverse("import"),
        "again": resubmit_button(automation, request.actor, now),
    }
    return page(request, "approvals/submissions/submissions.html", context, fragment="submissions")


def waiting_for_panel(automation: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """Return who an automation in review waits for, for its page; at most three queries."""
    submissions = Submission.objects.unfinished().filter(automation=automation).order_by()
    people = ("submitted_by", "automation__business_owner", "automation__interim__person")
    waiting = waiting_for.load_waiting(list(submissions.select_related(*people)), now)
    reader = Reader(actor, now)
    return [shape for held in waiting.values() for shape in view_waiting_for.holder_shapes(held, reader)]


def resubmit_button(automation: Automation, actor: Actor, now: datetime) -> Shape | None:
    """Return the button that submits a failed submission again, or None if the actor may not."""
    if promotion.resubmission_refusal(automation, actor=actor, now=now) is not None:
        return None
    return {"label": "Submit again", "icon": "undo", "post": reverse("submit_again", args=[automation.pk])}


def _submission(submission: Submission, now: datetime) -> Shape:
    approvals = [approval for approval in submission.approvals.all() if approval.stage == 2]
    return {
        "row": submission,
        "parts": [segment(approval, mine=False) for approval in approvals],
        "words": decided_words(approvals) if approvals else "",
        "below": times.moment_words(submission.ended_at, now) if submission.ended_at else "",
    }
