"""Bindings on a resource's page, with their form and buttons (I8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.texts import free_text
from governance.web.pages.confirmation import Shape, form_page
from governance.web.pages.page import refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Binding, Resource
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import bindings

#: Connections that a resource's page lists.
MOST = 50


def binding_rows(resource: Resource, actor: Actor, now: datetime) -> list[Shape]:
    """Bindings that open a resource or move to it: ``bindings`` in ``inventory/resources/resource.html``."""
    bindings = Binding.objects.filter(Q(resource=resource) | Q(moving_to=resource))
    related = ("resource", "proposed_by", "confirmed_by", "refused_by", "moving_to", "moving_by")
    return [
        _row(row, resource, actor, now) for row in bindings.select_related(*related).order_by("connector", "pk")[:MOST]
    ]


def _row(row: Binding, resource: Resource, actor: Actor, now: datetime) -> Shape:
    return {
        "connector": row.connector,
        "instance": row.instance_name,
        "by": row.proposed_by.name if row.proposed_by else "",
        "at": row.proposed_at,
        "confirmed": {"who": row.confirmed_by.name, "at": row.confirmed_at} if row.confirmed_by else None,
        "refused": {"who": row.refused_by.name, "at": row.refused_at} if row.refused_by else None,
        "opens": row.resource.name if row.resource_id != resource.pk else "",
        "moving": _moving_text(row, actor, now),
    }


def _moving_text(row: Binding, actor: Actor, now: datetime) -> Shape | None:
    """Requested move of a connection, with the reader's buttons."""
    if row.moving_to is None:
        return None
    agrees = bindings.agree_to_move.refusal(row, actor=actor, now=now)
    actions = []
    if agrees is None:
        post = reverse("binding_agree", args=[row.pk])
        fields = {"resource": row.moving_to_id}
        actions.append({"label": f"It opens {row.moving_to.name}", "kind": "filled", "post": post, "fields": fields})
    if bindings.drop_move.refusal(row, actor=actor, now=now) is None:
        post = reverse("binding_drop", args=[row.pk])
        actions.append({"label": "Leave it as it is", "kind": "quiet", "post": post, "fields": {}})
    return {
        "to": row.moving_to.name,
        "by": row.moving_by.name if row.moving_by else "",
        "at": row.moving_at,
        "why": agrees.sentence if agrees is not None and agrees.kind == "duty" else "",
        "actions": actions,
    }


def claim_rows(resource: Resource, actor: Actor, now: datetime) -> list[Shape]:
    """Hosts of a resource that another owner claims too: ``claim_rows`` in ``inventory/resources/resource.html`` (I8)."""
    may = bindings.share_host.refusal(resource, actor=actor, now=now) is None
    people = {person.pk for person in actor.people}
    return [
        {
            "host": row.host,
            "opens": row.resource.name,
            "by": person.name if (person := row.confirmed_by or row.proposed_by) else "Somebody",
            "action": {
                "label": "Confirm shared host",
                "kind": "filled",
                "post": reverse("binding_share", args=[row.pk]),
                "fields": {"resource": resource.pk},
            }
            if may and row.resource.answering_ids.isdisjoint(people)
            else None,
        }
        for row in resource_queries.open_claims(resource)
    ]


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
    now = business_time.now()
    resource = get_object_or_404(Resource.objects.visible_to(request.actor, now), pk=pk)
    form = ConnectionForm(request.POST or None)

    def act(fields: dict[str, Any]) -> Resource:
        fields = {name: free_text.name(value) for name, value in fields.items()}
        bindings.binding_operation(resource, **fields)(resource, actor=request.actor, now=now, **fields)
        return resource

    refusal = (
        None
        if claim_href(resource, request.actor, now)
        else bindings.bind_connection.refusal(resource, actor=request.actor, now=now)
    )
    text = "What is known to open another resource moves once somebody else agrees: who answers for that one, or another admin."
    title = f"What opens {resource.name}?"
    return form_page(
        request, form, act, now=now, title=title, label="It opens this", back=resource.href, text=text, refusal=refusal
    )


@require_POST
def agree(request: Request, pk: int) -> HttpResponse:
    """Agree to the move of a connection."""
    row, now = _find_binding(request, pk)
    try:
        wanted = number(request.POST.get("resource")) or 0
        bindings.agree_to_move(row, actor=request.actor, now=now, resource=wanted)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": row.resource.href})
    return redirect(row.resource.href)


@require_POST
def share(request: Request, pk: int) -> HttpResponse:
    """Consent that a host of this resource also opens another owner's resource."""
    now = business_time.now()
    seen = Resource.objects.visible_to(request.actor, now)
    resource = get_object_or_404(seen, pk=number(request.POST.get("resource")) or 0)
    try:
        bindings.share_host(resource, actor=request.actor, now=now, binding=pk)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": resource.href})
    return redirect(resource.href)


@require_POST
def drop(request: Request, pk: int) -> HttpResponse:
    """Keep a connection on its resource."""
    row, now = _find_binding(request, pk)
    try:
        bindings.drop_move(row, actor=request.actor, now=now)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": row.resource.href})
    return redirect(row.resource.href)


def _find_binding(request: Request, pk: int) -> tuple[Binding, datetime]:
    """Find a binding to a visible resource, or one that moves to it."""
    now = business_time.now()
    seen = Resource.objects.visible_to(request.actor, now)
    bindings = Binding.objects.select_related("resource").filter(Q(resource__in=seen) | Q(moving_to__in=seen))
    return get_object_or_404(bindings, pk=pk), now
