"""Rows of resources for their pages, and bindings with the claims of other owners on their hosts (I3, I8). Reads only.

An owner with an earlier claim on a host must consent before a binding counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from inventory.importers.host_names import host_of
from inventory.models import REGISTERED, Binding, Entitlement, HostConsent, Privilege, Resource, ResourceState
from inventory.models.binding import Claim


@dataclass(frozen=True)
class ResourceRow:
    """Row of the list of resources.

    Args:
        resource: with its owner and deputy.
        state: see `shown_state`.
        owner: name of its owner or interim owner; empty without one.
        entitlements, grants: numbers of its entitlements and of grants on them.
    """

    resource: Resource
    state: str
    owner: str
    entitlements: int
    grants: int


def resource_rows(resources: Sequence[Resource], now: datetime) -> list[ResourceRow]:
    """Rows of some resources; one query."""
    entitlements = Entitlement.objects.filter(resource__in=resources).order_by().values_list("resource")
    counted = entitlements.annotate(
        offered=Count("pk", distinct=True), held=Count("grants", filter=~Q(grants__state="ended"))
    )
    counts = {pk: (offered, held) for pk, offered, held in counted}
    return [
        ResourceRow(
            resource,
            shown_state(resource, now),
            str(resource.answering(now) or ""),
            *counts.get(resource.pk, (0, 0)),
        )
        for resource in resources
    ]


def shown_state(resource: Resource, now: datetime) -> str:
    """State of a resource on pages: also ``accepted`` and ``orphaned``."""
    if resource.state == ResourceState.PROPOSED and resource.accepted_at is not None:
        return "accepted"
    return "orphaned" if resource.state == ResourceState.ACTIVE and resource.is_ownerless(now) else resource.state


def entitlements_of(resource: Resource) -> QuerySet[Any]:
    """The first hundred entitlements of a resource, each with its number of grants (``held``)."""
    held = Count("grants", filter=~Q(grants__state="ended"))
    return resource.entitlements.select_related("resource").annotate(held=held).order_by("code", "pk")[:100]


def bindings_of(privileges: Iterable[Privilege]) -> dict[tuple[str, str], Binding]:
    """Bindings of some privileges by connector and instance, with claims: one query, none without a connection."""
    instances = {
        privilege.instance for privilege in privileges if privilege.instance and privilege.connector != REGISTERED
    }
    related = ("resource__interim", "proposed_by", "refused_by", "confirmed_by", "confirmed_for")
    rows = Binding.objects.filter(instance_name__in=instances).select_related(*related) if instances else ()
    return {(row.connector, row.instance_name): row for row in with_claims(rows)}


def with_claims(rows: Iterable[Binding]) -> list[Binding]:
    """Bindings with their `claims`, saved or not: one query if one is of a host, another if a claim exists.

    Args:
        rows: each with its resource.
    """
    some = list(rows)
    hosts = {_host(row) for row in some} - {""}
    if not hosts:
        return some
    confirmed = Binding.objects.filter(host__in=hosts, confirmed_at__isnull=False).exclude(
        resource__state=ResourceState.RETIRED
    )
    others = list(confirmed.select_related("resource__owner").order_by("pk"))
    claimed = {id(row): resources for row in some if (resources := _earlier_resources(row, others))}
    people_by_consent: dict[tuple[int | None, int], list[frozenset[int]]] = {}
    if claimed:
        pks = [row.pk for row in some if id(row) in claimed and row.pk]
        consents = HostConsent.objects.filter(binding__in=pks, opens=F("binding__resource"))
        for binding, resource, *people in consents.values_list("binding", "resource", "said_by", "said_for"):
            people_by_consent.setdefault((binding, resource), []).append(
                frozenset(pk for pk in people if pk is not None)
            )
    for row in some:
        side = row.resource.answering_ids
        row.claims = [
            Claim(
                resource,
                tuple(people for people in people_by_consent.get((row.pk, resource.pk), ()) if people.isdisjoint(side)),
            )
            for resource in claimed.get(id(row), ())
        ]
    return some


def _earlier_resources(row: Binding, others: Sequence[Binding]) -> list[Resource]:
    """Resources of other owners that confirmed the host of a binding earlier."""
    resources = (
        other.resource
        for other in others
        if other.host == _host(row)
        and other.pk != row.pk
        and other.resource_id != row.resource_id
        and (other.resource.owner_id is None or other.resource.owner_id != row.resource.owner_id)
        and (row.known_since is None or (other.known_since, other.pk) < (row.known_since, row.pk or 0))
    )
    return list({resource.pk: resource for resource in resources}.values())


def _host(row: Binding) -> str:
    """Host of a binding, saved or not."""
    return host_of(row.connector, row.instance_name)


def open_claims(resource: Resource) -> list[Binding]:
    """Bindings to other owners' resources on hosts of this resource, without its owner's consent."""
    bindings = Binding.objects.filter(resource=resource, confirmed_at__isnull=False).exclude(host="")
    hosts = set(bindings.values_list("host", flat=True))
    if not hosts:
        return []
    agreed = HostConsent.objects.filter(binding=OuterRef("pk"), resource=resource, opens=OuterRef("resource"))
    rows = Binding.objects.filter(~Exists(agreed), host__in=hosts)
    rows = rows.filter(Q(refused_at__isnull=True)).exclude(resource=resource)
    claims = with_claims(rows.select_related("resource", "confirmed_by", "proposed_by").order_by("pk"))
    return [row for row in claims if any(claim.resource == resource for claim in row.claims)]


#: Relations of a resource that the escalation chain reads (A9).
RESOURCE_RELATIONS = ("owner", "deputy", "team__lead", "team__deputy_lead", "interim__person")


def with_people(pks: Iterable[int | None]) -> dict[int, Resource]:
    """Return resources by id, each with the people on its escalation chain: one query."""
    return Resource.objects.select_related(*RESOURCE_RELATIONS).order_by().in_bulk({pk for pk in pks if pk is not None})
