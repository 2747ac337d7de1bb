"""Pages of resources: the list, one resource, and who answers for it (I3, I8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.controls import access, clock, timeline
from governance.controls.actors import Actor
from governance.controls.models import Person, Team
from governance.controls.refusals import InvalidInput, Refused
from governance.controls.roles import Permission
from governance.web.middleware import Request
from governance.web.pages import page, refused
from inventory import registry
from inventory.models import DataClass, Environment, Resource, ResourceKind, ResourceState
from inventory.views import paging

Shape = dict[str, Any]

STATES = (("", "All"), ("active", "In use"), ("proposed", "Proposed"), ("retired", "Retired"))


@require_GET
def resource_list(request: Request) -> HttpResponse:
    """Resources that the reader may see, by name."""
    now = clock.now()
    rows: QuerySet[Resource] = Resource.objects.visible_to(request.actor, now).select_related("owner", "deputy")
    words = paging.words_of(request.GET)
    rows = paging.search(rows, words)
    if request.GET.get("state") in ResourceState.values:
        rows = rows.filter(state=request.GET["state"])
    path = reverse("resource_list")
    paged = paging.by_name(rows, request.GET, path)
    ids = [one.pk for one in paged.rows]
    counts = {
        one.pk: one
        for one in Resource.objects.filter(pk__in=ids).annotate(
            held=Count("entitlements__grants", filter=~Q(entitlements__grants__state="ended"), distinct=True),
            offered=Count("entitlements", distinct=True),
        )
    }
    may_register = access.may(request.actor, Permission.RESOURCE_REGISTER, None, now=now)
    actions = [{"label": "Register one", "icon": "plus", "kind": "filled", "href": reverse("resource_new")}]
    context: Shape = {
        "head": {"title": "Resources", "facts": [], "actions": actions if may_register else []},
        "chips": paging.chips(path, request.GET, "state", STATES),
        "filters": {
            "action": path,
            "words": " ".join(words),
            "words_label": "Name",
            "kept": {"state": request.GET.get("state", "")},
            "fields": [],
        },
        "filters_target": "#list",
        "rows": [_row(one, counts[one.pk]) for one in paged.rows],
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "empty": {
            "sentence": "No resource fits. What automations touch would be here, with who answers for it.",
            "href": reverse("resource_list"),
            "action": "Show all",
        },
    }
    return page(request, "inventory/resource_list.html", context, fragment="list")


def _row(one: Resource, counted: Any) -> Shape:
    orphaned = one.state == ResourceState.ACTIVE and one.is_orphaned
    return {
        "href": one.href,
        "name": one.name,
        "kind": one.kind,
        "state": "orphaned" if orphaned else one.state,
        "environment": one.get_environment_display().lower(),
        "data_class": one.data_class or None,
        "owner": one.owner.name if one.owner else "",
        "deputy": one.deputy.name if one.deputy else "",
        "grants": counted.held,
        "entitlements": counted.offered,
        "waiting": 0,
    }


def _find(request: Request, pk: int) -> tuple[Resource, datetime]:
    now = clock.now()
    seen = Resource.objects.visible_to(request.actor, now).select_related(
        "owner", "deputy", "named_owner", "named_deputy", "suggested_owner", "team", "proposed_by"
    )
    return get_object_or_404(seen, pk=pk), now


@require_GET
def resource(request: Request, pk: int) -> HttpResponse:
    """One resource: who answers for it, what can be held on it, who holds it, what happened."""
    one, now = _find(request, pk)
    offered = one.entitlements.annotate(held=Count("grants", filter=~Q(grants__state="ended"))).order_by("code")[:100]
    bindings = one.bindings.select_related("proposed_by", "confirmed_by").order_by("connector", "pk")[:50]
    context: Shape = {
        "crumbs": [{"label": "Resources", "href": reverse("resource_list")}, {"label": one.name, "href": ""}],
        "head": {
            "title": one.name,
            "facts": [
                one.get_kind_display(),
                one.get_environment_display().lower(),
                one.team.name if one.team else "no team",
            ],
            "actions": _actions(one, request.actor, now),
        },
        "next": _next(one, request.actor, now),
        "kind": one.kind,
        "state": "orphaned" if one.state == ResourceState.ACTIVE and one.is_orphaned else one.state,
        "data_class": one.data_class or None,
        "facts": [
            {"label": "Owner", "text": one.owner.name if one.owner else "nobody yet"},
            {"label": "Deputy", "text": one.deputy.name if one.deputy else "nobody yet"},
            {"label": "Data class", "text": one.get_data_class_display() or "not set, counts as restricted"},
            {"label": "Team", "text": one.team.name if one.team else "none"},
            {"label": "Proposed by", "text": one.proposed_by.name if one.proposed_by else ""},
        ],
        "orphaned": f"{one.owner.name} left." if one.owner and one.is_orphaned else "",
        "entitlements": [
            {
                "level": e.level,
                "words": e.sentence,
                "code": e.code,
                "scope_kind": e.get_scope_kind_display(),
                "data_class": e.data_class or None,
                "grants": e.held,
            }
            for e in offered
        ],
        "bindings": [
            {
                "connector": b.connector,
                "instance": b.instance_name,
                "by": b.proposed_by.name if b.proposed_by else "",
                "at": b.proposed_at,
                "automation": None,
                "confirmed": {"who": b.confirmed_by.name, "at": b.confirmed_at} if b.confirmed_by else None,
            }
            for b in bindings
        ],
        "panels": _panels(one),
        "events": timeline.shapes(one, reader=request.actor.person, limit=30),
        "ledger_href": f"{reverse('ledger')}?about=inventory.resource:{one.pk}",
    }
    return page(request, "inventory/resource.html", context, fragment="timeline")


def _panels(one: Resource) -> list[Shape]:
    try:
        return [{"href": reverse("resource_grants", args=[one.pk]), "title": "Who holds it", "id": "grants"}]
    except NoReverseMatch:
        return []


def _actions(one: Resource, actor: Actor, now: datetime) -> list[Shape]:
    actions = []
    if registry.amend_resource.refusal(one, actor=actor, now=now) is None:
        actions.append({"label": "Change", "icon": "pen", "href": reverse("resource_amend", args=[one.pk])})
    if registry.name_owner.refusal(one, actor=actor, now=now) is None:
        actions.append(
            {"label": "Name an owner", "icon": "person", "href": reverse("resource_name_owner", args=[one.pk])}
        )
    return actions


def _next(one: Resource, actor: Actor, now: datetime) -> Shape | None:
    if one.named_owner is not None:
        mine = registry.accept_ownership.refusal(one, actor=actor, now=now) is None
        accept = {
            "label": "I answer for it",
            "kind": "filled",
            "post": reverse("resource_accept", args=[one.pk]),
            "fields": {},
        }
        lead = (
            "You were named to answer for this."
            if mine
            else f"{one.named_owner.name} was named and has not accepted yet."
        )
        text = "You would decide who may touch it, and be asked again when grants come up for review." if mine else ""
        return {"lead": lead, "text": text, "actions": [accept] if mine else []}
    if one.state == ResourceState.PROPOSED and one.owner is not None:
        if registry.activate.refusal(one, actor=actor, now=now) is None:
            post = {
                "label": "Put to use",
                "kind": "filled",
                "post": reverse("resource_activate", args=[one.pk]),
                "fields": {},
            }
            return {
                "lead": "Its owner has accepted.",
                "text": "Once in use, privileges on it can be approved.",
                "actions": [post],
            }
        return {
            "lead": "Its owner has accepted.",
            "text": "An admin who did not propose it puts it to use.",
            "actions": [],
        }
    if one.state == ResourceState.PROPOSED:
        who = f" {one.suggested_owner.name} was suggested." if one.suggested_owner else ""
        return {
            "lead": "Nobody answers for it yet.",
            "text": f"An admin names an owner and a deputy.{who}",
            "actions": [],
        }
    return None


def _post(request: Request, pk: int, act: Callable[[Resource, datetime], object]) -> HttpResponse:
    one, now = _find(request, pk)
    try:
        act(one, now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": one.href})
    return redirect(one.href)


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept to answer for a resource."""
    return _post(request, pk, lambda one, now: registry.accept_ownership(one, actor=request.actor, now=now))


@require_POST
def activate(request: Request, pk: int) -> HttpResponse:
    """Put a resource to use."""
    return _post(request, pk, lambda one, now: registry.activate(one, actor=request.actor, now=now))


class OwnerForm(forms.Form):
    """Who answers for a resource."""

    owner = forms.ModelChoiceField(Person.objects.filter(is_active=True, left_at__isnull=True))
    deputy = forms.ModelChoiceField(Person.objects.filter(is_active=True, left_at__isnull=True))


class ResourceForm(forms.Form):
    """What is said about a resource."""

    name = forms.CharField(max_length=160)
    kind = forms.ChoiceField(choices=ResourceKind)
    data_class = forms.ChoiceField(choices=DataClass, initial=DataClass.CONFIDENTIAL)
    environment = forms.ChoiceField(choices=Environment, initial=Environment.PRODUCTION)
    about = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))


class NewResourceForm(ResourceForm, OwnerForm):
    """A new resource with who is to answer for it."""

    team = forms.ModelChoiceField(Team.objects.all())


def _form_page(
    request: Request, form: forms.Form, *, title: str, label: str, back: str, status: int = 200
) -> HttpResponse:
    context = {"form": form, "title": title, "label": label, "back_href": back}
    return page(request, "inventory/form.html", context, status=status)


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Register a resource (admins): the owner accepts, another admin puts it to use."""
    now = clock.now()
    no = registry.register_resource.refusal(Team(), actor=request.actor, now=now)
    if no is not None:
        return refused(request, no)
    form = NewResourceForm(request.POST or None)
    words: Shape = {"title": "Register a resource", "label": "Register it", "back": reverse("resource_list")}
    if request.method == "GET":
        return _form_page(request, form, **words)
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = registry.register_resource(
                said["team"], actor=request.actor, now=now, fields=said, owner=said["owner"], deputy=said["deputy"]
            )
            return redirect("resource", pk=made.pk)
        except InvalidInput as error:
            form.add_error(None, error.refusal.sentence)
        except Refused as error:
            return refused(request, error.refusal)
    return _form_page(request, form, **words, status=422)


@require_http_methods(["GET", "POST"])
def name_owner(request: Request, pk: int) -> HttpResponse:
    """Name owner and deputy (admins)."""
    one, now = _find(request, pk)
    no = registry.name_owner.refusal(one, actor=request.actor, now=now)
    if no is not None:
        return refused(request, no, context={"back_href": one.href})
    form = OwnerForm(request.POST or None, initial={"owner": one.suggested_owner})
    words: Shape = {"title": f"Who answers for {one.name}?", "label": "Name them", "back": one.href}
    if request.method == "GET":
        return _form_page(request, form, **words)
    if form.is_valid():
        try:
            registry.name_owner(one, actor=request.actor, now=now, **form.cleaned_data)
            return redirect(one.href)
        except Refused as error:
            form.add_error(None, error.refusal.sentence)
    return _form_page(request, form, **words, status=422)


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Change what is said about a resource (its owner, admins)."""
    one, now = _find(request, pk)
    no = registry.amend_resource.refusal(one, actor=request.actor, now=now)
    if no is not None:
        return refused(request, no, context={"back_href": one.href})
    fields = ("name", "kind", "data_class", "environment", "about")
    form = ResourceForm(request.POST or None, initial={name: getattr(one, name) for name in fields})
    words: Shape = {"title": f"Change {one.name}", "label": "Save", "back": one.href}
    if request.method == "GET":
        return _form_page(request, form, **words)
    if form.is_valid():
        try:
            registry.amend_resource(one, actor=request.actor, now=now, fields=form.cleaned_data)
            return redirect(one.href)
        except Refused as error:
            form.add_error(None, error.refusal.sentence)
    return _form_page(request, form, **words, status=422)
