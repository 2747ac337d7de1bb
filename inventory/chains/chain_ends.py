"""By what a version could be joined with another automation (A16): its ends, worked out from its rows alone, saved or not. Asks no database.

Two automations are joined where both have an end at one point and what they do there fits (`meet`): one calls and the other is called, one
writes and the other reads. What is not known to be the same point is none: a whole database server or chat workspace joins nobody, nor
does what is decided at run time. Only whom something calls may not stay unknown.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from inventory.importers.addresses import path_shown
from inventory.importers.manifest import QUERY_OPERATIONS
from inventory.models import Automation, ChainKind, Level, Privilege, Trigger

#: What an automation does at a point. Of a credential the side says what it is used for, as a digest.
CALLS, CALLED, WRITES, READS, WATCHES, ACTS = "calls", "called", "writes", "reads", "watches", "acts"
#: The same over an address, of which nobody knows whether it is an automation's before one of the register answers there.
ASKS, ANSWERS = "asks", "answers"
#: The point of a call of which nobody knows whom it calls.
NOWHERE = ""

#: What is done by starting another automation; its target is that one's id.
STARTS = "workflow:execute"
#: Kinds of nodes whose target is an address at which everything is asked for, and not the thing itself.
ADDRESSES = frozenset({"graphql"})
#: Under what the platform answers what is started by an address; for trying out it has others.
ANSWERS_AT = {"webhook": "/webhook", "form": "/form"}
_ITSELF, _COMPUTED, _TOLD_APART = "{itself}", "{", "{opaque "
#: What a database takes for granted where no schema is named.
_USUAL = ("public.", "dbo.")


@dataclass(frozen=True)
class End:
    """One end; see `ChainEnd`, whose columns these are."""

    kind: str
    point: str
    side: str
    thing: str = ""
    resource: int | None = None
    credential: int | None = None
    identity: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same end again."""
        return self.kind, self.point, self.side


@dataclass(frozen=True)
class Version:
    """What of a version its ends are worked out from.

    Args:
        automation: as it is, or would be.
        privileges: each with its entitlement and that one's resource at hand.
        credentials: ids and names of those that it uses.
        triggers: what starts it.
        identities: ids and names of what it runs as, or what serves it.
        on_error: the id of what the platform starts when it fails; empty where there is none.
    """

    automation: Automation
    privileges: Iterable[Privilege] = ()
    credentials: Mapping[int, str] = field(default_factory=dict)
    triggers: Iterable[Trigger] = ()
    identities: Mapping[int, str] = field(default_factory=dict)
    on_error: str = ""


def meet(sides: Collection[str]) -> bool:
    """Whether those who do this at one point, taken together, are joined by it; they are at least two.

    Args:
        sides: what they do there.
    """
    side_set = set(sides)
    if side_set & FITS.keys():
        return any(side_set & set(FITS[side]) for side in side_set & FITS.keys())
    return len(side_set) > 1  # a credential, used for different things


def of(version: Version) -> list[End]:
    """Every end of a version, each once."""
    ends = [*_calls(version), *_stores(version), *_credentials(version)]
    ends += [
        End(ChainKind.IDENTITY, point("identity", str(pk)), ACTS, name[:300], identity=pk)
        for pk, name in version.identities.items()
    ]
    return list({end.key: end for end in reversed(ends)}.values())[::-1]


#: What another does at a point to be joined by it, by what one does there oneself; at a credential whatever is not the same.
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
#: Stands before a side that would not join.
BUT = "!"


def meets(version: Version) -> list[str]:
    """What another would have to do where to be joined with it: ``point:side``, or ``point:!side`` for whatever is not that.

    `NOWHERE` is among them where it calls something: then whether that is in use here is asked in any case.
    """
    ends = of(version)
    points = {met(end.point, side) for end in ends for side in FITS.get(end.side, (f"{BUT}{end.side}",))}
    return sorted(points | {NOWHERE for end in ends if end.side == CALLS})


def met(where: str, side: str) -> str:
    """One of `meets`."""
    return f"{where}:{side}"


def point(*parts: str) -> str:
    """What two automations meet at."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def grouped(rows: Iterable[tuple[int, str, str]]) -> dict[int, int]:
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
        if len(ends) > 1 and meet({side for _, side in ends}):
            lowest = min(find(pk) for pk, _ in ends)
            for pk, _ in ends:
                first[find(pk)] = lowest
    return {pk: find(pk) for pk in first}


# --- who calls whom ---------------------------------------------------------------------------------------------------


def _calls(version: Version) -> Iterator[End]:
    automation = version.automation
    if automation.external_id:
        yield End(ChainKind.CALL, _automation(automation, automation.external_id), CALLED, "")
    for trigger in version.triggers:
        if (path := _answers_at(trigger)) and trigger.active:
            yield End(ChainKind.CALL, _address(automation, path), ANSWERS, path[:300])
    for privilege in version.privileges:
        code, target = privilege.entitlement.code, privilege.target
        if code == STARTS and target != _ITSELF:
            yield _started(automation, target, privilege.target_name)
        elif code.startswith("request:") and (path := _addresses_called(target)):
            yield End(ChainKind.CALL, _address(automation, path), ASKS, path[:300])
    if version.on_error:
        at = _automation(automation, version.on_error)
        yield End(ChainKind.TRIGGER, at, CALLS, f"workflow {version.on_error}"[:300])


def _started(automation: Automation, target: str, name: str) -> End:
    """A call of another automation of the same platform and environment, or of one that only the run decides."""
    is_known = is_named(target)
    at = _automation(automation, target) if is_known else NOWHERE
    return End(ChainKind.CALL, at, CALLS, name or (f"workflow {target}"[:300] if is_known else ""))


def is_named(target: str) -> bool:
    """Whether the source says which automation is started; itself counts as named (A16)."""
    return target == _ITSELF or (bool(target) and _COMPUTED not in target and not target.startswith("from "))


def _automation(automation: Automation, external_id: str) -> str:
    return point("automation", automation.platform_instance, automation.environment, external_id[:160])


def _address(automation: Automation, path: str) -> str:
    """By the path alone: which host is which platform's the register does not know."""
    return point("address", automation.environment, path)


def _answers_at(trigger: Trigger) -> str:
    """The path under which a trigger is called, as a request to it is shown; empty for one that has none of its own."""
    if (prefix := ANSWERS_AT.get(trigger.type)) is None:
        return ""
    _, at, rest = trigger.detail.partition("/")  # after the methods
    path = at + rest
    if not rest or ":" in path or _is_computed(path):
        return ""
    return prefix + path if _TOLD_APART in path else path_shown(prefix + path)


def _addresses_called(target: str) -> str:
    """The path of a request from where the platform's own begins; empty for a request to anything else."""
    if _is_computed(target):
        return ""
    for prefix in ANSWERS_AT.values():
        _, at, rest = target.partition(f"{prefix}/")
        if at and rest:
            return at + rest
    return ""


def _is_computed(text: str) -> bool:
    """Whether a part of it is decided at run time; a part that is only told apart is known."""
    return _COMPUTED in text.replace(_TOLD_APART, "")


# --- who writes what another reads ------------------------------------------------------------------------------------


def _stores(version: Version) -> Iterator[End]:
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
            at = point("store", str(resource.pk), _on_platform(privilege, version.automation), _same_place(part))
            for side in sides:
                yield End(ChainKind.STORE, at, side, part, resource=resource.pk)


def _sides(privilege: Privilege, parts: int) -> tuple[str, ...]:
    """What it does to each of several parts. What is not known is both; so is a query that writes one of several, and memory."""
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
    return ()  # it runs something: whom it calls is asked where that is known


def _on_platform(privilege: Privilege, automation: Automation) -> str:
    """The installation, where what is touched is that itself: its disk and its tables are another's nowhere else."""
    platform = automation.platform_instance
    return platform if privilege.instance and privilege.instance == platform.partition(" ")[0] else ""


def _same_place(part: str) -> str:
    """One form for one thing, however it is written."""
    text = part.strip().strip("\"'`[]").casefold()
    return next((text.removeprefix(usual) for usual in _USUAL if text.startswith(usual)), text)


# --- who uses the same credential -------------------------------------------------------------------------------------


def _credentials(version: Version) -> Iterator[End]:
    """On which resources each is used, and where by an administrator. Those who use one alike are not joined by it.

    The one credential of a server is that server's door: behind it they meet where they touch the same, as by any other. Who uses it
    elsewhere too is somebody there, and so is everybody who holds it.
    """
    uses: dict[int, set[str]] = {pk: set() for pk in version.credentials}
    for privilege in version.privileges:
        if privilege.credential_id in uses:
            administers = privilege.counted_level == Level.ADMIN
            uses[privilege.credential_id].add(
                f"{privilege.entitlement.resource_id}{' administered' if administers else ''}"
            )
    for pk, used in uses.items():
        side = point("used for", *sorted(used))
        yield End(
            ChainKind.CREDENTIAL, point("credential", str(pk)), side, version.credentials[pk][:300], credential=pk
        )
