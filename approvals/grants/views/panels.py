"""Panels that approvals draws on lower apps' pages, each also a page: grants, submissions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.grants import queries
from approvals.grants.transitions import lifecycle
from approvals.inbox import waiting_for
from approvals.inbox.views import waiting_for as view_waiting_for
from approvals.intake import registered_version
from approvals.models import Grant, GrantKind, GrantState, Submission
from approvals.models.grant import GrantQuerySet
from approvals.review.views.approval_rows import decided_words, segment
from approvals.review.views.reader import Reader
from approvals.waivers.views import waiver_list
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request
from inventory.identities import queries as identity_queries
from inventory.models import Automation, NonHumanIdentity, Resource

Shape = dict[str, Any]

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


def _context(request: Request, rows: GrantQuerySet, title: str, **more: Any) -> Shape:
    """Return the context of a list of grants: standing ones, the next to end first; with ``?show=ended`` the ended ones."""
    now, is_ended = business_time.now(), request.GET.get("show") == "ended"
    listed = rows.filter(state=GrantState.ENDED) if is_ended else rows.standing()
    loaded = listed.telling_usable(now).select_related(*RELATIONS)
    if is_ended:
        loaded = loaded.prefetch_related("revocation_tasks__words__person", "revocation_tasks__words__for_person")
    paged = pager.by_column(loaded, request.GET, request.path, "ends_at", descending=is_ended)
    # Rows of one automation share an instance, so that the reader's relations to it are read once.
    shared = {grant.automation_id: grant.automation for grant in paged.rows}
    for grant in paged.rows:
        grant.automation = shared[grant.automation_id]
    may_stop = {grant.pk for grant in paged.rows if lifecycle.stop.refusal(grant, actor=request.actor, now=now) is None}
    words = _count_words(paged.rows, now)
    if paged.newer_href or paged.older_href:
        words = f"{times.counted(listed.count(), 'grant')} in all, {pager.PAGE} a page"
    shares = queries.shares(rows.standing())
    return {
        "head": {"title": title, "facts": [words, *([f"enforced: {shares}"] if shares else [])]},
        "rows": [queries.grant_row(grant, now, may_stop=grant.pk in may_stop) for grant in paged.rows],
        "grant_words": words,
        "may_stop": bool(may_stop),
        "ended": {
            "href": request.path if is_ended else f"{request.path}?show=ended",
            "words": "Those in force" if is_ended else "Ended grants",
        },
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "nothing": "Ended grants would be here, with who ended them and why." if is_ended else "",
        **more,
    }


def _crumbs(*links: tuple[str, str]) -> list[Shape]:
    return [{"label": label, "href": href} for label, href in links]


@require_GET
def automation_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of an automation; with ``?show=ended`` the ended ones."""
    now = business_time.now()
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, now), pk=pk)
    context = _context(
        request,
        Grant.objects.filter(automation=automation),
        f"Grants of {automation.name}",
        crumbs=_crumbs(("Automations", reverse("automation_list")), (automation.name, automation.href), ("Grants", "")),
        waivers=waiver_list.open_waivers(automation, now),
    )
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def resource_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants on a resource, and credentials that its owner decided (A2)."""
    now = business_time.now()
    resource = get_object_or_404(Resource.objects.visible_to(request.actor, now), pk=pk)
    on_it = Q(entitlement__resource=resource) | Q(kind=GrantKind.CREDENTIAL, approval__decided_on=resource)
    context = _context(
        request,
        Grant.objects.visible_to(request.actor, now).filter(on_it),
        f"Grants on {resource.name}",
        crumbs=_crumbs(("Resources", reverse("resource_list")), (resource.name, resource.href), ("Grants", "")),
        show_holder=True,
    )
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def identity_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of automations that run as an identity: the reach of a leak (I5)."""
    now = business_time.now()
    identity = get_object_or_404(NonHumanIdentity.objects.visible_to(request.actor, now), pk=pk)
    runs = identity_queries.versions_of_identity(identity).order_by().values("automation")
    seen = Grant.objects.visible_to(request.actor, now).filter(automation__in=runs)
    title = f"Grants of automations that run as {identity.subject}"
    crumbs = _crumbs((identity.subject, identity.href), ("Grants", ""))
    context = _context(request, seen, title, crumbs=crumbs, show_holder=True)
    hidden = Grant.objects.standing().filter(automation__in=runs).exclude(pk__in=seen.order_by().values("pk")).count()
    if hidden:
        hidden_words = f"{times.counted(hidden, 'grant')} of automations that you may not see"
        context["grant_words"] = f"{context['grant_words']}, and {hidden_words}" if context["rows"] else hidden_words
        context["nothing"] = f"This identity may also use {hidden_words}."
    context["head"]["facts"] = [context["grant_words"]]
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def automation_submissions(request: Request, pk: int) -> HttpResponse:
    """Show the submissions of an automation, newest first."""
    now = business_time.now()
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, now), pk=pk)
    submissions = automation.submissions.select_related("version", "submitted_by").prefetch_related("approvals")
    context = {
        "crumbs": _crumbs(
            ("Automations", reverse("automation_list")), (automation.name, automation.href), ("Submissions", "")
        ),
        "head": {"title": f"Submissions of {automation.name}"},
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
    if registered_version.resubmission_refusal(automation, actor=actor, now=now) is not None:
        return None
    return {"label": "Submit again", "icon": "undo", "post": reverse("submit_again", args=[automation.pk])}


def _submission(submission: Submission, now: datetime) -> Shape:
    approvals = [approval for approval in submission.approvals.all() if approval.stage == 2]
    return {
        "href": reverse("review", args=[submission.pk]),
        "number": submission.reference,
        "version": submission.version.number,
        "by": submission.submitted_by.name,
        "at": submission.submitted_at,
        "state": submission.state,
        "parts": [segment(approval, mine=False) for approval in approvals],
        "words": decided_words(approvals) if approvals else "",
        "below": times.moment_words(submission.ended_at, now) if submission.ended_at else "",
    }
