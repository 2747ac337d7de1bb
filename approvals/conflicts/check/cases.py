"""Cases for conflict checks: an automation as it would be with a version or a preview (S6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from approvals.conflicts import held_access
from approvals.conflicts.check.automation import Case
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import Grant, GrantState
from approvals.models.conflict_rule import Scope
from inventory.chains import queries as chain_queries
from inventory.models import Automation, Privilege, Trigger, Version


def case_of_version(automation: Automation, version: Version) -> Case:
    """Return the case of an automation with one of its versions.

    The access that an amendment asks of the owner is included (A12).
    """
    privileges = list(version.privileges.select_related("entitlement__resource").order_by("pk"))
    identities = list(version.version_identities.values_list("identity_id", flat=True))
    chain = chain_queries.chain_with_version(version, privileges).others
    return case_of_parts(automation, privileges, version.triggers.all(), identities, chain)


def with_running_grants(case: Case, kept: Iterable[Grant]) -> Case:
    """Return the case with running grants as they are held: narrowed stays narrowed, and wider stays wider (A7, A12).

    Args:
        case: as the version asks for it.
        kept: the grants that keep running.
    """
    grant_by_key = {f"{case.automation}/{grant.key}": grant for grant in kept}
    return replace(case, things=[_apply_grant(held, grant_by_key.get(held.key)) for held in case.things])


def _apply_grant(held: Held, grant: Grant | None) -> Held:
    if grant is None:
        return held
    return replace(held, level=grant.level, suspended=grant.state == GrantState.SUSPENDED)


def case_of_parts(
    automation: Automation,
    privileges: Iterable[Privilege],
    triggers: Iterable[Trigger],
    identities: Collection[int],
    chain: Collection[int] = (),
    unvouched: Collection[str] = (),
) -> Case:
    """Return the case of an automation with these parts. None of them need be saved.

    Args:
        automation: as it would be.
        privileges: what it would hold, with entitlements and resources loaded.
        triggers: its triggers.
        identities: ids of the identities that it would run as.
        chain: ids of the other automations in its chain (A16).
        unvouched: keys of privileges whose data class counts as unset (I8).
    """
    pk = automation.pk or 0
    helds = [
        held_access.held_by_privilege(
            privilege, f"{pk}/{privilege.key}", automation.environment, is_vouched=privilege.key not in unvouched
        )
        for privilege in privileges
    ]
    ways_in = (trigger for trigger in triggers if trigger.is_open)
    helds += [
        held_access.held_by_trigger(trigger, f"{pk}/{f'trigger:{trigger.type}:{trigger.at}'[:80]}")
        for trigger in ways_in
    ]
    if identities:
        helds.append(held_access.held_by_identity(pk))
    return Case(pk, helds, subjects_of(automation, identities, chain))


def subjects_of(
    automation: Automation, identities: Collection[int], chain: Collection[int]
) -> dict[str, Collection[int]]:
    """Return ids of an automation's subjects by scope; for its chain, the other automations."""
    owner = automation.asked["business_owner_id"]
    return {
        Scope.OWNER: [owner] if owner else [],
        Scope.TEAM: [automation.team_id],
        Scope.IDENTITY: list(identities),
        Scope.CHAIN: sorted(chain),
    }
