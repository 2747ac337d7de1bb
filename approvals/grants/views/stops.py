"""Stop (G5): the button, which acts at once, and the page that shows everything that stopped, the reason and the undo."""

from datetime import datetime
from typing import Any

from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.grants.transitions import stops
from approvals.models import EnforcedBy, Grant, Stop
from approvals.models.stop import TARGETS
from governance.core.access import Actor, InvalidInput
from governance.core.engine.transition import Transition
from governance.core.models import Team
from governance.web.pages.page import Shape, page, timeline_context
from governance.web.requests.request import Request, visible_row
from inventory.models import Automation, NonHumanIdentity, Resource

#: Transition and URL name by the model of the subject.
VERBS: dict[type[Model], tuple[Transition[Any], str]] = {
    Automation: (stops.stop_automation, "automation_stop"),
    Grant: (stops.stop_grant, "grant_stop"),
    NonHumanIdentity: (stops.stop_identity, "identity_stop"),
    Resource: (stops.stop_resource, "resource_stop"),
    Team: (stops.stop_team, "team_stop"),
}
#: Rows to show.
MOST = 200


def button(row: Model, actor: Actor, now: datetime) -> Shape | None:
    """Return the button on the page of a row, or None if the reader may not stop it or nothing is in force."""
    verb, url_name = VERBS[type(row)]
    if verb.refusal(row, actor=actor, now=now) is not None:
        return None
    return {"label": "Stop", "icon": "ring-cross", "kind": "danger", "post": reverse(url_name, args=[row.pk])}


@require_POST
def press(request: Request, pk: int, model: type[Model]) -> HttpResponse:
    """Stop everything of a row, and show what stopped."""
    row = get_object_or_404(Team, pk=pk) if model is Team else visible_row(request, model, pk)[0]
    return redirect(VERBS[model][0](row, actor=request.actor, now=request.now()).href)


@require_GET
def stop(request: Request, pk: int) -> HttpResponse:
    """Show what a stop stopped."""
    row, now = visible_row(request, Stop, pk, "by", "reason", *TARGETS)
    return page(request, "approvals/grants/stop.html", _context(request, row, now))


@require_POST
def explain(request: Request, pk: int) -> HttpResponse:
    """Add the reason. The undo stays."""
    row, now = visible_row(request, Stop, pk, "by", "reason", *TARGETS)
    try:
        stops.explain(row, actor=request.actor, now=now, reason=request.POST.get("reason", ""))
    except InvalidInput as invalid:
        context = _context(request, row, now) | {"error": invalid.refusal.sentence}
        return page(request, "approvals/grants/stop.html", context, status=invalid.status)
    return redirect(row.href)


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Undo a stop."""
    row, now = visible_row(request, Stop, pk)
    stops.undo(row, actor=request.actor, now=now)
    return redirect(row.href)


def _context(request: Request, row: Stop, now: datetime) -> Shape:
    actor = request.actor
    stopped = Grant.objects.filter(pk__in=row.grants)
    names = {*row.automations, *stopped.order_by().values_list("automation", flat=True)}
    related = stopped.visible_to(actor, now).select_related("automation", "entitlement__resource", "credential")
    grants = list(related.order_by("automation", "pk")[:MOST])
    automations = Automation.objects.visible_to(actor, now).filter(pk__in=names).order_by("name", "pk")
    automations = automations.select_related("business_owner", "technical_owner")
    detached = stopped.filter(enforcement=EnforcedBy.DETACHED)
    return {
        "stop": row,
        "target": row.target,
        "name": row.grant.sentence if row.grant else str(row.target),
        "grants": grants,
        "number": stopped.count(),
        "uncut": detached.count(),
        "running": automations.filter(pk__in=detached.order_by().values("automation")),
        "automations": list(automations),
        "hidden": len(names) - len(automations),
        "may_undo": stops.undo.refusal(row, actor=actor, now=now) is None,
        "may_explain": stops.explain.refusal(row, actor=actor, now=now) is None,
        **timeline_context(row, actor=actor, now=now, quiet=True),
    }
