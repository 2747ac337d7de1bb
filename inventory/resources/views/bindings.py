"""Bindings on a resource's page, with their form and buttons (I8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from governance.core.actors.actor import Actor
from governance.core.texts import free_text
from governance.web.pages.confirmation import operation_form, perform
from governance.web.pages.page import Shape
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number, visible_row
from inventory.models import Binding, Resource
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import bindings

#: Connections that a resource's page lists.
MOST = 50


@dataclass(frozen=True)
class ClaimLine:
    """One binding of another resource to a host of this one, with the buttons of the reader."""

    binding: Binding
    actions: Sequence[Shape]


def bindings_of(resource: Resource) -> QuerySet[Binding]:
    """Bindings that open a resource: see ``inventory/resources/resource.html``."""
    rows = resource.bindings.select_related("proposed_by", "confirmed_by", "refused_by")
    return rows.order_by("connector", "pk")[:MOST]


def claim_lines(resource: Resource, actor: Actor, now: datetime) -> list[ClaimLine]:
    """Bindings to other resources on hosts of this one, without its owner's consent (I8)."""
    may = bindings.share_host.refusal(resource, actor=actor, now=now) is None
    people = actor.people_ids
    button = {"label": "Confirm shared host", "kind": "filled", "fields": {"resource": resource.pk}}
    return [
        ClaimLine(
            row,
            [button | {"post": reverse("binding_share", args=[row.pk])}]
            if may and row.resource.answering_ids.isdisjoint(people)
            else [],
        )
        for row in resource_queries.open_claims(resource)
    ]


def claim_href(resource: Resource, actor: Actor, now: datetime) -> str:
    """Address of the form for a connection; empty for readers who may not bind it."""
    may = bindings.bind_connection.refusal(resource, actor=actor, now=now) is None
    return reverse("resource_connection", args=[resource.pk]) if may else ""


class ConnectionForm(forms.Form):
    """One connection, as the platform names it."""

    connector = forms.CharField(max_length=80, help_text="Its kind, as the register lists it: slack, postgres, mcp.")
    instance = forms.CharField(max_length=255, label="Connection", help_text="Its id, address or name there.")


@require_http_methods(["GET", "POST"])
def bind_connection(request: Request, pk: int) -> HttpResponse:
    """Bind a connection to a resource."""
    resource, now = visible_row(request, Resource, pk)
    return operation_form(
        request,
        resource,
        bindings.bind_connection,
        ConnectionForm(request.POST or None),
        now,
        title=f"What opens {resource.name}?",
        label="It opens this",
        arguments=lambda fields: {name: free_text.name(value) for name, value in fields.items()},
    )


@require_POST
def share(request: Request, pk: int) -> HttpResponse:
    """Consent that a host of this resource also opens another owner's resource."""
    resource, now = visible_row(request, Resource, number(request.POST.get("resource")) or 0)
    return perform(
        request, lambda: bindings.share_host(resource, actor=request.actor, now=now, binding=pk), resource.href
    )
