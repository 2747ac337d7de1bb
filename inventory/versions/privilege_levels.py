"""The access level of each privilege that a version names."""

from __future__ import annotations

from collections.abc import Mapping

from inventory.importers.manifest import QUERY_OPERATIONS, Manifest
from inventory.importers.manifest import Privilege as ManifestPrivilege
from inventory.models import Level
from inventory.risk import tiers

#: Findings that say: what this touches was not recognised.
NOT_RECOGNISED = ("unrecognised", "dynamic_host")


#: The finding that says: a query may do more than was read of it.
UNREAD = "unread_query"


def places_by_finding(manifest: Manifest) -> dict[str, set[str]]:
    """Where in the source each finding stands, by its code."""
    places: dict[str, set[str]] = {}
    for finding in manifest.findings:
        places.setdefault(finding.code, set()).add(finding.at)
    return places


def is_recognised(privilege: ManifestPrivilege, places: Mapping[str, set[str]]) -> bool:
    """Whether the importer knew what something is and whom it talks to; `places` are of `places_by_finding`."""
    return bool(privilege.instance) and not any(privilege.at in places.get(code, ()) for code in NOT_RECOGNISED)


def level_of(privilege: ManifestPrivilege, places: Mapping[str, set[str]]) -> str:
    """The level that was read; that something only reads which nobody knows, or read to its end, is a guess: not known (I4, I8)."""
    is_known = is_recognised(privilege, places) and privilege.at not in places.get(UNREAD, ())
    return privilege.access if privilege.access != "read" or is_known else Level.UNKNOWN.value


def is_opaque(privilege: ManifestPrivilege, places: Mapping[str, set[str]]) -> bool:
    """Whether what it runs can't be judged from its text (T1): such code, or a query that is put together at run time."""
    is_query = privilege.access == "execute" and privilege.operation in QUERY_OPERATIONS
    return is_query or privilege.at in places.get("opaque_code", ())


def higher(level: str, other: str) -> str:
    """The level that counts where two were read of one privilege; unknown stands between read and write (I4)."""
    return max(level, other, key=tiers.POWER.index)
