"""Pages of automations: the list, one automation with its tabs, versions, and its stop, resume and retirement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from governance.controls import clock
from governance.controls.refusals import Refused
from governance.controls.transitions import Transition
from governance.web.middleware import Request
from governance.web.pages import page, refused
from inventory import lifecycle
from inventory.models import Automation, AutomationState, Privilege
from inventory.views import automation_page, paging

Shape = dict[str, Any]

STATES = (
    ("", "All"),
    ("live", "Live"),
    ("in_review", "In review"),
    ("draft", "Draft"),
    ("suspended", "Suspended"),
    ("retired", "Retired"),
)


@require_GET
def automation_list(request: Request) -> HttpResponse:
    """Automations that the reader may see, by name."""
    now = clock.now()
    rows: QuerySet[Automation] = Automation.objects.visible_to(request.actor, now).select_related(
        "team", "business_owner"
    )
    words = paging.words_of(request.GET)
    rows = paging.search(rows, words)
    if request.GET.get("state") in AutomationState.values:
        rows = rows.filter(state=request.GET["state"])
    path = reverse("automation_list")
    paged = paging.by_name(rows, request.GET, path)
    touched = _touched(paged.rows)
    context: Shape = {
        "head": {
            "title": "Automations",
            "facts": [f"{len(paged.rows)} on this page"] if paged.rows else [],
            "actions": [{"label": "Bring in", "icon": "plus", "kind": "filled", "href": reverse("bring_in")}],
        },
        "chips": paging.chips(path, request.GET, "state", STATES),
        "filters": {
            "action": path,
            "words": " ".join(words),
            "words_label": "Name or purpose",
            "kept": {"state": request.GET.get("state", "")},
            "fields": [],
        },
        "filters_target": "#list",
        "rows": [_row(one, touched.get(one.approved_version_id or 0, [])) for one in paged.rows],
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "empty": {
            "sentence": "No automation fits. What your teams bring in would be here.",
            "href": reverse("bring_in"),
            "action": "Bring one in",
        },
    }
    return page(request, "inventory/automation_list.html", context, fragment="list")


def _touched(rows: Sequence[Automation]) -> dict[int, list[Privilege]]:
    """What the approved versions of one page touch; one query."""
    versions = [one.approved_version_id for one in rows if one.approved_version_id]
    found: dict[int, list[Privilege]] = defaultdict(list)
    for one in Privilege.objects.filter(version__in=versions).select_related("entitlement__resource").order_by("pk"):
        found[one.version_id].append(one)
    return found


def _row(one: Automation, held: list[Privilege]) -> Shape:
    order = ("public", "internal", "confidential", "restricted")
    classes = [p.entitlement.counted_class for p in held]
    return {
        "href": one.href,
        "name": one.name,
        "purpose": one.purpose,
        "team": one.team.name,
        "kind": one.get_kind_display(),
        "environment": one.get_environment_display().lower(),
        "state": one.state,
        "tier": one.tier,
        "owner": one.business_owner.name if one.business_owner.is_here else "",
        "grants": len(held),
        "next_end": None,
        "data_class": max(classes, key=order.index) if classes else None,
        "resources": list(dict.fromkeys(p.entitlement.resource.name for p in held))[:3],
        "held": None,
    }


@require_GET
def automation(request: Request, pk: int) -> HttpResponse:
    """One automation; its tabs are this page with ``?tab=``."""
    now = clock.now()
    seen = Automation.objects.visible_to(request.actor, now).select_related(
        "team__parent", "business_owner", "technical_owner", "approved_version", "stopped_by", "resume_asked_by"
    )
    found = get_object_or_404(seen, pk=pk)
    context = automation_page.context(found, request.actor, now, request.GET)
    return page(request, "inventory/automation.html", context, fragment="tab")


def _confirm(
    request: Request,
    pk: int,
    verb: Transition[Automation],
    *,
    url: str,
    title: str,
    text: str,
    label: str,
    kind: str,
) -> HttpResponse:
    """Ask for a reason as a page; perform and go back to the automation on POST."""
    now = clock.now()
    found = get_object_or_404(Automation.objects.visible_to(request.actor, now).select_related("team"), pk=pk)
    if request.method == "POST":
        try:
            verb(found, actor=request.actor, now=now, reason=request.POST.get("reason", ""))
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": found.href})
        return redirect(found.href)
    no = verb.refusal(found, actor=request.actor, now=now)
    if no is not None:
        return refused(request, no, context={"back_href": found.href})
    ask = {
        "id": url,
        "title": title.format(found.name),
        "text": text,
        "action": reverse(url, args=[pk]),
        "label": label,
        "kind": kind,
        "reason": {"label": "Why", "required": True},
    }
    return page(request, "confirm.html", {"ask": ask, "back_href": found.href})


@require_http_methods(["GET", "POST"])
def stop(request: Request, pk: int) -> HttpResponse:
    """The kill switch (G5)."""
    return _confirm(
        request,
        pk,
        lifecycle.stop,
        url="automation_stop",
        title="Stop {}?",
        text="Everything that it may do stops at this moment. Nothing is deleted; lifting the stop needs two other people.",
        label="Stop it now",
        kind="danger",
    )


@require_http_methods(["GET", "POST"])
def resume(request: Request, pk: int) -> HttpResponse:
    """The first of two people asks to lift a stop, the second lifts it (G5)."""
    found = get_object_or_404(Automation.objects.visible_to(request.actor, clock.now()), pk=pk)
    second = found.resume_asked_by_id is not None
    return _confirm(
        request,
        pk,
        lifecycle.resume if second else lifecycle.ask_to_resume,
        url="automation_resume",
        title="Lift the stop of {}?",
        text="It runs again with the grants that are still in term."
        if second
        else "A second person has to agree before it runs again.",
        label="Lift the stop" if second else "Ask to lift the stop",
        kind="filled",
    )


@require_http_methods(["GET", "POST"])
def retire(request: Request, pk: int) -> HttpResponse:
    """Retire it: its grants end (L1)."""
    return _confirm(
        request,
        pk,
        lifecycle.retire,
        url="automation_retire",
        title="Retire {}?",
        text="Its grants end at once. Its record and history stay; coming back is a new submission.",
        label="Retire it",
        kind="danger",
    )


@require_GET
def version(request: Request, pk: int, number: int) -> HttpResponse:
    """One version, compared with the approved one or the one before."""
    return redirect(f"{reverse('automation', args=[pk])}?tab=versions&version={number}")
