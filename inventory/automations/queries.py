"""What an automation holds at an instant of what its versions ask for: grants as lower apps see them, without approvals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from inventory.models import Automation, AutomationState, Privilege
from inventory.risk.tiers import POWER

ACTIVE, SUSPENDED = "active", "suspended"


@dataclass(frozen=True)
class Held:
    """What counts of the grant that stands for one privilege.

    Args:
        state: `ACTIVE`, or `SUSPENDED` for whatever reason.
        level: as it was approved, which may be lower than what was asked.
        scope: the same, a part of what was asked.
    """

    state: str
    level: str
    scope: tuple[str, ...]

    def level_of(self, privilege: Privilege) -> str:
        """How much of a privilege this allows (A7)."""
        return min(privilege.level, self.level, key=POWER.index)


def of(*automations: Automation, now: datetime) -> dict[int, dict[str, Held]]:
    """By automation and privilege's key what is held of it; one query.

    Nothing of an automation that is stopped is in force (G3, G5), nothing out of its term (G1, G3), and no privilege whose
    credential is not granted now (A2).
    """
    held_by_automation: dict[int, dict[str, Held]] = {automation.pk: {} for automation in automations}
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
        held = Held(ACTIVE if counts else SUSPENDED, row["grants__level"], tuple(row["grants__scope"]))
        held_by_automation[row["pk"]][row["grants__key"]] = held
    return held_by_automation
