"""Possible duplicates of a new automation: the same source, or four fifths of its privileges in the team (I9). Reads only.

A privilege counts by operation and target, without its connection and credential: an automation with a new credential
is still the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from governance.core.models import Team
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


@dataclass(frozen=True)
class Candidate:
    """Saved or unsaved automation to compare.

    Args:
        team: its team.
        pk: of the automation; None for a new one.
        lineage: of the automation; siblings in other environments are no duplicates (I10).
        source: digest of its source.
        privileges: all of its privileges.
    """

    team: Team
    pk: int | None
    lineage: UUID | None
    source: str
    privileges: Sequence[Privilege]


def find_duplicates(case: Candidate) -> list[Duplicate]:
    """Find possible duplicates, the newest first: two queries, three with a result."""
    shared, sources = _by_privileges(case), _by_source(case)
    if not (shared or sources):
        return []
    rows = Automation.objects.filter(pk__in={*shared, *sources}).select_related("team").order_by("-pk")
    return [Duplicate(row, SOURCE) if row.pk in sources else Duplicate(row, PRIVILEGES, shared[row.pk]) for row in rows]


def _other_automations(case: Candidate, prefix: str = "") -> Q:
    """Condition that excludes the automation and its siblings."""
    condition = Q()
    if case.pk is not None:
        condition &= ~Q((f"{prefix}pk", case.pk))
    if case.lineage is not None:
        condition &= ~Q((f"{prefix}lineage", case.lineage))
    return condition


def _by_source(case: Candidate) -> set[int]:
    versions = Version.objects.filter(_other_automations(case, "automation__"), source_digest=case.source)
    return set(versions.order_by().values_list("automation", flat=True).distinct())


def _by_privileges(case: Candidate) -> dict[int, int]:
    """Number of common privileges by automation, for versions of the team with enough of them in both directions."""
    wanted = {privilege.matter for privilege in case.privileges}
    entitlements = {privilege.entitlement_id for privilege in case.privileges} - {None}
    if not entitlements:
        return {}
    part, whole = SHARE
    others = Privilege.objects.filter(_other_automations(case, "version__automation__")).order_by()
    near = others.filter(version__automation__team=case.team, entitlement__in=entitlements).values("version")
    enough = near.annotate(number=Count("pk")).filter(number__gte=-(-part * len(wanted) // whole)).values("version")
    columns = ("version", "version__automation", "entitlement", "target", "scope")
    matters: dict[tuple[int, int], set[str]] = defaultdict(set)
    for version, automation, *what in Privilege.objects.filter(version__in=enough).order_by().values_list(*columns):
        matters[version, automation].add(privilege_scope.privilege_matter(*what))
    shared = {key: len(held & wanted) for key, held in matters.items()}
    return {
        automation: number
        for (version, automation), number in sorted(shared.items())
        if number * whole >= max(len(wanted), len(matters[version, automation])) * part
    }
