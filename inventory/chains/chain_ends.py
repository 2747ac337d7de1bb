"""Ends by which a version can be joined with another automation (A16), computed from saved or unsaved rows. No database
access.

Two automations are joined if both have an end at one point and their sides fit (`are_joined`): a call and its target, or a
write and a read. A point must be certain. A whole database server, a chat workspace or a value chosen at run time joins
no automations. Only the target of a call counts while unknown.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from inventory.importers.addresses import path_shown
from inventory.importers.manifest import QUERY_OPERATIONS
from inventory.models import Automation, ChainEnd, ChainKind, Credential, Level, NonHumanIdentity, Privilege, Trigger

#: Side of an automation at a point. For a credential, the side is a digest of its use.
CALLS, CALLED, WRITES, READS, WATCHES, ACTS = "calls", "called", "writes", "reads", "watches", "acts"
#: A call over an address. The address belongs to an automation only if one in the register answers there.
ASKS, ANSWERS = "asks", "answers"
#: Point of a call whose target is unknown.
NOWHERE = ""

#: Operations that start another automation; their target is its id.
STARTS = "workflow:execute"
#: Node types whose target is an address for every request, not the called automation.
ADDRESSES = frozenset({"graphql"})
#: Path prefixes for addresses that start an automation; others serve tests only.
ANSWERS_AT = {"webhook": "/webhook", "form": "/form"}
_ITSELF, _COMPUTED, _TOLD_APART = "{itself}", "{", "{opaque "
#: Schemas that a database assumes if a query names none.
_USUAL = ("public.", "dbo.")


@dataclass(frozen=True)
class VersionParts:
    """Parts of a version from which its ends are computed.

    Args:
        automation: saved or unsaved.
        privileges: each with its entitlement and resource loaded.
        credentials, identities: those that it uses or runs as; unsaved ones join nothing.
        triggers: its triggers.
        on_error: id of the automation that the platform starts on an error; empty without one.
    """

    automation: Automation
    privileges: Iterable[Privilege] = ()
    credentials: Iterable[Credential] = ()
    triggers: Iterable[Trigger] = ()
    identities: Iterable[NonHumanIdentity] = ()
    on_error: str = ""


def are_joined(sides: Collection[str]) -> bool:
    """Whether two or more automations with these sides at one point are joined.

    Args:
        sides: their sides at the point.
    """
    side_set = set(sides)
    if side_set & FITS.keys():
        return any(side_set & set(FITS[side]) for side in side_set & FITS.keys())
    return len(side_set) > 1  # a credential, used for different things


def ends_of(version: VersionParts) -> list[ChainEnd]:
    """Return every end of a version, each once and unsaved."""
    ends = [*_calls(version), *_stores(version), *_credentials(version)]
    ends += [
        _end(ChainKind.IDENTITY, point_key("identity", str(each.pk)), ACTS, each.subject, identity_id=each.pk)
        for each in version.identities
        if each.pk is not None
    ]
    for end in ends:
        end.automation = version.automation
    return list({end.key: end for end in reversed(ends)}.values())[::-1]


def _end(kind: str, point: str, side: str, thing: str = "", **of: Any) -> ChainEnd:
    return ChainEnd(kind=kind, point=point, side=side, thing=thing[:300], **of)


#: Sides of another automation that fit a side; for a credential, any other digest.
FITS = MappingProxyType(
    {
        CALLS: (CALLED,),
        CALLED: (CALLS,),
        ASKS: (ANSWERS,),
        ANSWERS: (ASKS,),
        WRITES: (READS, WATCHES),
        READS: (WRITES,),
        WATCHES: (WRITES,),
        ACTS: (ACTS,),
    }
)
#: Prefix of a side that does not fit.
BUT = "!"


def meeting_points(version: VersionParts) -> list[str]:
    """Points and sides that would join another automation: ``point:side``, or ``point:!side`` for any other side.

    A version with a call contains `NOWHERE`: its chain is always looked up.
    """
    ends = ends_of(version)
    points = {f"{end.point}:{side}" for end in ends for side in FITS.get(end.side, (f"{BUT}{end.side}",))}
    return sorted(points | {NOWHERE for end in ends if end.side == CALLS})


def point_key(*parts: str) -> str:
    """Key of a point."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def group_chains(rows: Iterable[tuple[int, str, str]]) -> dict[int, int]:
    """Group automations that are joined directly or through others; returns the smallest id of the group by automation.

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
        if len(ends) > 1 and are_joined({side for _, side in ends}):
            lowest = min(find(pk) for pk, _ in ends)
            for pk, _ in ends:
                first[find(pk)] = lowest
    return {pk: find(pk) for pk in first}


# --- calls of other automations ------------------------------------------------------------------------------------------


def _calls(version: VersionParts) -> Iterator[ChainEnd]:
    automation = version.automation
    if automation.external_id:
        yield _end(ChainKind.CALL, _automation(automation, automation.external_id), CALLED)
    for trigger in version.triggers:
        if (path := _answers_at(trigger)) and trigger.active:
            yield _end(ChainKind.CALL, _address(automation, path), ANSWERS, path)
    for privilege in version.privileges:
        code, target = privilege.entitlement.code, privilege.target
        if code == STARTS and target != _ITSELF:
            yield _started(automation, target, privilege.target_name)
        elif code.startswith("request:") and (path := _addresses_called(target)):
            yield _end(ChainKind.CALL, _address(automation, path), ASKS, path)
    if version.on_error:
        at = _automation(automation, version.on_error)
        yield _end(ChainKind.TRIGGER, at, CALLS, f"workflow {version.on_error}")


def _started(automation: Automation, target: str, name: str) -> ChainEnd:
    """Call of another automation on the same platform and environment, or of one chosen at run time."""
    is_known = is_named(target)
    at = _automation(automation, target) if is_known else NOWHERE
    return _end(ChainKind.CALL, at, CALLS, name or (f"workflow {target}" if is_known else ""))


def is_named(target: str) -> bool:
    """Whether the source names the started automation; the automation itself counts as named (A16)."""
    return target == _ITSELF or (bool(target) and _COMPUTED not in target and not target.startswith("from "))


def _automation(automation: Automation, external_id: str) -> str:
    return point_key("automation", automation.platform_instance, automation.environment, external_id[:160])


def _address(automation: Automation, path: str) -> str:
    """Point of an address, by its path only: the register does not know the hosts of platforms."""
    return point_key("address", automation.environment, path)


def _answers_at(trigger: Trigger) -> str:
    """Path that calls a trigger, as a request shows it; empty without an own path."""
    if (prefix := ANSWERS_AT.get(trigger.type)) is None:
        return ""
    _, at, rest = trigger.detail.partition("/")  # after the methods
    path = at + rest
    if not rest or ":" in path or _is_computed(path):
        return ""
    return prefix + path if _TOLD_APART in path else path_shown(prefix + path)


def _addresses_called(target: str) -> str:
    """Path of a request from the platform's prefix on; empty for a request to another service."""
    if _is_computed(target):
        return ""
    for prefix in ANSWERS_AT.values():
        _, at, rest = target.partition(f"{prefix}/")
        if at and rest:
            return at + rest
    return ""


def _is_computed(text: str) -> bool:
    """Whether a part is decided at run time; a suffix that only distinguishes nodes does not count."""
    return _COMPUTED in text.replace(_TOLD_APART, "")


# --- data that another automation reads ------------------------------------------------------------------------------------


def _stores(version: VersionParts) -> Iterator[ChainEnd]:
    for privilege in version.privileges:
        resource = privilege.entitlement.resource
        if (
            resource.pk is None
            or resource.unresolved
            or privilege.entitlement.code == STARTS
            or privilege.connector in ADDRESSES
        ):
            continue
        parts = [part for part in privilege.scope if privilege.target and not _is_computed(part)]
        sides = _sides(privilege, len(parts))
        for part in parts:
            at = point_key("store", str(resource.pk), _on_platform(privilege, version.automation), _same_place(part))
            for side in sides:
                yield _end(ChainKind.STORE, at, side, part, resource_id=resource.pk)


def _sides(privilege: Privilege, parts: int) -> tuple[str, ...]:
    """Sides of a privilege for each of its parts. An unknown level reads and writes, as do memory and a query that writes
    one of several tables.
    """
    operation = privilege.entitlement.code.rpartition(":")[2].partition("/")[0]
    levels = {privilege.level, privilege.entitlement.level}
    if privilege.entitlement.code.startswith("memory:"):
        return WRITES, READS
    if (
        Level.ADMIN in levels
        or levels == {Level.UNKNOWN}
        or (Level.EXECUTE in levels and operation in QUERY_OPERATIONS)
    ):
        return WRITES, READS
    if Level.WRITE in levels:
        also_reads = Level.READ in levels or (parts > 1 and operation in QUERY_OPERATIONS)
        return (WRITES, READS) if also_reads else (WRITES,)
    if Level.READ in levels:
        return (WATCHES,) if operation == "watch" else (READS,)
    return ()  # it runs another automation: the call has its own end


def _on_platform(privilege: Privilege, automation: Automation) -> str:
    """Platform instance as a part of the point, for the platform's own disk and tables."""
    platform = automation.platform_instance
    return platform if privilege.instance and privilege.instance == platform.partition(" ")[0] else ""


def _same_place(part: str) -> str:
    """Normal form of one part of a target."""
    text = part.strip().strip("\"'`[]").casefold()
    return next((text.removeprefix(usual) for usual in _USUAL if text.startswith(usual)), text)


# --- shared credentials -------------------------------------------------------------------------------------


def _credentials(version: VersionParts) -> Iterator[ChainEnd]:
    """Ends of credentials: the resources where each is used, and by an administrator or not. Equal uses do not join
    automations.

    The only credential of a server is the entry to that server: automations meet at the parts behind it. Any other use
    of it joins the automations that hold it.
    """
    names = {credential.pk: str(credential) for credential in version.credentials if credential.pk is not None}
    uses: dict[int, set[str]] = {pk: set() for pk in names}
    for privilege in version.privileges:
        if privilege.credential_id in uses:
            administered = " administered" if privilege.counted_level == Level.ADMIN else ""
            uses[privilege.credential_id].add(f"{privilege.entitlement.resource_id}{administered}")
    for pk, used in uses.items():
        side = point_key("used for", *sorted(used))
        yield _end(ChainKind.CREDENTIAL, point_key("credential", str(pk)), side, names[pk], credential_id=pk)
