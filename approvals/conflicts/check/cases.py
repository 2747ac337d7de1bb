"""What conflict rules are asked about: an automation as it would be with a version, or with what a preview has read (S6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from approvals.conflicts import held_access
from approvals.conflicts.check.automation import Case
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import Grant, GrantState
from approvals.models.conflict import Scope
from inventory.chains import queries as chain_queries
from inventory.models import Automation, Privilege, Trigger, Version


def of_version(automation: Automation, version: Version) -> Case:
    """An automation as it would be with a version of its own; what an amendment asks of its owner counts (A12)."""
    privileges = version.privileges.select_related("entitlement__resource").order_by("pk")
    return of_read(automation, version, list(privileges))


def of_read(
    automation: Automation, version: Version, privileges: Sequence[Privilege], unvouched: Collection[str] = ()
) -> Case:
    """The same of a version whose privileges are read already; see `of_parts`."""
    identities = list(version.version_identities.values_list("identity_id", flat=True))
    chain = chain_queries.with_version(version, list(privileges)).others
    return of_parts(automation, privileges, version.triggers.all(), identities, chain, unvouched)


def with_kept(case: Case, kept: Iterable[Grant]) -> Case:
    """The same where some of it runs on as it is held: what an approver narrowed stays narrowed, and what was wider stays wider (A7, A12).

    Args:
        case: as a version asks it.
        kept: grants that run on.
    """
    known = {f"{case.automation}/{one.key}": one for one in kept}
    return replace(case, things=[_as_held(one, known.get(one.key)) for one in case.things])


def _as_held(one: Held, grant: Grant | None) -> Held:
    if grant is None:
        return one
    return replace(one, level=grant.level, suspended=grant.state == GrantState.SUSPENDED)


def of_parts(
    automation: Automation,
    privileges: Iterable[Privilege],
    triggers: Iterable[Trigger],
    identities: Collection[int],
    chain: Collection[int] = (),
    unvouched: Collection[str] = (),
) -> Case:
    """An automation as it would be with all this; nothing of it need be saved.

    Args:
        automation: as it would be.
        privileges: what it would hold, entitlements and resources read.
        triggers: what would start it.
        identities: ids of what it would run as.
        chain: ids of the others in the chain in which it would stand (A16).
        unvouched: keys of the privileges whose data class counts as not set (I8).
    """
    pk = automation.pk or 0
    things = [
        held_access.of_privilege(one, f"{pk}/{one.key}", automation.environment, is_vouched=one.key not in unvouched)
        for one in privileges
    ]
    ways_in = (one for one in triggers if one.is_open)
    things += [held_access.of_trigger(one, f"{pk}/{f'trigger:{one.type}:{one.at}'[:80]}") for one in ways_in]
    if identities:
        things.append(held_access.of_identity(pk))
    return Case(pk, things, subjects_of(automation, identities, chain))


def subjects_of(
    automation: Automation, identities: Collection[int], chain: Collection[int]
) -> dict[str, Collection[int]]:
    """Whom a rule of each scope looks at when it looks at an automation; of its chain, the others."""
    owner = automation.asked["business_owner_id"]
    return {
        Scope.OWNER: [owner] if owner else [],
        Scope.TEAM: [automation.team_id],
        Scope.IDENTITY: list(identities),
        Scope.CHAIN: sorted(chain),
    }
