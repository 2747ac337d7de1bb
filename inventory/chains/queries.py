"""Chains: joined automations, the links between them and the resulting tier (A16, T2).

Approved versions in use count; `chains.transitions` stores their ends and chains. `possible_chain` computes the chain of any
other version as if it were approved. Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT
from django.db.models.functions import Concat, Left

from governance.core.database.key_filters import among
from inventory.chains import chain_ends, own_tier
from inventory.chains.chain_ends import BUT, CALLED, CALLS, NOWHERE, End
from inventory.models import (
    Assessment,
    AutomationState,
    ChainEnd,
    ChainKind,
    ChainMember,
    Credential,
    Entitlement,
    NonHumanIdentity,
    Privilege,
    Trigger,
    Version,
    VersionCredential,
    VersionIdentity,
)
from inventory.risk.tiers import Tier

#: States in which the approved version counts; a stopped automation may run again.
IN_USE = (AutomationState.LIVE, AutomationState.SUSPENDED)
#: Rows that are read or written together.
ROWS = 5_000
#: Length of a point in characters.
POINT = 64


@dataclass(frozen=True)
class Link:
    """Direct link between an automation and another.

    Args:
        other: id of the other automation.
        kind: a `ChainKind`.
        side: side of the automation; `theirs` is the side of the other.
        thing: name of the meeting point for people.
        resource: name of its resource, or empty.
    """

    other: int
    kind: str
    side: str
    theirs: str
    thing: str = ""
    resource: str = ""


@dataclass(frozen=True)
class Chain:
    """Chain of an automation.

    Args:
        others: ids of the other automations in the chain.
        links: its direct links.
        unknown: targets of its calls that no automation in use answers; an empty name is chosen at run time.
        leads_out: whether another automation in the chain has such a call.
    """

    others: frozenset[int] = frozenset()
    links: tuple[Link, ...] = ()
    unknown: tuple[str, ...] = ()
    leads_out: bool = False

    @cached_property
    def joined(self) -> Tier:
        """Highest own tier of the others; high if one of them has an unknown call (A16)."""
        if not self.others:
            return Tier.LOW
        return Tier.HIGH if self.leads_out else max(own_tier.approved_tiers(self.others).values(), default=Tier.LOW)

    @property
    def tier(self) -> Tier:
        """Tier that the chain gives the automation: the highest in it, and high with an unknown call (T2, A16)."""
        return Tier.HIGH if self.unknown else self.joined


# --- queries -----------------------------------------------------------------------------------------------------------


def chain_of(automation: int) -> Chain:
    """Stored chain of an automation's approved version; empty if it is not in use.

    Args:
        automation: its id.
    """
    columns = ("kind", "point", "side", "thing", "resource", "credential", "identity")
    return _chain_of(
        automation, [End(*row) for row in ChainEnd.objects.filter(automation=automation).values_list(*columns)]
    )


def chain_with_version(
    version: Version, privileges: Sequence[Privilege] | None = None, taken_over: Collection[int] = ()
) -> Chain:
    """Chain of an automation as if one of its versions were the approved one.

    Args:
        version: of the register.
        privileges: its privileges with entitlement and resource, if already loaded.
        taken_over: ids of further identities that would serve the automation.
    """
    automation = version.automation
    serves = Q(automation=automation.pk) | Q(pk__in=taken_over)
    named = NonHumanIdentity.objects.filter(Q(used_by__version=version) | serves)
    used = version.version_credentials.select_related("credential")
    rows = chain_ends.VersionParts(
        automation,
        list(version.privileges.select_related("entitlement__resource")) if privileges is None else privileges,
        {row.credential_id: str(row.credential) for row in used},
        list(version.triggers.all()),
        dict(named.distinct().values_list("pk", "subject")),
        str(version.manifest.get("on_error", "")),
    )
    return possible_chain(rows)


def others_with(versions: Collection[int]) -> dict[int, frozenset[int]]:
    """Other automations in the chain of each version, as if it were the approved one.

    Args:
        versions: their ids.

    Returns:
        Ids of automations by version id. A fixed number of queries; two without any meeting point.
    """
    runs_as = NonHumanIdentity.objects.filter(Q(used_by__version=OuterRef("pk")) | Q(automation=OuterRef("automation")))
    may_be = Version.objects.filter(pk__in=versions).annotate(may_be=annotate_joined(), named=Exists(runs_as))
    named = may_be.filter(Q(may_be=True) | Q(named=True)).annotate(on_error=KT("manifest__on_error"))
    place = (f"automation__{name}" for name in ("platform_instance", "environment", "external_id"))
    read = list(named.select_related("automation").only("number", *place).prefetch_related(*_prefetches()))
    ends = {version: chain_ends.ends_of(_version_from_rows(version)) for version in read}
    at: dict[str, list[tuple[int, str]]] = defaultdict(list)
    points = {end.point for each in ends.values() for end in each} - {NOWHERE}
    for row in ChainEnd.objects.filter(point__in=points).order_by() if points else ():
        at[row.point].append((row.automation_id, row.side))
    met = {version: _joined_directly(version.automation_id, each, at) for version, each in ends.items()}
    around = _Neighbourhood.of({pk for each in met.values() for pk in each})
    others = {version.pk: around.others(version.automation_id, ends[version], met[version]) for version in read}
    return {pk: frozenset(others.get(pk, ())) for pk in versions}


def _prefetches() -> tuple[Prefetch[Any], ...]:
    """Prefetches of the columns that ends are computed from, and no others: reading takes most of the time."""
    privilege = (
        "version",
        "entitlement",
        "credential",
        "connector",
        "instance",
        "target",
        "target_name",
        "scope",
        "level",
    )
    entitlements = Entitlement.objects.select_related("resource").only("code", "level", "resource__unresolved")
    return (
        Prefetch("privileges", Privilege.objects.only(*privilege)),
        Prefetch("privileges__entitlement", entitlements),
        Prefetch("version_credentials", VersionCredential.objects.only("version", "credential")),
        Prefetch("version_credentials__credential", Credential.objects.only("name", "kind")),
        Prefetch("triggers", Trigger.objects.only("version", "type", "detail", "active")),
        Prefetch(
            "version_identities",
            VersionIdentity.objects.select_related("identity").only("version", "identity__subject"),
        ),
        Prefetch("automation__identities", NonHumanIdentity.objects.only("automation", "subject")),
    )


def _version_from_rows(version: Version) -> chain_ends.VersionParts:
    """Version with all rows loaded."""
    named = [*(row.identity for row in version.version_identities.all()), *version.automation.identities.all()]
    return chain_ends.VersionParts(
        version.automation,
        list(version.privileges.all()),
        {row.credential_id: str(row.credential) for row in version.version_credentials.all()},
        list(version.triggers.all()),
        {identity.pk: identity.subject for identity in named},
        str(version.on_error or ""),  # type: ignore[attr-defined]
    )


def _joined_directly(automation: int, ends: Iterable[End], at: Mapping[str, Sequence[tuple[int, str]]]) -> set[int]:
    """Ids of the automations that are directly joined with an automation."""
    sides_by_point: dict[str, set[str]] = defaultdict(set)
    for end in ends:
        sides_by_point[end.point].add(end.side)
    automation_ids: set[int] = set()
    for point, sides in sides_by_point.items():
        rows = [(pk, side) for pk, side in at.get(point, ()) if pk != automation]
        if rows and chain_ends.are_joined(sides | {side for _, side in rows}):
            automation_ids |= {pk for pk, _ in rows}
    return automation_ids


def possible_chain(version: chain_ends.VersionParts) -> Chain:
    """Chain of a saved or unsaved version, as if it were the approved one.

    A fixed number of queries; one without any meeting point.

    Args:
        version: its parts; the automation may be new.
    """
    return _chain_of(version.automation.pk, chain_ends.ends_of(version))


def annotate_joined() -> Combinable:
    """Annotation of versions: whether a version's chain has to be looked up, identities aside."""
    at = Version.objects.filter(pk=OuterRef(OuterRef("pk"))).order_by()
    points = at.values(point=Left(Func(F("meets"), function="unnest"), POINT))
    wanted = ExpressionWrapper(OuterRef("meets"), output_field=ArrayField(CharField()))
    ends = ChainEnd.objects.filter(point__in=points).exclude(automation=OuterRef("automation")).annotate(wanted=wanted)
    fits, alike = (Concat("point", Value(f":{but}"), "side", output_field=CharField()) for but in ("", BUT))
    is_credential = Q(kind=ChainKind.CREDENTIAL)
    met = ends.filter(is_credential & ~Q(wanted__contains=[alike]) | ~is_credential & Q(wanted__contains=[fits]))
    unknown = Q(meets=None) | Q(meets__contains=[NOWHERE])
    return Case(When(unknown, then=Value(True)), default=Exists(met.order_by()))


def _chain_of(automation: int | None, ends: Collection[End]) -> Chain:
    points = {end.point for end in ends} - {NOWHERE}
    met = _matching_ends(automation, ends, points)
    directly = {row.automation_id for row in met}
    others = _Neighbourhood.of(directly).others(automation, ends, directly)
    called = {end.point for end in ends if end.side == CALLED} | {row.point for row in met if row.side == CALLED}
    unknown = tuple(dict.fromkeys(end.thing for end in ends if end.side == CALLS and end.point not in called))
    leads_out = bool(others) and any(point not in called for point in _points_unanswered(others))
    return Chain(frozenset(others), tuple(_links(ends, met)), unknown, leads_out)


def _matching_ends(automation: int | None, ends: Iterable[End], points: Collection[str]) -> list[ChainEnd]:
    """Ends of other automations at the points where this one's ends join them."""
    rows = ChainEnd.objects.filter(point__in=points).exclude(automation=automation).select_related("resource")
    rows_by_point: dict[str, list[ChainEnd]] = defaultdict(list)
    for row in rows.order_by("pk") if points else ():
        rows_by_point[row.point].append(row)
    sides_by_point: dict[str, set[str]] = defaultdict(set)
    for end in ends:
        sides_by_point[end.point].add(end.side)
    joined = (
        rows
        for point, rows in rows_by_point.items()
        if chain_ends.are_joined(sides_by_point[point] | {row.side for row in rows})
    )
    return [row for rows in joined for row in rows]


@dataclass(frozen=True)
class _Neighbourhood:
    """Chains of some automations.

    Args:
        chain: chain number by automation.
        members: automations by chain number.
    """

    chain: Mapping[int, int]
    members: Mapping[int, Collection[int]]

    @classmethod
    def of(cls, automations: Collection[int]) -> Self:
        """Load the chains: one query, or none."""
        if not automations:
            return cls({}, {})
        chains = ChainMember.objects.filter(among(automations, "automation")).values("chain")
        chain = dict(ChainMember.objects.filter(chain__in=chains).values_list("automation", "chain"))
        members: dict[int, set[int]] = defaultdict(set)
        for pk, number in chain.items():
            members[number].add(pk)
        return cls(chain, members)

    @cached_property
    def sides(self) -> Mapping[int, Sequence[tuple[int, str, str]]]:
        """Ends of all members."""
        rows_by_chain: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
        for row in sides_of(self.chain.keys()):
            rows_by_chain[row[0]].append(row)
        return rows_by_chain

    def others(self, automation: int | None, ends: Iterable[End], met: Collection[int]) -> set[int]:
        """Other automations in the chain. Members that only the present version joins are left out."""
        numbers = {self.chain[pk] for pk in met if pk in self.chain}
        members = {pk for number in numbers for pk in self.members[number]}
        if automation not in members:
            return members
        itself = 0  # an id that nothing in the register has
        rows = [row for pk in members - {automation} for row in self.sides[pk]]
        groups = chain_ends.group_chains([*rows, *((itself, end.point, end.side) for end in ends)])
        return {pk for pk, chain in groups.items() if chain == groups[itself]} - {itself}


def _points_unanswered(members: Collection[int]) -> set[str]:
    """Points that some automations call and no automation in use answers."""
    return set(_unanswered_calls().filter(among(members, "automation")).values_list("point", flat=True))


def _links(ends: Iterable[End], met: Iterable[ChainEnd]) -> Iterator[Link]:
    """Links of fitting pairs of ends, each once."""
    ends_by_point: dict[str, list[End]] = defaultdict(list)
    for end in ends:
        ends_by_point[end.point].append(end)
    seen = set()
    for row in met:
        for end in ends_by_point[row.point]:
            link = Link(
                row.automation_id,
                row.kind if end.side == CALLED else end.kind,
                end.side,
                row.side,
                end.thing or row.thing,
                row.resource.name if row.resource is not None else "",
            )
            if link not in seen and chain_ends.are_joined({end.side, row.side}):
                seen.add(link)
                yield link


@dataclass(frozen=True)
class JoinedTier:
    """Assessment of an automation in use that is joined with others.

    Args:
        automation: its id.
        chain: see `ChainMember`.
        judged: tier of the newest assessment of the approved version.
        own: its own tier.
        calls_unknown: whether no automation in use answers one of its calls.
    """

    automation: int
    chain: int
    judged: Tier
    own: Tier
    calls_unknown: bool


def joined_tiers() -> Iterator[JoinedTier]:
    """Automations that share a chain with another or have an unanswered call; one query."""
    neighbours = ChainMember.objects.filter(chain=OuterRef("chain")).exclude(automation=OuterRef("automation"))
    newest = Assessment.objects.filter(version=OuterRef("automation__approved_version")).order_by("-pk")
    rows = ChainMember.objects.annotate(in_vain=Exists(_unanswered_calls().filter(automation=OuterRef("automation"))))
    rows = rows.filter(Q(in_vain=True) | Exists(neighbours)).annotate(
        judged=Subquery(newest.values("tier")[:1]), own=Subquery(newest.values(own=own_tier.JUDGED)[:1])
    )
    columns = ("automation", "chain", "automation__tier", "automation__raised_to", "judged", "own", "in_vain")
    for pk, chain, stands, raised, made, own_value, in_vain in rows.order_by().values_list(*columns):
        yield JoinedTier(pk, chain, Tier.of(made or stands), own_tier.own_tier(own_value or stands, raised), in_vain)


def _unanswered_calls() -> QuerySet[ChainEnd]:
    """Calls that no automation in use answers."""
    called = ChainEnd.objects.filter(point=OuterRef("point"), side=CALLED)
    return ChainEnd.objects.filter(Q(point=NOWHERE) | ~Exists(called), side=CALLS).order_by()


def sides_of(members: Collection[int]) -> Iterator[tuple[int, str, str]]:
    """Automation, point and side of each end of some automations."""
    rows = ChainEnd.objects.filter(among(members, "automation")).order_by().values_list("automation", "point", "side")
    return rows.iterator(ROWS)
