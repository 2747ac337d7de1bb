"""Pages of resources: the list, one resource, and its owners (I3, I8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.models import Person, Team
from governance.core.roles.roles import Permission
from governance.core.timeline import queries as timeline_queries
from governance.web.pages import navigation, pager
from governance.web.pages.confirmation import form_page
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from inventory.credentials.views import credential_facts
from inventory.models import (
    DataClass,
    Entitlement,
    Environment,
    Level,
    Resource,
    ResourceKind,
    ResourceState,
    ScopeKind,
)
from inventory.models.interim_owner import interim_condition
from inventory.ownership.views import interim_owners
from inventory.resources.transitions import resources
from inventory.resources.transitions.incidents import declare_incident
from inventory.resources.views import bindings, incidents

Shape = dict[str, Any]

STATES = (("", "All"), ("active", "In use"), ("proposed", "Proposed"), ("retired", "Retired"))

#: Relations that rules and sentences of the page read.
RELATED = (
    *("owner", "deputy", "named_owner", "named_deputy", "suggested_owner", "team", "proposed_by"),
    "interim__person",
)


@require_GET
def resource_list(request: Request) -> HttpResponse:
    """List the resources that the reader may see, by name; the address holds the filters."""
    now, query, path = business_time.now(), request.GET, reverse("resource_list")
    rows: QuerySet[Resource] = Resource.objects.visible_to(request.actor, now).resolved()
    rows = _filtered(pager.search(rows, pager.words_of(query)), request)
    paged = pager.by_name(rows.select_related("owner", "deputy", "interim__person"), query, path)
    counts = _counts(paged.rows)
    may_register = access.may(request.actor, Permission.RESOURCE_REGISTER, None, now=now)
    actions = [{"label": "Register one", "icon": "plus", "kind": "filled", "href": reverse("resource_new")}]
    context: Shape = {
        "now": now,
        "head": {"title": "Resources", "facts": [], "actions": actions if may_register else []},
        "chips": [
            *pager.chips(path, query, "state", STATES),
            {"separator": True},
            *pager.chips(path, query, "mine", (("1", "Mine"),)),
            *pager.chips(path, query, "ownerless", (("1", "Nobody answers"),)),
        ],
        "filters": {
            "action": path,
            "words": query.get("q", ""),
            "words_label": "Name",
            "kept": pager.kept(query, "q", "data"),
            "fields": [pager.choice(query, "data", "Data", DataClass.choices)],
            "clear_href": path if pager.kept(query) else "",
        },
        "filters_target": "#list",
        "rows": [_row(row, now, *counts.get(row.pk, (0, 0))) for row in paged.rows],
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "empty": {
            "sentence": "No resource fits. What automations touch would be here, with who answers for it.",
            "href": path,
            "action": "Show all",
        },
    }
    return page(request, "inventory/resources/resource_list.html", context, fragment="list")


def _filtered(rows: QuerySet[Resource], request: Request) -> QuerySet[Resource]:
    query = request.GET
    if query.get("state") in ResourceState.values:
        rows = rows.filter(state=query["state"])
    if query.get("data") == DataClass.RESTRICTED:
        rows = rows.filter(data_class__in=["", DataClass.RESTRICTED])  # I3: unset counts as restricted
    elif query.get("data") in DataClass.values:
        rows = rows.filter(data_class=query["data"])
    if query.get("ownerless"):
        rows = rows.filter(pk__in=Resource.objects.ownerless(business_time.now()))
    if query.get("mine"):
        me = request.actor.person
        rows = rows.filter(
            Q(owner=me)
            | Q(deputy=me)
            | Q(named_owner=me)
            | interim_condition([me.pk] if me else [], business_time.now())
        )
    return rows


def _counts(rows: Sequence[Resource]) -> dict[int, tuple[int, int]]:
    """Entitlements and grants of each resource; one query."""
    entitlements = Entitlement.objects.filter(resource__in=rows).order_by().values_list("resource")
    counted = entitlements.annotate(
        offered=Count("pk", distinct=True), held=Count("grants", filter=~Q(grants__state="ended"))
    )
    return {resource: (offered, held) for resource, offered, held in counted}


def _state(resource: Resource, now: datetime) -> str:
    if resource.state == ResourceState.PROPOSED and resource.accepted_at is not None:
        return "accepted"
    return "orphaned" if resource.state == ResourceState.ACTIVE and resource.is_ownerless(now) else resource.state


def _row(resource: Resource, now: datetime, offered: int, held: int) -> Shape:
    return {
        "href": resource.href,
        "name": resource.name,
        "kind": resource.kind,
        "state": _state(resource, now),
        "environment": resource.get_environment_display().lower(),
        "data_class": resource.data_class or None,
        "owner": meanwhile.name if (meanwhile := resource.answering(now)) else "",
        "deputy": resource.deputy.name if resource.deputy else "",
        "grants": held,
        "entitlements": offered,
        "waiting": 0,
    }


def _find_resource(request: Request, pk: int) -> tuple[Resource, datetime]:
    now = business_time.now()
    seen = Resource.objects.visible_to(request.actor, now).select_related(*RELATED)
    return get_object_or_404(seen, pk=pk), now


@require_GET
def resource(request: Request, pk: int) -> HttpResponse:
    """Show a resource: owners, entitlements, holders and activity."""
    resource, now = _find_resource(request, pk)
    team = resource.team.name if resource.team else "no team"
    context: Shape = {
        "now": now,
        "crumbs": [{"label": "Resources", "href": reverse("resource_list")}, {"label": resource.name, "href": ""}],
        "head": {
            "title": resource.name,
            "facts": [resource.get_kind_display(), resource.get_environment_display().lower(), team],
            "actions": _actions(resource, request.actor, now),
        },
        "next": _next_step(resource, request.actor, now),
        "kind": resource.kind,
        "state": _state(resource, now),
        "data_class": resource.data_class or None,
        "data_words": "" if resource.data_class else "not set, so it counts as restricted",
        "facts": _facts(resource, now),
        "ownerless": interim_owners.interim_banner(resource, request.actor, now),
        "incidents": incidents.incident_shapes(resource, request.actor, now),
        "entitlements": _entitlements(resource),
        "add_href": _add_href(resource, request.actor, now),
        "bindings": bindings.binding_rows(resource, request.actor, now),
        "claims": bindings.claim_rows(resource, request.actor, now),
        "bind_href": bindings.claim_href(resource, request.actor, now),
        "credentials": credential_facts.credentials_panel(resource, request.actor, now),
        "panels": _panels(resource),
        "events": timeline_queries.shapes(
            resource, reader=request.actor.person, limit=30, actor=request.actor, now=now
        ),
        "ledger_href": ledger_href(resource, actor=request.actor, now=now),
    }
    return page(request, "inventory/resources/resource.html", context, fragment="timeline")


def _facts(resource: Resource, now: datetime) -> list[Shape]:
    named = (
        f"{resource.named_owner.name} was named, with {resource.named_deputy} as deputy" if resource.named_owner else ""
    )
    meanwhile = resource.interim_owner(now)
    facts = [
        {"label": "Owner", "text": resource.owner.name if resource.owner else "nobody yet", "quiet": named},
        *([{"label": "Meanwhile", "text": meanwhile.name}] if meanwhile else []),
        {"label": "Deputy", "text": resource.deputy.name if resource.deputy else "nobody yet"},
        {"label": "Proposed by", "text": resource.proposed_by.name if resource.proposed_by else "nobody"},
    ]
    return [*facts, {"label": "About", "text": resource.about}] if resource.about else facts


def _entitlements(resource: Resource) -> list[Shape]:
    held = Count("grants", filter=~Q(grants__state="ended"))
    rows = []
    for entitlement in resource.entitlements.annotate(held=held).order_by("code", "pk")[:100]:
        entitlement.resource = resource  # its sentence names the resource, which is already loaded
        rows.append(
            {
                "level": entitlement.level,
                "words": entitlement.sentence,
                "code": entitlement.code,
                "scope_kind": "Not at all"
                if entitlement.scope_kind == ScopeKind.NONE
                else entitlement.get_scope_kind_display(),
                "data_class": None
                if entitlement.counted_class == resource.counted_class and not resource.data_class
                else entitlement.counted_class,
                "grants": entitlement.held,
                "controls": [short for _, short in entitlement.controls_said],
                "controls_href": entitlement.controls_href,
            }
        )
    return rows


def _add_href(resource: Resource, actor: Actor, now: datetime) -> str:
    may = resources.add_entitlement.refusal(resource, actor=actor, now=now) is None
    return reverse("resource_entitlement", args=[resource.pk]) if may else ""


def _panels(resource: Resource) -> list[Shape]:
    try:
        return [{"href": reverse("resource_grants", args=[resource.pk]), "title": "Who holds it", "id": "grants"}]
    except NoReverseMatch:
        return []


def _actions(resource: Resource, actor: Actor, now: datetime) -> list[Shape]:
    offered = (
        (resources.amend_resource, "Change", "pen", "resource_amend"),
        (resources.name_owner, "Name an owner", "person", "resource_name_owner"),
        (declare_incident, "Declare an incident", "warning", "resource_incident"),
    )
    actions = [
        {"label": label, "icon": icon, "href": reverse(url, args=[resource.pk])}
        for verb, label, icon, url in offered
        if verb.refusal(resource, actor=actor, now=now) is None
    ]
    if resource.state == ResourceState.ACTIVE and access.may(actor, Permission.PROPOSAL_MAKE, None, now=now):
        href = navigation.href("resource_propose", resource.pk)
        actions.append({"label": "Propose another owner, class, kind or team", "icon": "person", "href": href})
    return actions


def _next_step(resource: Resource, actor: Actor, now: datetime) -> Shape | None:
    """Most important banner: the step that is missing before privileges can be approved."""
    if resource.unresolved:
        text = "It stands for connections that are missing or decided at run time, so nothing on it can be submitted."
        return {"lead": "Nobody can answer for this.", "text": text, "actions": []}
    if resource.named_owner is not None:
        return _ownership_banner(resource, actor, now)
    if resource.state == ResourceState.ACTIVE and not resource.data_class:
        text = "Everything on it counts as restricted, so all of it is high risk. Two people set a lower class by a proposal."
        return {"lead": "Its data class is not set.", "text": text, "actions": []}
    if resource.state != ResourceState.PROPOSED:
        return None
    if resource.owner is None:
        suggestion = f" {resource.suggested_owner.name} was suggested." if resource.suggested_owner else ""
        text = f"An admin names an owner and a deputy.{suggestion}"
        return {"lead": "Nobody answers for it yet.", "text": text, "actions": []}
    refusal = resources.activate.refusal(resource, actor=actor, now=now)
    post = {
        "label": "Put to use",
        "kind": "filled",
        "post": reverse("resource_activate", args=[resource.pk]),
        "fields": {},
    }
    text = "An admin who neither proposed it nor said what it counts as puts it to use."
    if refusal is None:
        text = "Once it is in use, privileges on it can be approved."
    elif refusal.kind == "duty" or not resource.data_class:
        text = f"{refusal.sentence} {refusal.to_do}".strip()
    return {"lead": "Its owner has accepted.", "text": text, "actions": [] if refusal else [post]}


def _ownership_banner(resource: Resource, actor: Actor, now: datetime) -> Shape:
    if resources.accept_ownership.refusal(resource, actor=actor, now=now) is not None:
        return {"lead": f"{resource.named_owner} was named and has not accepted yet.", "text": "", "actions": []}
    post = {
        "label": "I answer for it",
        "kind": "filled",
        "post": reverse("resource_accept", args=[resource.pk]),
        "fields": {},
    }
    return {
        "lead": "You were named to answer for this.",
        "text": "You would decide who may touch it, and be asked again when grants come up for review.",
        "actions": [post],
    }


def _post(request: Request, pk: int, act: Callable[[Resource, datetime], object]) -> HttpResponse:
    resource, now = _find_resource(request, pk)
    try:
        act(resource, now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": resource.href})
    return redirect(resource.href)


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept the ownership of a resource."""
    return _post(request, pk, lambda resource, now: resources.accept_ownership(resource, actor=request.actor, now=now))


@require_POST
def activate(request: Request, pk: int) -> HttpResponse:
    """Activate a resource."""
    return _post(request, pk, lambda resource, now: resources.activate(resource, actor=request.actor, now=now))


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
    words = forms.CharField(max_length=200, initial="May ", help_text="A sentence that begins with “May”.")
    level = forms.ChoiceField(choices=[choice for choice in Level.choices if choice[0] != Level.UNKNOWN])
    scope_kind = forms.ChoiceField(choices=ScopeKind, label="What “narrower” means", initial=ScopeKind.NONE)
    data_class = forms.ChoiceField(choices=[("", "The resource’s own"), *DataClass.choices], required=False)
    outbound = forms.BooleanField(required=False, label="It carries data to where others can read it")


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Register a resource (admins): the owner accepts, another admin activates it."""
    now = business_time.now()
    refusal = resources.register_resource.refusal(Team(), actor=request.actor, now=now)

    def register(fields: dict[str, Any]) -> Resource:
        people = {"owner": fields.pop("owner"), "deputy": fields.pop("deputy")}
        made: object = resources.register_resource(
            fields["team"], actor=request.actor, now=now, fields=fields, **people
        )
        return cast("Resource", made)

    form = NewResourceForm(request.POST or None)
    back = reverse("resource_list")
    title, label = "Register a resource", "Register it"
    return form_page(request, form, register, now=now, title=title, label=label, back=back, refusal=refusal)


@require_http_methods(["GET", "POST"])
def name_owner(request: Request, pk: int) -> HttpResponse:
    """Name owner and deputy (admins)."""
    resource, now = _find_resource(request, pk)
    form = OwnerForm(
        request.POST or None, initial={"owner": resource.suggested_owner or resource.owner, "deputy": resource.deputy}
    )
    return form_page(
        request,
        form,
        lambda fields: resources.name_owner(resource, actor=request.actor, now=now, **fields),
        now=now,
        title=f"Who answers for {resource.name}?",
        label="Name them",
        back=resource.href,
        refusal=resources.name_owner.refusal(resource, actor=request.actor, now=now),
    )


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Change the description of a resource (its owner, admins)."""
    resource, now = _find_resource(request, pk)
    form = ResourceForm(
        request.POST or None, initial={name: getattr(resource, name) for name in ResourceForm.base_fields}
    )
    return form_page(
        request,
        form,
        lambda fields: resources.amend_resource(resource, actor=request.actor, now=now, fields=fields),
        now=now,
        title=f"Change {resource.name}",
        label="Save",
        back=resource.href,
        refusal=resources.amend_resource.refusal(resource, actor=request.actor, now=now),
    )


@require_http_methods(["GET", "POST"])
def entitlement(request: Request, pk: int) -> HttpResponse:
    """Add an entitlement to a resource (its owner, admins)."""
    resource, now = _find_resource(request, pk)
    refusal = resources.add_entitlement.refusal(resource, actor=request.actor, now=now)

    def add(fields: dict[str, Any]) -> Resource:
        resources.add_entitlement(resource, actor=request.actor, now=now, **fields)
        return resource

    form = EntitlementForm(request.POST or None)
    title = f"What can be held on {resource.name}"
    return form_page(request, form, add, now=now, title=title, label="Add it", back=resource.href, refusal=refusal)
