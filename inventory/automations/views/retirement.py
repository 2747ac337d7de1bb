"""Page for retiring an automation, with its dependents and the grants that end (L1)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from governance.core.actors.actor import Actor
from governance.web.pages.confirmation import confirm
from governance.web.pages.page import Shape
from governance.web.requests.request import Request, visible_row
from inventory.automations import queries as automation_queries
from inventory.automations.transitions import lifecycle
from inventory.automations.views import automation_page, reasons
from inventory.chains import dependents
from inventory.models import Automation, AutomationState


@require_http_methods(["GET", "POST"])
def retire(request: Request, pk: int) -> HttpResponse:
    """Retire an automation (L1). The page shows its dependents and ending grants before the button."""
    related = ("team", "business_owner", "technical_owner", "approved_version", "interim__person")
    automation, now = visible_row(request, Automation, pk, *related)
    return confirm(
        request,
        automation,
        lifecycle.retire,
        now,
        title=f"Retire {automation.name}?",
        text="Its grants end at once and for good. Nothing of it is free for somebody else: its id, its identities and its credentials stay "
        "its own. Its record and history stay; coming back is a new submission.",
        label="Retire it",
        points=lambda: [*_dependants(automation, request.actor, now), *_grants_that_end(automation, now)],
    )


def _dependants(automation: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """Dependents of an automation; those that the reader may not see are counted only."""
    pairs = dependents.dependents_of(automation)
    seen = set(Automation.objects.visible_to(actor, now).filter(pk__in=[o.pk for o, _ in pairs]).values_list("pk"))
    shown = [(other, why) for other, why in pairs if (other.pk,) in seen][: reasons.SHOWN]
    rows = [{"icon": "branch", "lead": other.name, "text": f"{why}."} for other, why in shown]
    if not pairs:
        return [{"icon": "check", "lead": "Nothing else depends on it.", "text": ""}]
    number = len({other.pk for other, _ in pairs})
    text = "One other automation depends on it." if number == 1 else f"{number} other automations depend on it."
    return [{"icon": "warning", "lead": text, "text": ""}, *reasons.with_more_line(rows, len(pairs))]


def _grants_that_end(automation: Automation, now: datetime) -> list[Shape]:
    """Grants that end, with the number whose secret is held elsewhere (G4)."""
    standing = Q(grants__state__in=(automation_queries.ACTIVE, automation_queries.SUSPENDED))
    counted = Automation.objects.filter(standing, pk=automation.pk).aggregate(
        all=Count("grants"), detached=Count("grants", filter=Q(grants__enforcement="detached"))
    )
    if not counted["all"]:
        return [{"icon": "info", "lead": "It holds nothing now.", "text": ""}]
    number, detached, text = counted["all"], counted["detached"], ""
    rows = automation_page.blast_radius(automation, now) if automation.state == AutomationState.LIVE else []
    if detached:
        leave = "leaves" if detached == 1 else "leave"
        text = f"What {detached} of them {leave} is held elsewhere: a revocation task opens for each."
    lead = "1 grant ends." if number == 1 else f"{number} grants end."
    return [{"icon": "minus", "lead": lead, "text": text}, *rows]
