"""Chains: joined automations, the links between them and the resulting tier (A16, T2).

Approved versions in use count; `chains.transitions` stores their ends and chains. `possible_chains` computes the chains of
any other versions as if they were approved. Reads only.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db.models import CharField, Count, Exists, F, Min, Model, OuterRef, Prefetch, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from governance.core.database.grouping import grouped
from governance.core.database.querysets import among
from inventory.chains import chain_ends
from inventory.chains.chain_ends import BUT, CALLED, CALLS, NOWHERE, VersionParts
from inventory.models import (
    AutomationState,
    ChainEnd,
    ChainKind,
    ChainMember,
    NonHumanIdentity,
    Privilege,
    Trigger,
    Version,
    VersionCredential,
    VersionIdentity,
)
from inventory.models.version import newest_assessment
from inventory.risk.tiers import Tier

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Model)

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
        joined: highest own tier of the others; high if one of them has an unanswered call (A16).
    """

    others: frozenset[int] = frozenset()
    links: tuple[Link, ...] = ()
    unknown: tuple[str, ...] = ()
    joined: Tier = Tier.LOW

    @property
    def tier(self) -> Tier:
        """Tier that the chain gives the automation: the highest in it, and high with an unknown call (T2, A16)."""
        return Tier.HIGH if self.unknown else self.joined


# --- chains -------------------------------------------------------------------------------------------------------------


def chain_of(automation: int) -> Chain:
    """Stored chain of an automation's approved version; empty if it is not in use.

    Args:
        automation: its id.
    """
    ends = ChainEnd.objects.filter(automation=automation).order_by("pk")
    return _chains({automation: (automation, list(ends))})[automation]


def chain_with_version(
    version: Version, privileges: Sequence[Privilege] | None = None, taken_over: Collection[int] = ()
) -> Chain:
    """Chain of an automation as if one of its versions were the approved one.

    Args:
        version: of the register.
        privileges: its privileges, or a part of them, each with entitlement and resource.
        taken_over: ids of further identities that would serve the automation.
    """
    parts = version_parts(Version.objects.filter(pk=version.pk))[version.pk]
    if privileges is not None:
        parts = replace(parts, privileges=privileges)
    if taken_over:
        more = NonHumanIdentity.objects.filter(pk__in=taken_over)
        parts = replace(parts, identities=[*parts.identities, *more])
    return possible_chains({version.pk: parts})[version.pk]


def others_with(versions: Collection[int]) -> dict[int, frozenset[int]]:
    """Ids of the other automations in the chain of each version, as if it were the approved one; by version id."""
    chains = possible_chains(version_parts(Version.objects.filter(pk__in=versions)))
    return {pk: chain.others for pk, chain in chains.items()}


def ids_that_join(versions: Collection[Version]) -> frozenset[int]:
    """Ids of the versions that meet another automation or call an unknown one, identities aside: others have no chain.

    One query, which counts by point how many automations have an end there.
    """
    meets = {version.pk: frozenset(version.meets or ()) for version in versions}
    points = {entry[:POINT] for entries in meets.values() for entry in entries}
    ends = ChainEnd.objects.filter(point__in=points).order_by().values("kind", "point", "side")
    counted = list(ends.annotate(automations=Count("automation", distinct=True), first=Min("automation")))

    def joins(version: Version) -> bool:
        others = (end for end in counted if end["automations"] > 1 or end["first"] != version.automation_id)
        return any(_is_met(meets[version.pk], **end) for end in others)

    unknown = {version.pk for version in versions if version.meets is None or NOWHERE in version.meets}
    return frozenset(version.pk for version in versions if version.pk in unknown or joins(version))


def _is_met(meets: Collection[str], kind: str, point: str, side: str, **_: int) -> bool:
    """Whether a stored end is one that a version would join; ``meets`` are its meeting points."""
    if kind != ChainKind.CREDENTIAL:
        return f"{point}:{side}" in meets
    uses = [entry for entry in meets if entry.startswith(point)]
    return bool(uses) and f"{point}:{BUT}{side}" not in uses


def possible_chains(versions: Mapping[K, VersionParts]) -> dict[K, Chain]:
    """Chains of saved or unsaved versions, each as if it were the approved one.

    At most five queries for any number; one without any meeting point.
    """
    return _chains({key: (parts.automation.pk, chain_ends.ends_of(parts)) for key, parts in versions.items()})


def version_parts(versions: QuerySet[Version]) -> dict[int, VersionParts]:
    """Parts of some versions, by version id; six queries for any number."""
    privileges = Privilege.objects.select_related("entitlement__resource").order_by()
    read = versions.select_related("automation").annotate(on_error=KT("manifest__on_error"))
    rows = read.defer("manifest", "secrets").prefetch_related(
        Prefetch("privileges", privileges),
        Prefetch("version_credentials", VersionCredential.objects.select_related("credential").order_by()),
        Prefetch("triggers", Trigger.objects.order_by("pk")),
        Prefetch("version_identities", VersionIdentity.objects.select_related("identity").order_by()),
        Prefetch("automation__identities", NonHumanIdentity.objects.order_by("pk")),
    )
    return {version.pk: _parts(version) for version in rows}


def _parts(version: Version) -> VersionParts:
    named = [row.identity for row in _by_key(version.version_identities.all())]
    return VersionParts(
        version.automation,
        _by_key(version.privileges.all()),
        [row.credential for row in _by_key(version.version_credentials.all())],
        list(version.triggers.all()),
        [*named, *version.automation.identities.all()],
        str(version.on_error or ""),  # type: ignore[attr-defined]
    )


def _by_key(rows: Iterable[R]) -> list[R]:
    """Rows of one model in the order in which they were saved; to sort wide rows here takes less than to ask for an order."""
    return sorted(rows, key=lambda row: row.pk)


def _chains(cases: Mapping[K, tuple[int | None, Sequence[ChainEnd]]]) -> dict[K, Chain]:
    """Chains of some automations with the given ends.

    Args:
        cases: id of the automation, None for an unsaved one, and its ends.
    """
    points = {end.point for _, ends in cases.values() for end in ends} - {NOWHERE}
    rows = ChainEnd.objects.filter(point__in=points).select_related("resource").order_by("pk")
    stored = grouped((row.point, row) for row in rows) if points else {}
    met = {key: _ends_met(*case, stored) for key, case in cases.items()}
    others = _others(cases, met) if any(met.values()) else {key: set[int]() for key in cases}
    everybody = {pk for each in others.values() for pk in each}
    unanswered, tiers = (_unanswered_points(everybody), approved_tiers(everybody)) if everybody else ({}, {})
    chains = {}
    for key, (_, ends) in cases.items():
        called = {end.point for end in ends if end.side == CALLED} | {
            row.point for row in met[key] if row.side == CALLED
        }
        leads_out = any(not called.issuperset(unanswered.get(pk, ())) for pk in others[key])
        joined = Tier.HIGH if leads_out else max((tiers.get(pk, Tier.LOW) for pk in others[key]), default=Tier.LOW)
        unknown = dict.fromkeys(end.thing for end in ends if end.side == CALLS and end.point not in called)
        chains[key] = Chain(frozenset(others[key]), tuple(_links(ends, met[key])), tuple(unknown), joined)
    return chains


def _ends_met(
    automation: int | None, ends: Iterable[ChainEnd], stored: Mapping[str, Sequence[ChainEnd]]
) -> list[ChainEnd]:
    """Stored ends of other automations that join some ends."""
    sides = grouped((end.point, end.side) for end in ends)
    met = []
    for point, own_sides in sides.items():
        rows = [row for row in stored.get(point, ()) if row.automation_id != automation]
        if rows and chain_ends.are_joined({*own_sides, *(row.side for row in rows)}):
            met += rows
    return met


def _others(
    cases: Mapping[K, tuple[int | None, Sequence[ChainEnd]]], met: Mapping[K, Sequence[ChainEnd]]
) -> dict[K, set[int]]:
    """Other automations in each chain. Members that only the automation's stored ends join are left out."""
    joined = {row.automation_id for rows in met.values() for row in rows}
    numbers = ChainMember.objects.filter(among(joined, "automation")).values("chain")
    rows = ChainMember.objects.filter(chain__in=numbers).values_list("automation", "chain")
    chain_by_member = dict(rows) if joined else {}
    members = grouped((number, pk) for pk, number in chain_by_member.items())
    is_member = any(pk in chain_by_member for pk, _ in cases.values())
    sides = grouped((row[0], row) for row in sides_of(chain_by_member)) if is_member else {}
    others = {}
    for key, (automation, ends) in cases.items():
        near = (members[chain_by_member[row.automation_id]] for row in met[key] if row.automation_id in chain_by_member)
        others[key] = set[int]().union(*near)
        if automation in others[key]:
            itself = 0  # an id that nothing in the register has
            other_sides = [row for pk in others[key] - {automation} for row in sides.get(pk, ())]
            groups = chain_ends.group_chains([*other_sides, *((itself, end.point, end.side) for end in ends)])
            others[key] = {pk for pk, chain in groups.items() if chain == groups[itself]} - {itself}
    return others


def _unanswered_points(members: Collection[int]) -> dict[int, list[str]]:
    """Points that some automations call and no automation in use answers, by automation."""
    rows = _unanswered_calls().filter(among(members, "automation")).values_list("automation", "point")
    return grouped(rows if members else ())


def _links(ends: Iterable[ChainEnd], met: Iterable[ChainEnd]) -> Iterator[Link]:
    """Links of fitting pairs of ends, each once."""
    ends_by_point, seen = grouped((end.point, end) for end in ends), set()
    for row in met:
        for end in ends_by_point.get(row.point, ()):
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
    version = "automation__approved_version"
    rows = ChainMember.objects.annotate(in_vain=Exists(_unanswered_calls().filter(automation=OuterRef("automation"))))
    rows = rows.filter(Q(in_vain=True) | Exists(neighbours)).annotate(
        judged=newest_assessment(version, "tier"), own=newest_assessment(version, JUDGED)
    )
    columns = ("automation", "chain", "automation__tier", "automation__raised_to", "judged", "own", "in_vain")
    for pk, chain, stands, raised, made, own_value, in_vain in rows.order_by().values_list(*columns):
        yield JoinedTier(pk, chain, Tier.from_word(made or stands), own_tier(own_value or stands, raised), in_vain)


def _unanswered_calls() -> QuerySet[ChainEnd]:
    """Calls that no automation in use answers."""
    called = ChainEnd.objects.filter(point=OuterRef("point"), side=CALLED)
    return ChainEnd.objects.filter(Q(point=NOWHERE) | ~Exists(called), side=CALLS).order_by()


def sides_of(members: Collection[int]) -> Iterator[tuple[int, str, str]]:
    """Automation, point and side of each end of some automations."""
    rows = ChainEnd.objects.filter(among(members, "automation")).order_by().values_list("automation", "point", "side")
    return rows.iterator(ROWS)


# --- own tiers ----------------------------------------------------------------------------------------------------------

#: Own tier of an assessment; older assessments have the resulting tier only.
JUDGED = Coalesce(KT("levels__own"), F("tier"), output_field=CharField())


def own_tier(own_tier_value: str, raised_to: str) -> Tier:
    """Assessed tier, or the tier that a person raised it to (T2)."""
    return max(Tier.from_word(own_tier_value), Tier.from_word(raised_to or "low"))


def approved_tiers(automations: Collection[int]) -> dict[int, Tier]:
    """Own tiers of the approved versions of some automations; one query, or none."""
    if not automations:
        return {}
    approved = Version.objects.filter(among(automations, "approved_for")).annotate(own=newest_assessment("pk", JUDGED))
    columns = ("approved_for", "approved_for__tier", "approved_for__raised_to", "own")
    rows = approved.order_by().values_list(*columns)
    return {pk: own_tier(own or stands, raised) for pk, stands, raised, own in rows}
