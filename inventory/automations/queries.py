"""Rows of automations for their pages, and grants that they hold at an instant. Reads only."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery

from governance.core.database.querysets import with_columns
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Credential,
    DataClass,
    Privilege,
    Version,
    VersionCredential,
)
from inventory.risk.levels import POWER

ACTIVE, SUSPENDED = "active", "suspended"


@dataclass(frozen=True)
class GrantState:
    """State of the grant of one privilege.

    Args:
        state: `ACTIVE` or `SUSPENDED`.
        level: approved level; it may be lower than the requested one.
        scope: approved scope; it may be a part of the requested one.
    """

    state: str
    level: str
    scope: tuple[str, ...]

    def level_of(self, privilege: Privilege) -> str:
        """Level of a privilege that the grant allows (A7)."""
        return min(privilege.level, self.level, key=POWER.index)


def grants_of(*automations: Automation, now: datetime) -> dict[int, dict[str, GrantState]]:
    """Grants by automation and privilege key; one query.

    A stopped automation holds no grant in force (G3, G5). Grants count within their term (G1, G3) and with a granted
    credential (A2).
    """
    held_by_automation: dict[int, dict[str, GrantState]] = {automation.pk: {} for automation in automations}
    running = {automation.pk for automation in automations if automation.state != AutomationState.SUSPENDED}
    approved = [automation.pk for automation in automations if automation.approved_version_id is not None]
    if not approved:
        return held_by_automation
    standing = Automation.objects.filter(pk__in=approved, grants__state__in=(ACTIVE, SUSPENDED)).order_by()
    columns = ("key", "state", "kind", "credential", "level", "scope", "begins_at", "ends_at")
    rows = list(standing.values("pk", *(f"grants__{name}" for name in columns)))
    for row in rows:
        in_term = row["grants__begins_at"] <= now < row["grants__ends_at"]
        row["counts"] = row["grants__state"] == ACTIVE and in_term and row["pk"] in running
    secrets = {(r["pk"], r["grants__credential"]) for r in rows if r["counts"] and r["grants__kind"] == "credential"}
    for row in rows:
        needed = row["grants__credential"] if row["grants__kind"] == "privilege" else None
        counts = row["counts"] and (needed is None or (row["pk"], needed) in secrets)
        held = GrantState(ACTIVE if counts else SUSPENDED, row["grants__level"], tuple(row["grants__scope"]))
        held_by_automation[row["pk"]][row["grants__key"]] = held
    return held_by_automation


#: Row of the list of automations: with its team; name of its business owner or interim owner, empty without one; names of the
#: resources that its approved or newest version uses; highest data class there; number of its grants; first end of one.
AutomationRow = tuple[Automation, str, Sequence[str], str, int, datetime | None]


#: What the list of automations shows, and what says who answers for one.
LIST_COLUMNS = (
    *("name", "kind", "environment", "state", "tier", "approved_version", "team__name"),
    *("business_owner__name", "business_owner__is_active", "business_owner__left_at"),
    *("interim__state", "interim__until", "interim__automation"),
    *("interim__person__name", "interim__person__is_active", "interim__person__left_at"),
)


def with_newest_version(rows: QuerySet[Automation]) -> QuerySet[Any]:
    """Automations with the key of their newest version, and the columns of `automation_rows`."""
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number").values("pk")[:1]
    return with_columns(rows.annotate(newest_version=Subquery(newest)), LIST_COLUMNS)


def automation_rows(automations: Sequence[Any], now: datetime) -> list[AutomationRow]:
    """Rows of some automations of `with_newest_version`; two queries."""
    shown = {automation.pk: automation.approved_version_id or automation.newest_version for automation in automations}
    names, classes = _resources_of([version for version in shown.values() if version is not None])
    standing = ~Q(grants__state="ended")
    counted = Automation.objects.filter(pk__in=shown).order_by()
    counted = counted.annotate(held=Count("grants", filter=standing), first=Min("grants__ends_at", filter=standing))
    grants = {pk: (held, first) for pk, held, first in counted.values_list("pk", "held", "first")}
    return [
        (
            automation,
            "" if automation.is_ownerless(now) else automation.accepting(now).name,
            list(names[shown[automation.pk]]),
            classes.get(shown[automation.pk], ""),
            *grants[automation.pk],
        )
        for automation in automations
    ]


def _resources_of(versions: Sequence[int]) -> tuple[dict[int, dict[str, None]], dict[int, str]]:
    """Resource names and highest data class by version; one query."""
    names: dict[int, dict[str, None]] = defaultdict(dict)
    classes: dict[int, str] = {}
    resource, by_class = "entitlement__resource__", DataClass.values.index
    columns = ("version_id", f"{resource}name", f"{resource}data_class", "entitlement__data_class")
    rows = Privilege.objects.filter(version__in=versions).order_by("pk").values_list(*columns)
    for version, name, of_resource, of_entitlement in rows:
        names[version][name] = None
        found = (classes.get(version, ""), of_resource or DataClass.RESTRICTED.value, of_entitlement)
        classes[version] = max(filter(None, found), key=by_class)
    return names, classes


def privilege_rows(privileges: Sequence[Privilege], assessment: Assessment | None) -> list[tuple[Privilege, str, str]]:
    """Privileges of an assessed version, each with the level and tier of its assessment; high without an assessment."""
    levels = assessment.levels["privileges"] if assessment else {}
    judged = [(privilege, levels.get(privilege.key, {})) for privilege in privileges]
    return [(p, each.get("level", p.level), each.get("tier", "high")) for p, each in judged]


def credential_rows(
    used: Sequence[VersionCredential], assessment: Assessment | None
) -> list[tuple[Credential, Sequence[str], str]]:
    """Credentials of an assessed version, each with its places and the tier of its assessment; high without one."""
    levels = assessment.levels["credentials"] if assessment else {}
    return [(row.credential, row.at, levels.get(str(row.credential_id), {}).get("tier", "high")) for row in used]
