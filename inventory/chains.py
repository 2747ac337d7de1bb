"""Chains: which automations are joined, by what, and how risky that makes each of them (A16, T2).

What is approved and in use counts: its ends and its chain are kept, and written here alone, in the transaction that changes what it is made
of. A version that somebody looks at is asked about as if it were the approved one (`would_be`): it sees the chain that it would join, and
changes nobody else's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, transaction
from django.db.models import (
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Concat, Left

from governance.controls.transitions import Step
from inventory import by_itself, chain_ends
from inventory.chain_ends import BUT, CALLED, CALLS, NOWHERE, End
from inventory.models import (
    Assessment,
    Automation,
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
from inventory.risk import Tier

#: States in which what is approved counts: what is stopped may run again, and is asked about by nobody before it does.
IN_USE = (AutomationState.LIVE, AutomationState.SUSPENDED)
#: What brings an automation into use, or another version of it, or takes it out again.
FOLLOWED = ("automation.went_live", "automation.retired")
#: Held by whoever writes chains, so that two that join each other at once see each other.
LOCK = 0x6C696E6B
#: Automations whose rows are read together.
AT_ONCE = 1_000
ROWS = 5_000
#: Characters of a point.
POINT = 64
#: What makes an end the same again, and what goes, by that, and comes of one automation's.
Key = tuple[str, str, str]
Change = tuple[dict[Key, int], list[End]]


@dataclass(frozen=True)
class Link:
    """What joins an automation with one other directly.

    Args:
        other: id of the other automation.
        kind: a `ChainKind`.
        side: what the automation does there, and `theirs` what the other does.
        thing: what they meet at, for people.
        resource: the name of the resource that it is of, or empty.
    """

    other: int
    kind: str
    side: str
    theirs: str
    thing: str = ""
    resource: str = ""


@dataclass(frozen=True)
class Chain:
    """What an automation is joined with.

    Args:
        others: ids of everything in its chain beside itself.
        links: what joins it directly.
        unknown: what it calls itself that is not in use here: how that is named, empty where only the run decides.
        leads_out: whether another in its chain calls such a thing.
    """

    others: frozenset[int] = frozenset()
    links: tuple[Link, ...] = ()
    unknown: tuple[str, ...] = ()
    leads_out: bool = False

    @cached_property
    def joined(self) -> Tier:
        """The highest tier that one of the others has by itself; of what calls something unknown it is high (A16)."""
        if not self.others:
            return Tier.LOW
        return Tier.HIGH if self.leads_out else max(by_itself.of_approved(self.others).values(), default=Tier.LOW)

    @property
    def tier(self) -> Tier:
        """What it makes of the automation: the highest in it, and high where something unknown is called (T2, A16)."""
        return Tier.HIGH if self.unknown else self.joined


# --- asking -----------------------------------------------------------------------------------------------------------


def of(automation: int) -> Chain:
    """The chain of an automation as what is approved of it stands in it; alone where nothing is in use.

    Args:
        automation: its id.
    """
    columns = ("kind", "point", "side", "thing", "resource", "credential", "identity")
    return _chain(
        automation, [End(*row) for row in ChainEnd.objects.filter(automation=automation).values_list(*columns)]
    )


def with_version(version: Version, privileges: Sequence[Privilege] | None = None) -> Chain:
    """The chain of an automation as it would be with one of its versions in the place of the approved one.

    Args:
        version: of the register.
        privileges: its own, each with its entitlement and resource, where they were read already.
    """
    automation = version.automation
    named = NonHumanIdentity.objects.filter(Q(used_by__version=version) | Q(automation=automation.pk))
    used = version.version_credentials.select_related("credential")
    rows = chain_ends.Version(
        automation,
        list(version.privileges.select_related("entitlement__resource")) if privileges is None else privileges,
        {one.credential_id: str(one.credential) for one in used},
        list(version.triggers.all()),
        dict(named.distinct().values_list("pk", "subject")),
        str(version.manifest.get("on_error", "")),
    )
    return would_be(rows)


def would_be(version: chain_ends.Version) -> Chain:
    """The chain of an automation as it would be with a version, saved or not, in the place of the approved one.

    A fixed number of queries, and one alone where nothing is met.

    Args:
        version: what it would consist of; its automation may be new.
    """
    return _chain(version.automation.pk, chain_ends.of(version))


def may_be_joined(version: str, automation: str) -> Combinable:
    """For annotating rows of a higher app: whether the chain of a version has to be asked for, identities aside.

    Args:
        version: the path from the row to the version; empty where that is the row.
        automation: to the version's automation.
    """
    meets = f"{version}__meets".removeprefix("__")
    at = Version.objects.filter(pk=OuterRef(OuterRef(version or "pk"))).order_by()
    points = at.values(point=Left(Func(F("meets"), function="unnest"), POINT))
    wanted = ExpressionWrapper(OuterRef(meets), output_field=ArrayField(CharField()))
    ends = ChainEnd.objects.filter(point__in=points).exclude(automation=OuterRef(automation)).annotate(wanted=wanted)
    fits, alike = (Concat("point", Value(f":{but}"), "side", output_field=CharField()) for but in ("", BUT))
    is_credential = Q(kind=ChainKind.CREDENTIAL)
    met = ends.filter(is_credential & ~Q(wanted__contains=[alike]) | ~is_credential & Q(wanted__contains=[fits]))
    unknown = Q((f"{meets}__isnull", True)) | Q((f"{meets}__contains", [NOWHERE]))
    return Case(When(unknown, then=Value(True)), default=Exists(met.order_by()))


def _chain(automation: int | None, ends: Collection[End]) -> Chain:
    points = {one.point for one in ends} - {NOWHERE}
    met = _met(automation, ends, points)
    others = _others(automation, ends, {row.automation_id for row in met})
    called = {one.point for one in ends if one.side == CALLED} | {row.point for row in met if row.side == CALLED}
    unknown = tuple(dict.fromkeys(one.thing for one in ends if one.side == CALLS and one.point not in called))
    leads_out = bool(others) and any(point not in called for point in _called_in_vain(others))
    return Chain(frozenset(others), tuple(_links(ends, met)), unknown, leads_out)


def _met(automation: int | None, ends: Iterable[End], points: Collection[str]) -> list[ChainEnd]:
    """The ends of others at the points where those are joined by what this one does there."""
    rows = ChainEnd.objects.filter(point__in=points).exclude(automation=automation).select_related("resource")
    found: dict[str, list[ChainEnd]] = defaultdict(list)
    for row in rows.order_by("pk") if points else ():
        found[row.point].append(row)
    own: dict[str, set[str]] = defaultdict(set)
    for one in ends:
        own[one.point].add(one.side)
    joined = (rows for point, rows in found.items() if chain_ends.meet(own[point] | {row.side for row in rows}))
    return [row for rows in joined for row in rows]


def _others(automation: int | None, ends: Iterable[End], met: Collection[int]) -> set[int]:
    """Everything in the chain beside itself. Where it stands in that now, what is joined by it alone may not be by this version."""
    if not met:
        return set()
    chains = ChainMember.objects.filter(automation__in=met).values("chain")
    members = set(ChainMember.objects.filter(chain__in=chains).values_list("automation", flat=True))
    if automation not in members:
        return members
    itself = 0  # an id that nothing in the register has
    groups = _grouped([*_sides(members - {automation}), *((itself, one.point, one.side) for one in ends)])
    return {pk for pk, chain in groups.items() if chain == groups[itself]} - {itself}


def _called_in_vain(members: Collection[int]) -> set[str]:
    """At which points some automations call what is not in use here."""
    return set(_in_vain().filter(automation__in=members).values_list("point", flat=True))


def _links(ends: Iterable[End], met: Iterable[ChainEnd]) -> Iterator[Link]:
    """Each pair of an end of its own and one of another that fit, once."""
    own: dict[str, list[End]] = defaultdict(list)
    for one in ends:
        own[one.point].append(one)
    seen = set()
    for row in met:
        for one in own[row.point]:
            link = Link(
                row.automation_id,
                row.kind if one.side == CALLED else one.kind,
                one.side,
                row.side,
                one.thing or row.thing,
                row.resource.name if row.resource is not None else "",
            )
            if link not in seen and chain_ends.meet({one.side, row.side}):
                seen.add(link)
                yield link


@dataclass(frozen=True)
class Judged:
    """How an automation in use that is joined with something was judged.

    Args:
        automation: its id.
        chain: see `ChainMember`.
        judged: the tier of the newest assessment of what is approved.
        own: the tier that it has by itself.
        calls_unknown: whether it calls something that is not in use here.
    """

    automation: int
    chain: int
    judged: Tier
    own: Tier
    calls_unknown: bool


def judged() -> Iterator[Judged]:
    """Every automation that stands in a chain with another, or calls something that is not in use here; one query."""
    beside = ChainMember.objects.filter(chain=OuterRef("chain")).exclude(automation=OuterRef("automation"))
    newest = Assessment.objects.filter(version=OuterRef("automation__approved_version")).order_by("-pk")
    rows = ChainMember.objects.annotate(in_vain=Exists(_in_vain().filter(automation=OuterRef("automation"))))
    rows = rows.filter(Q(in_vain=True) | Exists(beside)).annotate(
        judged=Subquery(newest.values("tier")[:1]), own=Subquery(newest.values(own=by_itself.JUDGED)[:1])
    )
    columns = ("automation", "chain", "automation__tier", "automation__raised_to", "judged", "own", "in_vain")
    for pk, chain, stands, raised, made, own, in_vain in rows.order_by().values_list(*columns):
        yield Judged(pk, chain, Tier.of(made or stands), by_itself.tier(own or stands, raised), in_vain)


def _in_vain() -> QuerySet[ChainEnd]:
    """Calls of what is not in use here."""
    called = ChainEnd.objects.filter(point=OuterRef("point"), side=CALLED)
    return ChainEnd.objects.filter(Q(point=NOWHERE) | ~Exists(called), side=CALLS).order_by()


# --- keeping ----------------------------------------------------------------------------------------------------------


def follow(automation: Automation, step: Step[Any]) -> None:
    """What is approved of an automation is another version now, or nothing: registered for `FOLLOWED`."""
    refresh(automation.pk)


def refresh(*automations: int) -> None:
    """Work out anew the ends of some automations, and the chains that change by it; in the transaction of what changed them.

    Nobody else's ends are read: what is called, or shared, is met by them as they are kept.

    Args:
        automations: ids, whose rows the caller has locked.
    """
    made = dict(_ends_in_use(automations))
    if _changed(automations, made):
        _one_at_a_time()
        _rewrite(_changed(automations, made))


def _changed(automations: Collection[int], made: Mapping[int, Iterable[End]]) -> dict[int, Change]:
    """Of those automations whose ends are not as they are kept, or that came into use or went out of it: what goes and what comes."""
    kept: dict[int, dict[Key, int]] = {pk: {} for pk in automations}
    for row in ChainEnd.objects.filter(automation__in=automations):
        kept[row.automation_id][row.kind, row.point, row.side] = row.pk
    members = set(ChainMember.objects.filter(automation__in=automations).values_list("automation", flat=True))
    changed = {}
    for pk in automations:
        new = {one.key: one for one in made.get(pk, ())}
        gone = {key: row for key, row in kept[pk].items() if key not in new}
        added = [one for key, one in new.items() if key not in kept[pk]]
        if gone or added or (pk in made) != (pk in members):
            changed[pk] = gone, added
    return changed


def _rewrite(changed: Mapping[int, Change]) -> None:
    points = {point for gone, _ in changed.values() for _, point, _ in gone}
    points |= {one.point for _, added in changed.values() for one in added}
    touched = set(changed) | _joined_at(points - {NOWHERE})
    ChainEnd.objects.filter(pk__in={row for gone, _ in changed.values() for row in gone.values()}).delete()
    ChainEnd.objects.bulk_create((_row(pk, one) for pk, (_, added) in changed.items() for one in added), ROWS)
    touched |= _joined_at(points - {NOWHERE})
    chains = ChainMember.objects.filter(automation__in=touched).values("chain")
    _regroup(touched | set(ChainMember.objects.filter(chain__in=chains).values_list("automation", flat=True)))


def _joined_at(points: Collection[str]) -> set[int]:
    """Those that are joined with another at one of these points, as it is kept."""
    found: dict[str, set[tuple[int, str]]] = defaultdict(set)
    rows = ChainEnd.objects.filter(point__in=points).order_by().values_list("automation", "point", "side")
    for pk, point, side in rows if points else ():
        found[point].add((pk, side))
    return {pk for rows in found.values() if chain_ends.meet({side for _, side in rows}) for pk, _ in rows}


def _regroup(members: Collection[int]) -> None:
    """Write down the chains of some automations, which hold every other that is joined with one of them."""
    in_use = Automation.objects.filter(pk__in=members, state__in=IN_USE).order_by().values_list("pk", flat=True)
    _write_members(set(in_use), _grouped(_sides(members)))
    ChainMember.objects.filter(automation__in=members).exclude(automation__state__in=IN_USE).delete()


def _write_members(in_use: Collection[int], groups: Mapping[int, int]) -> None:
    rows = [ChainMember(automation_id=pk, chain=groups.get(pk, pk)) for pk in sorted(in_use)]
    ChainMember.objects.bulk_create(
        rows, ROWS, update_conflicts=True, unique_fields=["automation"], update_fields=["chain"]
    )


def _sides(members: Collection[int]) -> Iterator[tuple[int, str, str]]:
    rows = ChainEnd.objects.filter(automation__in=members).order_by().values_list("automation", "point", "side")
    return rows.iterator(ROWS)


def _grouped(rows: Iterable[tuple[int, str, str]]) -> dict[int, int]:
    """By automation the smallest id of those that it is joined with, however many steps away.

    Args:
        rows: automation, point and side of each end.
    """
    at: dict[str, list[tuple[int, str]]] = defaultdict(list)
    first: dict[int, int] = {}
    for pk, point, side in rows:
        first[pk] = pk
        if point != NOWHERE:
            at[point].append((pk, side))

    def find(pk: int) -> int:
        while first[pk] != pk:
            first[pk] = pk = first[first[pk]]
        return pk

    for ends in at.values():
        if len(ends) > 1 and chain_ends.meet({side for _, side in ends}):
            lowest = min(find(pk) for pk, _ in ends)
            for pk, _ in ends:
                first[find(pk)] = lowest
    return {pk: find(pk) for pk in first}


def rebuild() -> int:
    """Work out all ends and chains anew, by set; returns how many automations are in use."""
    with transaction.atomic():
        _one_at_a_time()
        ChainEnd.objects.all().delete()
        in_use = list(Automation.objects.filter(state__in=IN_USE).order_by("pk").values_list("pk", flat=True))
        for begin in range(0, len(in_use), AT_ONCE):
            ends = _ends_in_use(in_use[begin : begin + AT_ONCE])
            ChainEnd.objects.bulk_create((_row(pk, one) for pk, found in ends for one in found), ROWS)
        ChainMember.objects.exclude(automation__state__in=IN_USE).delete()
        _write_members(in_use, _grouped(_sides(in_use)))
    return len(in_use)


def _one_at_a_time() -> None:
    """Hold the lock of whoever writes chains until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _row(automation: int, one: End) -> ChainEnd:
    return ChainEnd(
        automation_id=automation,
        kind=one.kind,
        point=one.point,
        side=one.side,
        thing=one.thing,
        resource_id=one.resource,
        credential_id=one.credential,
        identity_id=one.identity,
    )


def _ends_in_use(automations: Collection[int]) -> Iterator[tuple[int, list[End]]]:
    """The ends of what is approved and in use of some automations; a fixed number of queries."""
    on_error = KeyTextTransform("on_error", "approved_version__manifest")
    rows = Automation.objects.filter(pk__in=automations, state__in=IN_USE, approved_version__isnull=False)
    found = {one.approved_version_id: one for one in rows.annotate(on_error=on_error).order_by("pk")}
    if not found:
        return
    by_version: dict[str, dict[int, list[Privilege | Trigger]]] = {}
    for name, query in (
        ("privileges", Privilege.objects.select_related("entitlement__resource").order_by("pk")),
        ("triggers", Trigger.objects.order_by("pk")),
    ):
        by_version[name] = defaultdict(list)
        for each in query.filter(version__in=found):
            by_version[name][each.version_id].append(each)
    credentials: dict[int, dict[int, str]] = defaultdict(dict)
    for used in VersionCredential.objects.filter(version__in=found).select_related("credential").order_by("pk"):
        credentials[used.version_id][used.credential_id] = str(used.credential)
    identities = _identities(found)
    for pk, one in found.items():
        version = chain_ends.Version(
            one,
            by_version["privileges"][pk],
            credentials[pk],
            by_version["triggers"][pk],
            identities[one.pk],
            one.on_error or "",
        )
        yield one.pk, chain_ends.of(version)


def _identities(found: Mapping[int, Automation]) -> dict[int, dict[int, str]]:
    """By automation the identities that its approved version names, or that serve it."""
    made: dict[int, dict[int, str]] = defaultdict(dict)
    named = VersionIdentity.objects.filter(version__in=found).order_by("pk")
    for version, pk, subject in named.values_list("version", "identity", "identity__subject"):
        made[found[version].pk][pk] = subject
    serving = NonHumanIdentity.objects.filter(automation__in=[one.pk for one in found.values()]).order_by("pk")
    for automation, pk, subject in serving.values_list("automation", "pk", "subject"):
        made[automation][pk] = subject
    return made
