"""Pages of one resource and its owners (I3, I8)."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor, Permission, access
from governance.core.engine.transition import Transition
from governance.core.models import Team
from governance.web.pages.page import Shape, form_page, offered, operation_form, page, timeline_context
from governance.web.requests.request import Request, visible_row
from inventory.automations import panels
from inventory.credentials.views import credential_facts
from inventory.models import (
    ImportItem,
    NextStep,
    Resource,
    ResourceState,
)
from inventory.ownership.views import interim_owners
from inventory.resources import queries as resource_queries
from inventory.resources.forms import EntitlementForm, NewResourceForm, OwnerForm, ResourceForm
from inventory.resources.transitions import resources
from inventory.resources.transitions.incidents import declare_incident
from inventory.resources.views import bindings, incidents

#: Most imports to name that wait for a proposed resource.
MOST_IMPORTS = 5
#: Relations that rules and sentences of the page read.
RELATED = (
    "owner",
    "deputy",
    "named_owner",
    "named_deputy",
    "suggested_owner",
    "team",
    "proposed_by",
    "interim__person",
)


@require_GET
def resource(request: Request, pk: int) -> HttpResponse:
    """Show a resource: owners, entitlements, holders and activity."""
    resource, now = visible_row(request, Resource, pk, *RELATED)
    actor = request.actor
    may_add = resources.add_entitlement.refusal(resource, actor=actor, now=now) is None
    context: Shape = {
        **timeline_context(resource, actor=actor, now=now),
        "head": {
            "title": resource.name,
            "facts": [
                resource.get_kind_display(),
                resource.get_environment_display().lower(),
                resource.team.name if resource.team else "no team",
            ],
            "actions": _actions(resource, actor, now),
        },
        "next": _next_step(resource, actor, now),
        "resource": resource,
        "state": resource_queries.shown_state(resource, now),
        "interim": resource.interim_owner(now),
        "ownerless": interim_owners.interim_banner(resource, actor, now),
        "incidents": incidents.incident_lines(resource, actor, now),
        "entitlements": resource_queries.entitlements_of(resource),
        "add_href": reverse("resource_entitlement", args=[resource.pk]) if may_add else "",
        "bindings": bindings.binding_lines(resource, actor, now),
        "claims": bindings.claim_lines(resource, actor, now),
        "bind_href": bindings.claim_href(resource, actor, now),
        "credentials": credential_facts.credentials_panel(resource, actor, now),
        "panels": [{"href": reverse("resource_grants", args=[resource.pk]), "title": "Who holds it", "id": "grants"}],
    }
    return page(request, "inventory/resources/resource.html", context, fragment="timeline")


def _actions(resource: Resource, actor: Actor, now: datetime) -> list[Shape]:
    offers = (
        (resources.amend_resource, "resource_amend", {"label": "Change", "icon": "pen"}),
        (resources.name_owner, "resource_name_owner", {"label": "Name an owner", "icon": "person"}),
        (declare_incident, "resource_incident", {"label": "Declare an incident", "icon": "warning"}),
    )
    touched = f"{reverse('grant_list')}?resource={resource.pk}&state=active"
    actions = [{"label": "Who can touch it", "icon": "eye", "href": touched}]
    actions += offered(resource, offers, actor=actor, now=now)
    if resource.state == ResourceState.ACTIVE and access.may(actor, Permission.PROPOSAL_MAKE, None, now=now):
        href = reverse("resource_propose", args=[resource.pk])
        actions.append({"label": "Propose another owner, class, kind or team", "icon": "person", "href": href})
    stop = panels.supplied(panels.STOP, resource, actor, now)
    return [stop, *actions] if stop else actions


#: Operation of each next step of a proposed resource, its URL, and the kind of its button: a form or an action.
STEPS: dict[str, tuple[Transition[Any], str, str]] = {
    NextStep.NAME: (resources.name_owner, "resource_name_owner", "href"),
    NextStep.ACCEPT: (resources.accept_ownership, "resource_accept", "post"),
    NextStep.CLASS: (resources.amend_resource, "resource_amend", "href"),
    NextStep.ACTIVATE: (resources.activate, "resource_activate", "post"),
}


def _next_step(resource: Resource, actor: Actor, now: datetime) -> Shape | None:
    """Context of ``inventory/resources/next_step.html``: the next step of a proposed resource, and the imports that wait."""
    step = resource.next_step
    if resource.state != ResourceState.PROPOSED or resource.unresolved:
        return None
    verb, url_name, way = STEPS[step]
    refusal = verb.refusal(resource, actor=actor, now=now)
    # An admin who sets the data class does not activate it, so the button is the owner's.
    is_mine = refusal is None and (step != NextStep.CLASS or resource.owner == actor.person)
    button = {"label": resource.task, "kind": "filled", way: reverse(url_name, args=[resource.pk])}
    imports = ImportItem.objects.visible_to(actor, now).that_open(resource.pk).order_by("pk")
    shown = imports.values_list("pk", "batch__by", "batch__by__name", "manifest__name", "filename")
    return {"step": step, "button": is_mine and button, "refusal": refusal, "imports": shown[:MOST_IMPORTS]}


def _next_words(resource: Resource) -> str:
    """Message after a change of a resource: the person and the next step while it is proposed."""
    return "Saved." if resource.state == ResourceState.ACTIVE else f"Saved. It waits for {resource.waits_for}."


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept the ownership of a resource."""
    resource, now = visible_row(request, Resource, pk, *RELATED)
    resources.accept_ownership(resource, actor=request.actor, now=now)
    messages.success(request, f"You own {resource.name} now. It waits for {resource.waits_for}.")
    return redirect(resource.href)


@require_POST
def activate(request: Request, pk: int) -> HttpResponse:
    """Activate a resource."""
    resource, now = visible_row(request, Resource, pk, *RELATED)
    resources.activate(resource, actor=request.actor, now=now)
    messages.success(request, f"{resource.name} is active. Imports can use it, and its proposer is notified.")
    return redirect(resource.href)


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Register a resource (admins): the owner accepts, another admin activates it."""
    now = request.now()
    refusal = resources.register_resource.refusal(Team(), actor=request.actor, now=now)

    def register(fields: dict[str, Any]) -> object:
        people = {"owner": fields.pop("owner"), "deputy": fields.pop("deputy")}
        return resources.register_resource(fields["team"], actor=request.actor, now=now, fields=fields, **people)

    form = NewResourceForm(request.POST or None)
    back = reverse("resource_list")
    title, label, told = "Register a resource", "Register it", "Registered. Its owner accepts it next."
    return form_page(
        request, form, register, title=title, label=label, back=back, refusal=refusal, message=lambda: told
    )


@require_http_methods(["GET", "POST"])
def name_owner(request: Request, pk: int) -> HttpResponse:
    """Name owner and deputy (admins)."""
    resource, _ = visible_row(request, Resource, pk, *RELATED)
    form = OwnerForm(
        request.POST or None, initial={"owner": resource.suggested_owner or resource.owner, "deputy": resource.deputy}
    )
    words: Shape = {"title": f"Who answers for {resource.name}?", "label": "Name them"}
    return operation_form(request, resource, resources.name_owner, form, message=lambda: _next_words(resource), **words)


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Change the description of a resource (its owner, admins)."""
    resource, _ = visible_row(request, Resource, pk, *RELATED)
    initial = {name: getattr(resource, name) for name in ResourceForm.base_fields}
    return operation_form(
        request,
        resource,
        resources.amend_resource,
        ResourceForm(request.POST or None, initial=initial),
        title=f"Change {resource.name}",
        label="Save",
        arguments=lambda fields: {"fields": fields},
        message=lambda: _next_words(resource),
    )


@require_http_methods(["GET", "POST"])
def entitlement(request: Request, pk: int) -> HttpResponse:
    """Add an entitlement to a resource (its owner, admins)."""
    resource, _ = visible_row(request, Resource, pk, *RELATED)
    return operation_form(
        request,
        resource,
        resources.add_entitlement,
        EntitlementForm(request.POST or None),
        title=f"What can be held on {resource.name}",
        label="Add it",
    )
