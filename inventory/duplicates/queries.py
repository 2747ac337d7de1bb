"""Possible duplicates of a new automation: the same source, or four fifths of its privileges in the team (I9). Reads only.

A privilege counts by operation and target, without its connection and credential: an automation with a new credential
is still the same.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from inventory.importers import privilege_scope
from inventory.models import Automation, Privilege, Version

#: Share of the larger set of privileges that both must have (I9).
SHARE = (4, 5)
SOURCE, PRIVILEGES = "source", "privileges"


@dataclass(frozen=True)
class Duplicate:
    """Possible duplicate in the register, with the reason.

    Args:
        other: the automation, with its team.
        because: ``source`` or ``privileges``.
        same: number of common privileges, if these are the reason.
    """

    other: Automation
    because: str
    same: int = 0


def find_duplicates(automation: Automation, source: str, privileges: Sequence[Privilege]) -> list[Duplicate]:
    """Find possible duplicates, the newest first: two queries, three with a result.

    Args:
        automation: saved or not; its siblings in other environments are no duplicates (I10).
        source: digest of its source.
        privileges: all of its privileges.
    """
    shared, sources = _by_privileges(automation, privileges), _by_source(automation, source)
    if not (shared or sources):
        return []
    rows = Automation.objects.filter(pk__in={*shared, *sources}).select_related("team").order_by("-pk")
    return [Duplicate(row, SOURCE) if row.pk in sources else Duplicate(row, PRIVILEGES, shared[row.pk]) for row in rows]


def _other_automations(automation: Automation, prefix: str = "") -> Q:
    """Condition that excludes the automation and its siblings."""
    condition = ~Q((f"{prefix}pk", automation.pk)) if automation.pk is not None else Q()
    return condition & ~Q((f"{prefix}lineage", automation.lineage)) if automation.lineage is not None else condition


def _by_source(automation: Automation, source: str) -> set[int]:
    versions = Version.objects.filter(_other_automations(automation, "automation__"), source_digest=source)
    return set(versions.order_by().values_list("automation", flat=True).distinct())


def _by_privileges(automation: Automation, privileges: Sequence[Privilege]) -> dict[int, int]:
    """Number of common privileges by automation, for versions of the team with enough of them in both directions."""
    wanted = {privilege.matter for privilege in privileges}
    entitlements = {privilege.entitlement_id for privilege in privileges} - {None}
    if not entitlements:
        return {}
    part, whole = SHARE
    others = Privilege.objects.filter(_other_automations(automation, "version__automation__")).order_by()
    near = others.filter(version__automation__team=automation.team, entitlement__in=entitlements).values("version")
    enough = near.annotate(number=Count("pk")).filter(number__gte=-(-part * len(wanted) // whole)).values("version")
    columns = ("version", "version__automation", "entitlement", "target", "scope")
    matters: dict[tuple[int, int], set[str]] = defaultdict(set)
    for version, other, *what in Privilege.objects.filter(version__in=enough).order_by().values_list(*columns):
        matters[version, other].add(privilege_scope.privilege_matter(*what))
    shared = {key: len(held & wanted) for key, held in matters.items()}
    return {
        other: number
        for (version, other), number in sorted(shared.items())
        if number * whole >= max(len(wanted), len(matters[version, other])) * part
    }
