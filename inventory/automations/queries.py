"""Rows of automations for their pages, and grants that they hold at an instant. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Credential,
    Privilege,
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
