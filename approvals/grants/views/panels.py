"""Panels that approvals draws on lower apps' pages, each also a page: grants, submissions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.grants import queries as grant_queries
from approvals.grants import revocation_tasks
from approvals.grants.transitions import lifecycle
from approvals.inbox import waiting_for
from approvals.inbox.views import waiting_for as view_waiting_for
from approvals.intake import resubmission
from approvals.models import Grant, GrantKind, GrantState, RevocationTask, Submission
from approvals.models import grant as model_grant
from approvals.models.grant import GrantQuerySet
from approvals.review.views.approval_rows import decided_words, segment
from approvals.review.views.reader import Reader
from approvals.waivers.views import waiver_list
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.identities import queries as identity_queries
from inventory.models import Automation, AutomationState, NonHumanIdentity, Resource

Shape = dict[str, Any]

#: Grants on one page.
PAGE_SIZE = 50
ENDS_SOON = timedelta(days=30)


def grant_shape(grant: Grant, actor: Actor, now: datetime, *, may_stop: bool) -> Shape:
    """Return one grant for ``approvals/grants/grant_list.html``."""
    entitlement, credential = grant.entitlement, grant.credential
    resource = entitlement.resource if entitlement else credential.decided_on if credential else None
    state, why = state_of(grant, now)
    task = _task_of(grant)
    shown, below = revocation_tasks.state_words(task, now) if task is not None else (state, why)
    soon = state == GrantState.ACTIVE and grant.ends_at - now <= ENDS_SOON
    return {
        "level": grant.level if entitlement else "secret",
        "sentence": grant.sentence,
        "scope": grant.raw_scope,
        "href": reverse("review", args=[grant.approval.submission_id]),
        "owner": resource.owner.name if resource and resource.owner else "Nobody",
        "holder": {"name": grant.automation.name, "href": reverse("automation", args=[grant.automation_id])},
        "enforced": grant.get_enforcement_display(),
        "begins": grant.begins_at,
        "ends": grant.ends_at,
        "tone": "no" if state == GrantState.SUSPENDED else "wait" if soon else "",
        "below": _days_left_words((grant.ends_at - now).days) if state != GrantState.ENDED else "ended",
        "calls": None,
        "state": "ends_soon" if soon else shown,
        "why": below,
        "task_href": task.href if task is not None else "",
        "stop_href": reverse("grant_stop", args=[grant.pk]) if may_stop else "",
    }


def state_of(grant: Grant, now: datetime) -> tuple[str, str]:
    """Return the effective state of a grant and its reason.

    A grant is not in force after its term, while its automation is stopped (G3, G5), or without its credential (A2).
    """
    if grant.state == GrantState.ACTIVE and grant.ends_at <= now:
        return GrantState.ENDED, "its term is over"
    if grant.state == GrantState.ACTIVE and grant.automation.state == AutomationState.SUSPENDED:
        return GrantState.SUSPENDED, "the automation is stopped"
    if grant.state == GrantState.ACTIVE and grant.automation.state == AutomationState.RETIRED:
        return GrantState.SUSPENDED, "the automation was retired, and its end is held"
    if grant.state == GrantState.ACTIVE and not grant.__dict__.get("usable", True):
        return GrantState.SUSPENDED, "the credential that it needs is not granted any more"
    return grant.state, model_grant.WHY_WORDS.get(grant.ended_why or grant.suspended_why, "")


def _task_of(grant: Grant) -> RevocationTask | None:
    """Return the revocation task of an ended grant (G4), else None."""
    return next(iter(grant.revocation_tasks.all()), None) if grant.state == GrantState.ENDED else None


def _days_left_words(days: int) -> str:
    """Return the whole days until a term ends, in words."""
    return "ends today" if days < 1 else "1 day left" if days == 1 else f"{days} days left"


def _count_words(grants: Iterable[Grant], now: datetime) -> str:
    states = [state_of(grant, now)[0] for grant in grants]
    counts = [
        f"{states.count(state)} {word}"
        for state, word in (
            (GrantState.ACTIVE, "in force"),
            (GrantState.SUSPENDED, "suspended"),
            (GrantState.ENDED, "ended"),
        )
        if states.count(state)
    ]
    return ", ".join(counts)


def _page_of(rows: GrantQuerySet, query_params: QueryDict, list_href: str) -> tuple[list[Grant], Shape]:
    """Return the grants of the requested page, the next to end first, and the pager."""
    is_ended = query_params.get("show") == "ended"
    rows = rows.filter(state=GrantState.ENDED) if is_ended else rows.standing()
    paged = rows.order_by("-ends_at", "-pk") if is_ended else rows.order_by("ends_at", "pk")
    after = (
        rows.filter(pk=number(query_params.get("after")) or 0).values_list("ends_at", "pk").first()
        if query_params.get("after")
        else None
    )
    if after is not None:
        lookup = "lt" if is_ended else "gt"
        ends_at, pk = after
        paged = paged.filter(Q(**{f"ends_at__{lookup}": ends_at}) | Q(**{"ends_at": ends_at, f"pk__{lookup}": pk}))
    grants = list(paged[: PAGE_SIZE + 1])
    has_more, grants = len(grants) > PAGE_SIZE, grants[:PAGE_SIZE]
    if not (has_more or after):
        return grants, {}
    show = {"show": "ended"} if is_ended else {}
    first = f"{list_href}?{urlencode(show)}" if show else list_href
    words = f"{times.counted(rows.count(), 'grant')} in all, {PAGE_SIZE} a page"
    last = urlencode({**show, "after": grants[-1].pk}) if has_more else ""
    return grants, {
        "newer_href": first if after else "",
        "older_href": f"{list_href}?{last}" if last else "",
        "words": words,
    }


def _context(request: Request, rows: GrantQuerySet, list_href: str, **more: Any) -> Shape:
    now = business_time.now()
    show_ended = request.GET.get("show") == "ended"
    related = (
        "entitlement__resource__owner",
        "credential__kept_in__owner",
        "credential__opens__owner",
        "automation__team",
        "approval__privilege__entitlement__resource",
        "approval__privilege__credential",
    )
    rows = rows.telling_usable(now).select_related(*related)
    if show_ended:
        rows = rows.prefetch_related("revocation_tasks__words__person", "revocation_tasks__words__for_person")
    grants, pager = _page_of(rows, request.GET, list_href)
    # Rows of one automation share an instance, so that the reader's relations to it are read once.
    shared = {grant.automation_id: grant.automation for grant in reversed(grants)}
    for grant in grants:
        grant.automation = shared[grant.automation_id]
    stoppable = {grant.pk for grant in grants if lifecycle.stop.refusal(grant, actor=request.actor, now=now) is None}
    return {
        "grants": [grant_shape(grant, request.actor, now, may_stop=grant.pk in stoppable) for grant in grants],
        "grant_words": pager["words"] if pager else _count_words(grants, now),
        "may_stop": bool(stoppable),
        "ended": {
            "href": list_href if show_ended else f"{list_href}?show=ended",
            "words": "Those in force" if show_ended else "Ended grants",
        },
        "pager": pager | {"words": ""} if pager else {},
        "nothing": "What is held no more would be here, with who ended it and why." if show_ended else "",
        **more,
    }


def _facts(context: Shape, rows: GrantQuerySet) -> list[str]:
    """Return the facts of the page head: the number of grants, and how they are enforced (G4)."""
    shares = grant_queries.shares(rows.standing())
    return [context["grant_words"], *([f"enforced: {shares}"] if shares else [])]


@require_GET
def automation_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of an automation; with ``?show=ended`` the ended ones."""
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, business_time.now()), pk=pk)
    list_href = reverse("automation_grants", args=[pk])
    crumbs = [
        {"label": "Automations", "href": reverse("automation_list")},
        {"label": automation.name, "href": reverse("automation", args=[pk])},
        {"label": "Grants", "href": ""},
    ]
    context = _context(request, Grant.objects.filter(automation=automation), list_href, crumbs=crumbs)
    context["head"] = {"title": f"Grants of {automation.name}", "facts": _facts(context, automation.grants.all())}
    context["waivers"] = waiver_list.open_waivers(automation, business_time.now())
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def resource_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants on a resource, and credentials that its owner decided (A2)."""
    now = business_time.now()
    resource = get_object_or_404(Resource.objects.visible_to(request.actor, now), pk=pk)
    decided = Q(kind=GrantKind.CREDENTIAL, approval__decided_on=resource)
    seen = Grant.objects.visible_to(request.actor, now).filter(Q(entitlement__resource=resource) | decided)
    list_href = reverse("resource_grants", args=[pk])
    crumbs = [
        {"label": "Resources", "href": reverse("resource_list")},
        {"label": resource.name, "href": reverse("resource", args=[pk])},
        {"label": "Grants", "href": ""},
    ]
    context = _context(request, seen, list_href, crumbs=crumbs, show_holder=True)
    context["head"] = {"title": f"Grants on {resource.name}", "facts": _facts(context, seen)}
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def identity_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of automations that run as an identity: the reach of a leak (I5)."""
    now = business_time.now()
    identity = get_object_or_404(
        NonHumanIdentity.objects.visible_to(request.actor, now).select_related("automation"), pk=pk
    )
    runs = identity_queries.versions_of_identity(identity).order_by().values("automation")
    seen = Grant.objects.visible_to(request.actor, now).filter(automation__in=runs)
    list_href = reverse("identity_grants", args=[pk])
    crumbs = [{"label": identity.subject, "href": identity.href}, {"label": "Grants", "href": ""}]
    context = _context(request, seen, list_href, crumbs=crumbs, show_holder=True)
    hidden = Grant.objects.standing().filter(automation__in=runs).exclude(pk__in=seen.order_by().values("pk")).count()
    if hidden:
        hidden_words = f"{times.counted(hidden, 'grant')} of automations that you may not see"
        context["grant_words"] = f"{context['grant_words']}, and {hidden_words}" if context["grants"] else hidden_words
        context["nothing"] = (
            f"{hidden_words[:1].upper()}{hidden_words[1:]} may be used by whatever holds this identity."
        )
    context["head"] = {"title": f"Held by what runs as {identity.subject}", "facts": [context["grant_words"]]}
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def automation_submissions(request: Request, pk: int) -> HttpResponse:
    """Show the submissions of an automation, newest first."""
    now = business_time.now()
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, now), pk=pk)
    submissions = automation.submissions.select_related("version", "submitted_by").prefetch_related("approvals")
    return page(
        request,
        "approvals/submissions/submissions.html",
        {
            "crumbs": [
                {"label": "Automations", "href": reverse("automation_list")},
                {"label": automation.name, "href": reverse("automation", args=[pk])},
                {"label": "Submissions", "href": ""},
            ],
            "head": {"title": f"Submissions of {automation.name}"},
            "submissions": [_submission(submission, now) for submission in submissions.order_by("-pk")[:PAGE_SIZE]],
            "bring_in_href": reverse("bring_in"),
            "again": resubmit_button(automation, request.actor, now),
        },
        fragment="submissions",
    )


def waiting_for_panel(automation: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """Return who an automation in review waits for, for its page; one query."""
    submissions = waiting_for.with_holders(Submission.objects.unfinished().filter(automation=automation))
    submissions = submissions.select_related(
        "submitted_by", "automation__business_owner", "automation__interim__person"
    )
    reader = Reader(actor, now)
    return [
        shape
        for submission in submissions.order_by()
        for shape in view_waiting_for.holder_shapes(waiting_for.pending_items(submission, now), reader)
    ]


def resubmit_button(automation: Automation, actor: Actor, now: datetime) -> Shape | None:
    """Return the button that submits a failed submission again, or None if the actor may not."""
    if resubmission.refusal(automation, actor=actor, now=now) is not None:
        return None
    return {"label": "Submit again", "icon": "undo", "post": reverse("submit_again", args=[automation.pk])}


def _submission(submission: Submission, now: datetime) -> Shape:
    records = [record for record in submission.approvals.all() if record.stage == 2]
    return {
        "href": reverse("review", args=[submission.pk]),
        "number": submission.reference,
        "version": submission.version.number,
        "by": submission.submitted_by.name,
        "at": submission.submitted_at,
        "state": submission.state,
        "parts": [segment(record, mine=False) for record in records],
        "words": decided_words(records) if records else "",
        "below": times.moment_words(submission.ended_at, now) if submission.ended_at else "",
    }
