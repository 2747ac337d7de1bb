"""What conflict rules are asked about: an automation as it would be with a version, or with what a preview has read (S6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from approvals.conflicts import holding
from approvals.conflicts.finding import Case
from approvals.models.conflict import Scope
from inventory.models import Automation, Privilege, Trigger, Version

#: Of something that is held under a key: by which level it is held where an approver left less than was asked (A7).
Levels = Mapping[str, str]


def of_version(
    automation: Automation, version: Version, *, without: Collection[str] = (), levels: Levels = MappingProxyType({})
) -> Case:
    """An automation as it would be with a version of its own.

    Args:
        automation: as it stands; what an amendment asks of its owner counts (A12).
        version: saved.
        without: keys of privileges that it would not hold, because they were refused.
        levels: what was narrowed.
    """
    privileges = version.privileges.select_related("entitlement__resource").order_by("pk")
    identities = list(version.version_identities.values_list("identity_id", flat=True))
    held = [one for one in privileges if one.key not in without]
    return of_parts(automation, held, version.triggers.all(), identities, levels=levels)


def of_parts(
    automation: Automation,
    privileges: Iterable[Privilege],
    triggers: Iterable[Trigger],
    identities: Collection[int],
    *,
    levels: Levels = MappingProxyType({}),
) -> Case:
    """An automation as it would be with all this; nothing of it need be saved.

    Args:
        automation: as it would be.
        privileges: what it would hold, entitlements and resources read.
        triggers: what would start it.
        identities: ids of what it would run as.
        levels: what was narrowed.
    """
    pk = automation.pk or 0
    things = [
        holding.of_privilege(one, f"{pk}/{one.key}", automation.environment, levels.get(one.key, "")) for one in privileges
    ]
    ways_in = (one for one in triggers if one.is_open)
    things += [holding.of_trigger(one, f"{pk}/{f'trigger:{one.type}:{one.at}'[:80]}") for one in ways_in]
    return Case(pk, things, subjects_of(automation, identities))


def subjects_of(automation: Automation, identities: Collection[int]) -> dict[str, Collection[int]]:
    """Whom a rule of each scope looks at when it looks at an automation."""
    owner = automation.asked["business_owner_id"]
    return {
        Scope.OWNER: [owner] if owner else [],
        Scope.TEAM: [automation.team_id],
        Scope.IDENTITY: list(identities),
    }
