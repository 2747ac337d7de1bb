"""Levels of the privileges in a manifest; those of a stored version as a newer importer reads it, with findings (I2).

The rows of a version never change: they are the approved request. If the source touches more than that, the next import
makes another version with its own submission. An approved version gets findings, so that its review sees them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inventory.importers import sentences
from inventory.importers.manifest import QUERY_OPERATIONS, Manifest, binding_key, privilege_key
from inventory.importers.manifest import Privilege as Read
from inventory.models import Level, Privilege
from inventory.risk.levels import POWER, higher_level

#: Findings of an unrecognised operation or target.
NOT_RECOGNISED = ("unrecognised", "dynamic_host")
#: Finding of a query that may do more than the importer read.
UNREAD = "unread_query"
#: Finding that the source touches more than was requested.
FOUND_MORE = "found_more"
_FIRST_NAMED = 6


def places_by_finding(manifest: Manifest) -> dict[str, set[str]]:
    """Places of findings by code."""
    places: dict[str, set[str]] = {}
    for finding in manifest.findings:
        places.setdefault(finding.code, set()).add(finding.at)
    return places


def is_recognised(privilege: Read, places: Mapping[str, set[str]]) -> bool:
    """Whether the importer recognised an operation and its target; `places` are of `places_by_finding`."""
    return bool(privilege.instance) and not any(privilege.at in places.get(code, ()) for code in NOT_RECOGNISED)


def level_of(privilege: Read, places: Mapping[str, set[str]]) -> str:
    """Level of a privilege; a read level that rests on a guess counts as unknown (I4, I8)."""
    is_known = is_recognised(privilege, places) and privilege.at not in places.get(UNREAD, ())
    return privilege.access if privilege.access != "read" or is_known else Level.UNKNOWN.value


def is_opaque(privilege: Read, places: Mapping[str, set[str]]) -> bool:
    """Whether the executed code can't be judged from its text (T1), including queries built at run time."""
    is_query = privilege.access == "execute" and privilege.operation in QUERY_OPERATIONS
    return is_query or privilege.at in places.get("opaque_code", ())


@dataclass(frozen=True)
class _Reading:
    """One privilege of the new reading, with its key and level in the register."""

    privilege: Read
    key: str
    level: str
    is_opaque: bool

    @property
    def parts(self) -> list[str]:
        """Parts of its target, for example the tables of a query."""
        parts = sentences.scope_of(self.privilege.connector, self.privilege.target, self.privilege.scope)[1]
        return parts or [part for part in (self.privilege.target,) if part]


def apply_new_reading(privileges: Sequence[Privilege], manifest: Manifest) -> list[dict[str, str]]:
    """Set levels and opacity of a version's privileges from a newer reading, in memory only.

    Within one version a connection opens one resource, and levels count as in `resolution`. The highest level of
    several places counts, and an unrecognised read counts as unknown (I4, I8). A privilege with a new key is matched by
    its connection and places.

    Args:
        privileges: of the version, each with its entitlement.
        manifest: new reading of the same source.

    Returns:
        Findings, in the form of `findings.findings_of_manifest`: access that was not requested.
    """
    readings = _readings(privileges, manifest)
    findings: list[dict[str, str]] = []
    for privilege in privileges:
        same_key = [reading for reading in readings if reading.key == privilege.key]
        otherwise = [] if same_key else [reading for reading in readings if _is_at_place(privilege, reading.privilege)]
        if same_key or otherwise:
            privilege.opaque = any(reading.is_opaque for reading in same_key or otherwise)
        if same_key:
            privilege.level = _highest(same_key)
        elif otherwise:
            findings += _findings_of_changes(privilege, otherwise)
    return findings


def _readings(privileges: Iterable[Privilege], manifest: Manifest) -> list[_Reading]:
    resources = {(p.connector, p.instance): str(p.entitlement.resource_id) for p in privileges}
    places = places_by_finding(manifest)
    return [
        _Reading(
            privilege,
            privilege_key(privilege, resource),
            level_of(privilege, places),
            is_opaque(privilege, places),
        )
        for privilege in manifest.privileges
        if (resource := resources.get(binding_key(privilege))) is not None
    ]


def _is_at_place(privilege: Privilege, read: Read) -> bool:
    return read.at[:300] in privilege.at and binding_key(read) == (privilege.connector, privilege.instance)


def _highest(readings: Iterable[_Reading]) -> str:
    return max((reading.level for reading in readings), key=POWER.index)


def _findings_of_changes(privilege: Privilege, readings: Sequence[_Reading]) -> list[dict[str, str]]:
    """Set a privilege's level from the readings at its places; return findings for access that was not requested."""
    before, level = privilege.level, _highest(readings)
    privilege.level = level
    parts_asked = {*privilege.scope, privilege.target}
    more = list(dict.fromkeys(part for reading in readings for part in reading.parts if part not in parts_asked))
    if more:
        more_text = f" and {len(more) - _FIRST_NAMED} more" if len(more) > _FIRST_NAMED else ""
        detail = f"Read better, the same source touches more than was asked about: {', '.join(more[:_FIRST_NAMED])}{more_text}"
    elif higher_level(before, level) != before:
        detail = "Read better, the same source does more than was asked about"
    else:
        return []
    place = ", ".join(privilege.at)[:400]
    return [{"code": FOUND_MORE, "place": place, "severity": "high", "detail": detail[:400], "fingerprint": ""}]
