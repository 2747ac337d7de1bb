"""Access levels of the privileges in a manifest."""

from collections.abc import Mapping

from inventory.importers.manifest import QUERY_OPERATIONS, Manifest
from inventory.importers.manifest import Privilege as ManifestPrivilege
from inventory.models import Level

#: Findings of an unrecognised operation or target.
NOT_RECOGNISED = ("unrecognised", "dynamic_host")


#: Finding of a query that may do more than the importer read.
UNREAD = "unread_query"


def places_by_finding(manifest: Manifest) -> dict[str, set[str]]:
    """Places of findings by code."""
    places: dict[str, set[str]] = {}
    for finding in manifest.findings:
        places.setdefault(finding.code, set()).add(finding.at)
    return places


def is_recognised(privilege: ManifestPrivilege, places: Mapping[str, set[str]]) -> bool:
    """Whether the importer recognised an operation and its target; `places` are of `places_by_finding`."""
    return bool(privilege.instance) and not any(privilege.at in places.get(code, ()) for code in NOT_RECOGNISED)


def level_of(privilege: ManifestPrivilege, places: Mapping[str, set[str]]) -> str:
    """Level of a privilege; a read level that rests on a guess counts as unknown (I4, I8)."""
    is_known = is_recognised(privilege, places) and privilege.at not in places.get(UNREAD, ())
    return privilege.access if privilege.access != "read" or is_known else Level.UNKNOWN.value


def is_opaque(privilege: ManifestPrivilege, places: Mapping[str, set[str]]) -> bool:
    """Whether the executed code can't be judged from its text (T1), including queries built at run time."""
    is_query = privilege.access == "execute" and privilege.operation in QUERY_OPERATIONS
    return is_query or privilege.at in places.get("opaque_code", ())
