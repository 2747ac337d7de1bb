"""Bindings on a resource's page, with their form and buttons (I8)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from governance.core.access import Actor
from governance.core.texts import free_text
from governance.web.pages.page import Shape, finish, form_page
from governance.web.requests.request import Request, number, visible_row
from inventory.models import Binding, Resource
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import bindings

#: Connections that a resource's page lists.
MOST = 50


#: Binding with its people and resources, the duty that keeps the reader from agreeing to its move, and the reader's buttons.
BindingLine = tuple[Binding, str, Sequence[Shape]]


def binding_lines(resource: Resource, actor: Actor, now: datetime) -> list[BindingLine]:
    """Bindings that open a resource or move to it: see ``inventory/resources/resource.html``."""
    rows = Binding.objects.filter(Q(resource=resource) | Q(moving_to=resource)).order_by("connector", "pk")
    related = ("resource", "proposed_by", "confirmed_by", "refused_by", "moving_to", "moving_by")
    return [_binding_line(row, actor, now) for row in rows.select_related(*related)[:MOST]]


def _binding_line(row: Binding, actor: Actor, now: datetime) -> BindingLine:
    if row.moving_to is None:
        return row, "", ()
    refusal = bindings.agree_to_move.refusal(row, actor=actor, now=now)
    actions: list[Shape] = []
    if refusal is None:
        post, fields = reverse("binding_agree", args=[row.pk]), {"resource": row.moving_to_id}
        actions.append({"label": f"It opens {row.moving_to.name}", "kind": "filled", "post": post, "fields": fields})
    if bindings.drop_move.refusal(row, actor=actor, now=now) is None:
        actions.append({"label": "Cancel the change", "post": reverse("binding_drop", args=[row.pk])})
    return row, refusal.sentence if refusal is not None and refusal.kind == "duty" else "", actions


def claim_lines(resource: Resource, actor: Actor, now: datetime) -> list[BindingLine]:
    """Bindings to other resources on hosts of this one, without its owner's consent (I8)."""
    may = bindings.share_host.refusal(resource, actor=actor, now=now) is None
    people = actor.people_ids
    button = {"label": "Confirm shared host", "kind": "filled", "fields": {"resource": resource.pk}}
    lines: list[BindingLine] = []
    for row in resource_queries.open_claims(resource):
        is_offered = may and row.resource.answering_ids.isdisjoint(people)
        lines.append((row, "", [button | {"post": reverse("binding_share", args=[row.pk])}] if is_offered else []))
    return lines


def claim_href(resource: Resource, actor: Actor, now: datetime) -> str:
    """Address of the form for a connection; empty for readers who may neither bind nor request a move."""
    verbs = (bindings.bind_connection, bindings.request_move)
    may = any(verb.refusal(resource, actor=actor, now=now) is None for verb in verbs)
    return reverse("resource_connection", args=[resource.pk]) if may else ""


class ConnectionForm(forms.Form):
    """One connection, as the platform names it."""

    connector = forms.CharField(max_length=80, help_text="Its kind, as the register lists it: slack, postgres, mcp.")
    instance = forms.CharField(max_length=255, label="Connection", help_text="Its id, address or name there.")


@require_http_methods(["GET", "POST"])
def bind_connection(request: Request, pk: int) -> HttpResponse:
    """Bind a connection to a resource, or request its move from another one."""
    resource, now = visible_row(request, Resource, pk)
    form = ConnectionForm(request.POST or None)

    def act(fields: dict[str, Any]) -> object:
        fields = {name: free_text.name(value) for name, value in fields.items()}
        return bindings.binding_operation(resource, **fields)(resource, actor=request.actor, now=now, **fields)

    refusal = (
        None
        if claim_href(resource, request.actor, now)
        else bindings.bind_connection.refusal(resource, actor=request.actor, now=now)
    )
    text = "What is known to open another resource moves once somebody else agrees: who answers for that one, or another admin."
    title = f"What opens {resource.name}?"
    return form_page(
        request,
        form,
        act,
        title=title,
        label="Use this resource",
        text=text,
        back=resource.href,
        refusal=refusal,
        message=lambda: "The connection is saved.",
    )


@require_POST
def agree(request: Request, pk: int) -> HttpResponse:
    """Agree to the move of a connection."""
    row, now = _find_binding(request, pk)
    wanted, back = number(request.POST.get("resource")) or 0, row.resource.href
    bindings.agree_to_move(row, actor=request.actor, now=now, resource=wanted)
    return finish(request, bindings.agree_to_move, back)


@require_POST
def share(request: Request, pk: int) -> HttpResponse:
    """Consent that a host of this resource also opens another owner's resource."""
    resource, now = visible_row(request, Resource, number(request.POST.get("resource")) or 0)
    bindings.share_host(resource, actor=request.actor, now=now, binding=pk)
    return finish(request, bindings.share_host, resource.href)


@require_POST
def drop(request: Request, pk: int) -> HttpResponse:
    """Keep a connection on its resource."""
    row, now = _find_binding(request, pk)
    bindings.drop_move(row, actor=request.actor, now=now)
    return finish(request, bindings.drop_move, row.resource.href)


def _find_binding(request: Request, pk: int) -> tuple[Binding, datetime]:
    """Find a binding to a visible resource, or one that moves to it."""
    now = request.now()
    seen = Resource.objects.visible_to(request.actor, now)
    bindings = Binding.objects.select_related("resource").filter(Q(resource__in=seen) | Q(moving_to__in=seen))
    return get_object_or_404(bindings, pk=pk), now
