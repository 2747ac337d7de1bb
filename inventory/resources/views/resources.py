"""Pages of one resource and its owners (I3, I8)."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor, Permission, access
from governance.core.models import Person, Team
from governance.web.pages.page import Shape, form_page, offered, operation_form, page, timeline_context
from governance.web.requests.request import Request, visible_row
from inventory.automations import panels
from inventory.credentials.views import credential_facts
from inventory.models import DataClass, Environment, Level, Resource, ResourceKind, ResourceState, ScopeKind
from inventory.ownership.views import interim_owners
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import resources
from inventory.resources.transitions.incidents import declare_incident
from inventory.resources.views import bindings, incidents

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
    touched = f"{reverse('grant_list')}?resource={resource.pk}&ends=open"
    actions = [{"label": "Who can touch it", "icon": "eye", "href": touched}]
    actions += offered(resource, offers, actor=actor, now=now)
    if resource.state == ResourceState.ACTIVE and access.may(actor, Permission.PROPOSAL_MAKE, None, now=now):
        href = reverse("resource_propose", args=[resource.pk])
        actions.append({"label": "Propose another owner, class, kind or team", "icon": "person", "href": href})
    stop = panels.supplied(panels.STOP, resource, actor, now)
    return [stop, *actions] if stop else actions


def _next_step(resource: Resource, actor: Actor, now: datetime) -> Shape | None:
    """Most important banner: the step that is missing before privileges can be approved."""
    if resource.unresolved:
        text = "It stands for connections that are missing or decided at run time, so nothing on it can be submitted."
        return {"lead": "It can have no owner.", "text": text}
    if resource.named_owner is not None:
        return _ownership_banner(resource, actor, now)
    if resource.state == ResourceState.ACTIVE and not resource.data_class:
        text = "Everything on it counts as restricted, so all of it is high risk. Two people set a lower class by a proposal."
        return {"lead": "Its data class is not set.", "text": text}
    if resource.state != ResourceState.PROPOSED:
        return None
    if resource.owner is None:
        suggestion = f" {resource.suggested_owner.name} was suggested." if resource.suggested_owner else ""
        return {"lead": "It has no owner yet.", "text": f"An admin names an owner and a backup approver.{suggestion}"}
    refusal = resources.activate.refusal(resource, actor=actor, now=now)
    text = "An admin who neither proposed it nor set its data class activates it."
    if refusal is None:
        text = "Once it is active, privileges on it can be approved."
    elif refusal.kind == "duty" or not resource.data_class:
        text = refusal.words
    actions = [_post_button("Activate it", "resource_activate", resource)] if refusal is None else []
    return {"lead": "Its owner has accepted.", "text": text, "actions": actions}


def _ownership_banner(resource: Resource, actor: Actor, now: datetime) -> Shape:
    if resources.accept_ownership.refusal(resource, actor=actor, now=now) is not None:
        return {"lead": f"{resource.named_owner} was named as owner and has not accepted yet.", "text": ""}
    text = "You would decide who may use it. You would also review its grants regularly."
    actions = [_post_button("Accept ownership", "resource_accept", resource)]
    return {"lead": "You were named as its owner.", "text": text, "actions": actions}


def _post_button(label: str, url_name: str, resource: Resource) -> Shape:
    return {"label": label, "kind": "filled", "post": reverse(url_name, args=[resource.pk])}


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept the ownership of a resource."""
    resource, now = visible_row(request, Resource, pk, *RELATED)
    resources.accept_ownership(resource, actor=request.actor, now=now)
    return redirect(resource.href)


@require_POST
def activate(request: Request, pk: int) -> HttpResponse:
    """Activate a resource."""
    resource, now = visible_row(request, Resource, pk, *RELATED)
    resources.activate(resource, actor=request.actor, now=now)
    return redirect(resource.href)


#: People who can be named.
HERE = Person.objects.filter(is_active=True, left_at__isnull=True)


class OwnerForm(forms.Form):
    """Owner and deputy of a resource."""

    owner = forms.ModelChoiceField(HERE, empty_label="Choose somebody")
    deputy = forms.ModelChoiceField(HERE, empty_label="Choose somebody")


class ResourceForm(forms.Form):
    """Description of a resource."""

    name = forms.CharField(max_length=160)
    kind = forms.ChoiceField(choices=ResourceKind, help_text="Once it is in use two people change this.")
    data_class = forms.ChoiceField(
        choices=[("", "Choose one"), *DataClass.choices],
        help_text="How much harm a leak would do. Once it is in use it can only be raised here.",
    )
    environment = forms.ChoiceField(choices=Environment, initial=Environment.PRODUCTION)
    about = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


class NewResourceForm(ResourceForm, OwnerForm):
    """New resource with its owner and deputy."""

    team = forms.ModelChoiceField(Team.objects.all(), empty_label="Choose a team")


class EntitlementForm(forms.Form):
    """One entitlement on a resource (I4)."""

    code = forms.CharField(max_length=160, help_text="As the resource itself names it: a tool, a scope, a role.")
    words = forms.CharField(max_length=200, help_text="A verb and an object: Post messages.")
    level = forms.ChoiceField(choices=[choice for choice in Level.choices if choice[0] != Level.UNKNOWN])
    scope_kind = forms.ChoiceField(choices=ScopeKind, label="What “narrower” means", initial=ScopeKind.NONE)
    data_class = forms.ChoiceField(choices=[("", "The resource’s own"), *DataClass.choices], required=False)
    outbound = forms.BooleanField(required=False, label="It carries data to where others can read it")


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
    title, label = "Register a resource", "Register it"
    return form_page(request, form, register, title=title, label=label, back=back, refusal=refusal)


@require_http_methods(["GET", "POST"])
def name_owner(request: Request, pk: int) -> HttpResponse:
    """Name owner and deputy (admins)."""
    resource, _ = visible_row(request, Resource, pk, *RELATED)
    form = OwnerForm(
        request.POST or None, initial={"owner": resource.suggested_owner or resource.owner, "deputy": resource.deputy}
    )
    return operation_form(
        request, resource, resources.name_owner, form, title=f"Who answers for {resource.name}?", label="Name them"
    )


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
