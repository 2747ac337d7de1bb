"""What a newer importer makes of a version that is stored: levels that were inferred, and whatever it finds beside (I2).

A version's own rows never change: they are what was asked. Where the same source turns out to touch more than that, the version as it is
brought in again is another one, which is asked; and what runs is told of here, so that its review looks at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inventory.importers import sentences
from inventory.importers.manifest import Manifest, binding_key, privilege_key
from inventory.importers.manifest import Privilege as Read
from inventory.models import Privilege
from inventory.versions import privilege_levels

#: The finding that says that the same source touches more than was asked about.
FOUND_MORE = "found_more"
_FIRST_NAMED = 6


@dataclass(frozen=True)
class _Reading:
    """One privilege as it is read now, with its key and level in the register."""

    said: Read
    key: str
    level: str
    is_opaque: bool

    @property
    def parts(self) -> list[str]:
        """What it is held on: the tables of a query, say."""
        parts = sentences.scope_of(self.said.connector, self.said.target, self.said.scope)[1]
        return parts or [part for part in (self.said.target,) if part]


def take_over(privileges: Sequence[Privilege], manifest: Manifest) -> list[dict[str, str]]:
    """Give a version's privileges the levels that a newer reading inferred, and whether they are opaque, in memory alone.

    A connection opens one resource within one version, and levels count as they do in `resolution`: of several places the
    highest, and none is taken for reading only that was not recognised (I4, I8). What is read otherwise than it is stored is known again
    by its connection and its places.

    Args:
        privileges: of the version, each with its entitlement.
        manifest: the same source as it is read now.

    Returns:
        Findings, as `findings.from_manifest` has them: what is touched now and was not asked about.
    """
    readings = _readings(privileges, manifest)
    found: list[dict[str, str]] = []
    for privilege in privileges:
        own = [one for one in readings if one.key == privilege.key]
        otherwise = [] if own else [one for one in readings if _is_at(privilege, one.said)]
        if own or otherwise:
            privilege.opaque = any(one.is_opaque for one in own or otherwise)
        if own:
            privilege.level = _highest(own)
        elif otherwise:
            found += _otherwise(privilege, otherwise)
    return found


def _readings(privileges: Iterable[Privilege], manifest: Manifest) -> list[_Reading]:
    resources = {(p.connector, p.instance): str(p.entitlement.resource_id) for p in privileges}
    places = privilege_levels.places_by_finding(manifest)
    return [
        _Reading(
            said,
            privilege_key(said, resource),
            privilege_levels.level_of(said, places),
            privilege_levels.is_opaque(said, places),
        )
        for said in manifest.privileges
        if (resource := resources.get(binding_key(said))) is not None
    ]


def _is_at(privilege: Privilege, said: Read) -> bool:
    return said.at[:300] in privilege.at and binding_key(said) == (privilege.connector, privilege.instance)


def _highest(readings: Sequence[_Reading]) -> str:
    level = readings[0].level
    for one in readings[1:]:
        level = privilege_levels.higher(level, one.level)
    return level


def _otherwise(privilege: Privilege, readings: Sequence[_Reading]) -> list[dict[str, str]]:
    """Take over what is read in the places of a privilege; what it touches beside what was asked is found."""
    before, level = privilege.level, _highest(readings)
    privilege.level = level
    asked = {*privilege.scope, privilege.target}
    more = list(dict.fromkeys(part for one in readings for part in one.parts if part not in asked))
    if more:
        rest = f" and {len(more) - _FIRST_NAMED} more" if len(more) > _FIRST_NAMED else ""
        detail = (
            f"Read better, the same source touches more than was asked about: {', '.join(more[:_FIRST_NAMED])}{rest}"
        )
    elif privilege_levels.higher(before, level) != before:
        detail = "Read better, the same source does more than was asked about"
    else:
        return []
    place = ", ".join(privilege.at)[:400]
    return [{"code": FOUND_MORE, "place": place, "severity": "high", "detail": detail[:400], "fingerprint": ""}]
