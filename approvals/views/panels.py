"""Parts of lower apps' pages that approvals draws, each also a page of its own: an automation's submissions, grants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals import grants, resubmitting
from approvals.models import Grant, GrantState, Submission
from approvals.views.record_rows import decided_words, segment
from governance.controls import clock
from governance.controls.actors import Actor
from governance.web import times
from governance.web.middleware import Request
from governance.web.pages import page
from inventory import running
from inventory.models import Automation, AutomationState, NonHumanIdentity, Resource

Shape = dict[str, Any]

#: How many grants a panel shows; the rest is behind its filter.
MOST = 50
ENDS_SOON = timedelta(days=30)


def grant_shape(grant: Grant, actor: Actor, now: datetime, *, may_stop: bool) -> Shape:
    """One grant as ``inventory/grants.html`` takes it."""
    entitlement, credential = grant.entitlement, grant.credential
    on = entitlement.resource if entitlement else credential.decided_on if credential else None
    held = grant.approval.privilege
    sentence = held.sentence if held else credential.sentence if credential else ""
    state, why = state_of(grant)
    soon = state == GrantState.ACTIVE and grant.ends_at - now <= ENDS_SOON
    code = entitlement.code if entitlement else credential.kind if credential else ""
    through = held.through if held else ""
    return {
        "level": grant.level if entitlement else "secret",
        "sentence": sentence,
        "scope": " · ".join(dict.fromkeys(filter(None, [code, through, grant.target, ", ".join(grant.scope)]))),
        "href": reverse("review", args=[grant.approval.submission_id]),
        "owner": on.owner.name if on and on.owner else "Nobody",
        "holder": {"name": grant.automation.name, "href": reverse("automation", args=[grant.automation_id])},
        "enforced": grant.get_enforcement_display(),
        "begins": grant.begins_at,
        "ends": grant.ends_at,
        "tone": "no" if state == GrantState.SUSPENDED else "wait" if soon else "",
        "below": _left((grant.ends_at - now).days) if state != GrantState.ENDED else "",
        "calls": None,
        "state": "ends_soon" if soon else state,
        "why": why,
        "stop_href": reverse("grant_stop", args=[grant.pk]) if may_stop else "",
    }


def state_of(grant: Grant) -> tuple[str, str]:
    """What counts of a grant's state, and why: nothing of an automation that is stopped is in force (G3, G5),
    and no privilege without its credential (A2).
    """
    if grant.state == GrantState.ACTIVE and grant.automation.state == AutomationState.SUSPENDED:
        return GrantState.SUSPENDED, "the automation is stopped"
    if grant.state == GrantState.ACTIVE and not grant.__dict__.get("usable", True):
        return GrantState.SUSPENDED, "the credential that it needs is not granted any more"
    return grant.state, grants.WHY_WORDS.get(grant.ended_why or grant.suspended_why, "")


def _left(days: int) -> str:
    """Whole days until a term ends, in words."""
    return "ends today" if days < 1 else "1 day left" if days == 1 else f"{days} days left"


def _words(found: Iterable[Grant]) -> str:
    states = [state_of(grant)[0] for grant in found]
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


def _context(request: Request, rows: Any, *, ended_href: str, **more: Any) -> Shape:
    now = clock.now()
    show_ended = request.GET.get("show") == "ended"
    found = rows.filter(state=GrantState.ENDED) if show_ended else rows.standing()
    found = list(
        found.telling_usable(now)
        .select_related(
            "entitlement__resource__owner",
            "credential__kept_in__owner",
            "credential__opens__owner",
            "automation__team",
            "approval__privilege__entitlement__resource",
            "approval__privilege__credential",
        )
        .order_by("-ends_at", "pk")[:MOST]
    )
    # One automation's rows share its instance, so that how the reader stands to it is read once and not once a row.
    shared = {grant.automation_id: grant.automation for grant in reversed(found)}
    for grant in found:
        grant.automation = shared[grant.automation_id]
    stoppable = {grant.pk for grant in found if grants.stop.refusal(grant, actor=request.actor, now=now) is None}
    return {
        "grants": [grant_shape(grant, request.actor, now, may_stop=grant.pk in stoppable) for grant in found],
        "grant_words": _words(found),
        "may_stop": bool(stoppable),
        "ended": {"href": ended_href, "words": "Those in force" if show_ended else "Ended grants"},
        **more,
    }


@require_GET
def automation_grants(request: Request, pk: int) -> HttpResponse:
    """What an automation may do, or with ``?show=ended`` what it no longer may."""
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, clock.now()), pk=pk)
    here = reverse("automation_grants", args=[pk])
    href = here if request.GET.get("show") == "ended" else f"{here}?show=ended"
    crumbs = [
        {"label": "Automations", "href": reverse("automation_list")},
        {"label": automation.name, "href": reverse("automation", args=[pk])},
        {"label": "Grants", "href": ""},
    ]
    context = _context(request, automation.grants.all(), ended_href=href, crumbs=crumbs)
    context["head"] = {"title": f"Grants of {automation.name}", "facts": [context["grant_words"]]}
    return page(request, "approvals/grants.html", context, fragment="grants")


@require_GET
def resource_grants(request: Request, pk: int) -> HttpResponse:
    """Who may do what on a resource."""
    now = clock.now()
    resource = get_object_or_404(Resource.objects.visible_to(request.actor, now), pk=pk)
    seen = Grant.objects.visible_to(request.actor, now).filter(entitlement__resource=resource)
    here = reverse("resource_grants", args=[pk])
    href = here if request.GET.get("show") == "ended" else f"{here}?show=ended"
    crumbs = [
        {"label": "Resources", "href": reverse("resource_list")},
        {"label": resource.name, "href": reverse("resource", args=[pk])},
        {"label": "Grants", "href": ""},
    ]
    context = _context(request, seen, ended_href=href, crumbs=crumbs, show_holder=True)
    context["head"] = {"title": f"Grants on {resource.name}", "facts": [context["grant_words"]]}
    return page(request, "approvals/grants.html", context, fragment="grants")


@require_GET
def identity_grants(request: Request, pk: int) -> HttpResponse:
    """What may be done by whatever runs as an identity: what a leak of it would touch (I5)."""
    now = clock.now()
    identity = get_object_or_404(
        NonHumanIdentity.objects.visible_to(request.actor, now).select_related("automation"), pk=pk
    )
    runs = running.as_identity(identity).order_by().values("automation")
    seen = Grant.objects.visible_to(request.actor, now).filter(automation__in=runs)
    here = reverse("identity_grants", args=[pk])
    href = here if request.GET.get("show") == "ended" else f"{here}?show=ended"
    crumbs = [{"label": identity.subject, "href": identity.href}, {"label": "Grants", "href": ""}]
    context = _context(request, seen, ended_href=href, crumbs=crumbs, show_holder=True)
    context["head"] = {"title": f"Held by what runs as {identity.subject}", "facts": [context["grant_words"]]}
    return page(request, "approvals/grants.html", context, fragment="grants")


@require_GET
def automation_submissions(request: Request, pk: int) -> HttpResponse:
    """Every submission of an automation, newest first."""
    now = clock.now()
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, now), pk=pk)
    found = automation.submissions.select_related("version", "submitted_by").prefetch_related("approvals")
    return page(
        request,
        "approvals/submissions.html",
        {
            "crumbs": [
                {"label": "Automations", "href": reverse("automation_list")},
                {"label": automation.name, "href": reverse("automation", args=[pk])},
                {"label": "Submissions", "href": ""},
            ],
            "head": {"title": f"Submissions of {automation.name}"},
            "submissions": [_submission(one, now) for one in found.order_by("-pk")[:MOST]],
            "bring_in_href": reverse("bring_in"),
            "again": again(automation, request.actor, now),
        },
        fragment="submissions",
    )


def again(automation: Automation, actor: Actor, now: datetime) -> Shape | None:
    """The button that asks again for what came to nothing, for whoever may press it."""
    if resubmitting.refusal(automation, actor=actor, now=now) is not None:
        return None
    return {"label": "Submit again", "icon": "undo", "post": reverse("submit_again", args=[automation.pk])}


def _submission(one: Submission, now: datetime) -> Shape:
    records = [record for record in one.approvals.all() if record.stage == 2]
    return {
        "href": reverse("review", args=[one.pk]),
        "number": one.reference,
        "version": one.version.number,
        "by": one.submitted_by.name,
        "at": one.submitted_at,
        "state": one.state,
        "parts": [segment(record, mine=False) for record in records],
        "words": decided_words(records) if records else "",
        "below": times.moment_words(one.ended_at, now) if one.ended_at else "",
    }
