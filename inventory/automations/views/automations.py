"""Pages of one automation: its tabs and its actions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from governance.core.access import Actor
from governance.core.models import Person
from governance.web.pages.page import Shape, confirm, operation_form, page
from governance.web.requests.request import Request, visible_row
from inventory.automations import queries as automation_queries
from inventory.automations.transitions import lifecycle
from inventory.automations.views import automation_page, reasons
from inventory.chains import dependents
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationKind, AutomationState
from inventory.ownership import rules as ownership_rules
from inventory.ownership.views.owner_field import OwnerField, offer_owners

TIERS = (("low", "Low"), ("standard", "Standard"), ("high", "High"))


#: Relations that rules and sentences of an automation's pages read.
RELATED = (
    *("team", "business_owner", "technical_owner", "approved_version", "stopped_by", "resume_asked_by"),
    "interim__person",
)


@require_GET
def automation(request: Request, pk: int) -> HttpResponse:
    """Show an automation; its tabs are this page with ``?tab=``."""
    automation, now = visible_row(request, Automation, pk, *RELATED)
    context = automation_page.automation_context(automation, request.actor, now, request.GET)
    return page(request, "inventory/automations/automation.html", context, fragment="tab")


@require_http_methods(["GET", "POST"])
def resume(request: Request, pk: int) -> HttpResponse:
    """Request the end of a stop, or lift it as the second person (G5)."""
    automation, _ = visible_row(request, Automation, pk, *RELATED)
    requester = automation.resume_asked_by
    first = "A second person has to agree before it runs again."
    runs = "It runs again with the grants that are still in term."
    then = runs if automation.suspended_by_review_at is None else "It stays suspended by its review."
    then = then if automation.suspended_by_look_at is None else "It stays suspended until stage 1 has decided."
    return confirm(
        request,
        automation,
        lifecycle.resume if requester else lifecycle.request_resume,
        title=f"Lift the stop of {automation.name}?",
        text=f"{requester.name} asked for it. {then}" if requester else first,
        label="Lift the stop" if requester else "Ask to lift the stop",
        kind="filled",
    )


class AboutForm(forms.Form):
    """Description of an automation; purpose, kind and owners count after a new stage 1 decision (A12)."""

    name = forms.CharField(max_length=160)
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)
    kind = forms.ChoiceField(choices=AutomationKind)
    business_owner = OwnerField()
    technical_owner = OwnerField("Nobody", required=False)
    escalation_contact = forms.CharField(max_length=160, required=False)

    def __init__(self, *args: Any, people: Iterable[Person], **more: Any) -> None:
        super().__init__(*args, **more)
        offer_owners(self, people)


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Change the description of an automation."""
    automation, now = visible_row(request, Automation, pk, *RELATED)
    given = {
        **automation.requested_fields,
        "name": automation.name,
        "escalation_contact": automation.escalation_contact,
    }
    initial = {name.removesuffix("_id"): value for name, value in given.items()}
    people = ownership_rules.possible_owners(automation.team, automation, now)
    return operation_form(
        request,
        automation,
        confirmation.amend_automation,
        AboutForm(request.POST or None, initial=initial, people=people),
        title=f"Details of {automation.name}",
        text=""
        if automation.state == AutomationState.DRAFT
        else "Purpose, kind and owners count once stage 1 has decided again; until then they wait.",
        label="Save",
        arguments=lambda fields: {"fields": fields},
    )


class RaiseForm(forms.Form):
    """Higher risk tier than the computed one, with the reason (T2)."""

    tier = forms.ChoiceField(choices=TIERS[1:], label="Risk", initial="high")
    reason = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 3}))


@require_http_methods(["GET", "POST"])
def raise_tier(request: Request, pk: int) -> HttpResponse:
    """Raise the risk tier of an automation; no person can lower it."""
    automation, _ = visible_row(request, Automation, pk, *RELATED)
    return operation_form(
        request,
        automation,
        confirmation.raise_tier,
        RaiseForm(request.POST or None),
        title=f"Raise the risk of {automation.name}",
        text="A tier can be raised, never lowered. More people then approve, for a shorter term.",
        label="Raise it",
    )


@require_http_methods(["GET", "POST"])
def retire(request: Request, pk: int) -> HttpResponse:
    """Retire an automation (L1). The page shows its dependents and ending grants before the button."""
    automation, now = visible_row(request, Automation, pk, *RELATED)
    return confirm(
        request,
        automation,
        lifecycle.retire,
        title=f"Retire {automation.name}?",
        text="Its grants end permanently and at once. No other automation can use its id, identities or credentials. "
        "Its page and history stay. To bring it back, submit it again.",
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
