"""Rows of resources for their pages, and bindings with the claims of other owners on their hosts (I3, I8). Reads only.

An owner with an earlier claim on a host must consent before a binding counts.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from governance.core.database.grouping import grouped
from governance.core.database.related_people import PersonColumn, load_people
from inventory.importers.host_names import host_of
from inventory.models import REGISTERED, Binding, HostConsent, Privilege, Resource, ResourceState
from inventory.models.binding import BindingKey


def shown_state(resource: Resource, now: datetime) -> str:
    """State of a resource on pages: also ``accepted`` and ``orphaned``."""
    if resource.state == ResourceState.PROPOSED and resource.accepted_at is not None:
        return "accepted"
    return "orphaned" if resource.state == ResourceState.ACTIVE and resource.is_ownerless(now) else resource.state


def entitlements_of(resource: Resource) -> QuerySet[Any]:
    """The first hundred entitlements of a resource, each with its number of grants (``held``)."""
    held = Count("grants", filter=~Q(grants__state="ended"))
    return resource.entitlements.select_related("resource").annotate(held=held).order_by("code", "pk")[:100]


@dataclass(frozen=True)
class Claim:
    """Resource of another owner for which a binding's host was known earlier (I8).

    Args:
        resource: of the other owner.
        consents: for each consent, the ids of its person and of the person represented.
    """

    resource: Resource
    consents: tuple[frozenset[int], ...] = ()

    def is_agreed(self, parties: Collection[int]) -> bool:
        """Whether a person outside ``parties`` consented, for themself or for another outsider."""
        return any(people.isdisjoint(parties) for people in self.consents)


class Bindings(dict[BindingKey, Binding]):
    """Bindings by connector and instance, saved or not, with the claims of other owners on their hosts.

    At most two queries: one if a binding is of a host, another if a claim exists.

    Args:
        rows: each with its resource.
        confirmed: rows with the confirmed bindings of their hosts, if the caller has read them; open ones count for nothing.
    """

    def __init__(self, rows: Iterable[Binding] = (), confirmed: Iterable[Binding] | None = None) -> None:
        super().__init__({row.key: row for row in rows})
        if confirmed is None:
            hosts = {_host(row) for row in self.values()} - {""}
            rows_of_hosts = Binding.objects.filter(_confirms(hosts)).select_related("resource__owner")
            confirmed = rows_of_hosts if hosts else ()
        self._claims = _claims_on(list(self.values()), confirmed)

    def claims_on(self, row: Binding) -> Sequence[Claim]:
        """Other owners' claims on the host of a binding."""
        return self._claims.get(row.key, ())

    @property
    def keys_resting_on_people(self) -> list[BindingKey]:
        """Keys of the bindings that could rest on parties (`is_vouched`): confirmed ones, and those of an owned or claimed resource."""
        return [
            key for key, row in self.items() if not row.is_open or row.resource.answering_ids or self.claims_on(row)
        ]

    def is_vouched(self, privilege: Privilege, parties: Collection[int]) -> bool:
        """Whether the data class of a privilege's resource counts: its binding does not rest on parties (I8)."""
        row = self.get((privilege.connector, privilege.instance))
        if row is None:
            return True
        return not row.is_word_of(parties) and all(claim.is_agreed(parties) for claim in self.claims_on(row))

    def unvouched(self, privileges: Iterable[Privilege], parties: Collection[int]) -> frozenset[str]:
        """Keys of the privileges that count as restricted because their binding rests on parties (I8)."""
        return frozenset(privilege.key for privilege in privileges if not self.is_vouched(privilege, parties))


def bindings_of(privileges: Iterable[Privilege]) -> Bindings:
    """Bindings of some privileges; no query without a connection, and one if they open the resources of the privileges.

    Args:
        privileges: each with its entitlement and resource.
    """
    connected = [row for row in privileges if row.instance and row.connector != REGISTERED]
    places = {(privilege.connector, privilege.instance) for privilege in connected}
    if not places:
        return Bindings()
    rows = list(Binding.objects.filter(of_connections(places)).order_by())
    load_people((row, "refused_by") for row in rows if row.refused_by_id is not None)
    resources = {row.entitlement.resource_id: row.entitlement.resource for row in connected}
    if missing := {row.resource_id for row in rows} - resources.keys():
        resources |= Resource.objects.select_related("owner", "interim").order_by().in_bulk(missing)
    for row in rows:
        row.resource = resources[row.resource_id]
    instances = {instance for _, instance in places}
    return Bindings([row for row in rows if row.instance_name in instances], rows)


def of_connections(keys: Collection[BindingKey]) -> Q:
    """Condition for the bindings of some connections, and for the confirmed bindings of their hosts."""
    hosts = {host_of(*key) for key in keys} - {""}
    return Q(instance_name__in={instance for _, instance in keys}) | _confirms(hosts)


def _confirms(hosts: Collection[str]) -> Q:
    """Condition for confirmed bindings of some hosts."""
    return Q(host__in=hosts, confirmed_at__isnull=False)


def _claims_on(rows: Sequence[Binding], others: Iterable[Binding]) -> dict[BindingKey, list[Claim]]:
    named = (other for other in others if other.host and not other.is_open)
    in_use = (other for other in named if other.resource.state != ResourceState.RETIRED)
    confirmed = sorted(in_use, key=lambda other: other.pk)
    claimed = [(row, resources) for row in rows if (resources := _earlier_resources(row, confirmed))]
    if not claimed:
        return {}
    saved_ids = [row.pk for row, _ in claimed if row.pk]
    said = HostConsent.objects.filter(binding__in=saved_ids, opens=F("binding__resource"))
    columns = said.values_list("binding", "resource", "said_by", "said_for")
    consents = grouped(((binding, resource), frozenset(people) - {None}) for binding, resource, *people in columns)
    return {
        row.key: [
            Claim(
                resource,
                tuple(
                    people
                    for people in consents.get((row.pk, resource.pk), ())
                    if people.isdisjoint(row.resource.answering_ids)
                ),
            )
            for resource in resources
        ]
        for row, resources in claimed
    }


def _earlier_resources(row: Binding, others: Iterable[Binding]) -> list[Resource]:
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
    agreed = HostConsent.objects.filter(binding=OuterRef("pk"), resource=resource, opens=OuterRef("resource"))
    rows = Binding.objects.filter(~Exists(agreed), host__in=hosts, refused_at__isnull=True).exclude(resource=resource)
    claimed = Bindings(rows.select_related("resource", "confirmed_by", "proposed_by").order_by("pk"))
    return [row for row in claimed.values() if any(claim.resource == resource for claim in claimed.claims_on(row))]


#: Relations of a resource that the escalation chain reads (A9).
RESOURCE_RELATIONS = ("owner", "deputy", "named_owner", "team__lead", "team__deputy_lead", "interim__person")


def with_people(pks: Iterable[int | None], also: Iterable[PersonColumn] = ()) -> dict[int, Resource]:
    """Return resources by id, each with the people on its escalation chain: one query, or two with other rows' people.

    Args:
        pks: ids of resources.
        also: columns of other rows whose people are read with these.
    """
    wanted, also = {pk for pk in pks if pk is not None}, list(also)
    if not also:
        return Resource.objects.select_related(*RESOURCE_RELATIONS).order_by().in_bulk(wanted) if wanted else {}
    resources = Resource.objects.select_related("team", "interim").order_by().in_bulk(wanted) if wanted else {}
    load_people([*_chain_columns(resources.values()), *also])
    return resources


def _chain_columns(resources: Iterable[Resource]) -> Iterator[PersonColumn]:
    """Yield the columns with the people on the escalation chains of resources."""
    for resource in resources:
        yield from ((resource, "owner"), (resource, "deputy"))
        if resource.team is not None:
            yield from ((resource.team, "lead"), (resource.team, "deputy_lead"))
        if resource.interim is not None:
            yield resource.interim, "person"
