"""Check the access in force of an automation before a change that needs no new version (S6).

- It takes over an identity with a submission (A16, I5). It is connected at once, before any decision, to all automations
  that run as the identity.
- It moves to another team (L2).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import submission
from approvals.conflicts.check.find_conflicts import (
    Case,
    FoundConflict,
    case_of_version,
    find_conflicts,
    with_running_grants,
)
from approvals.conflicts.queries import StoredRule
from approvals.models.conflict_rule import Scope
from governance.core.access import Refusal
from governance.core.models import Team
from inventory.chains import queries as chain_queries
from inventory.models import Automation, NonHumanIdentity, Version


def conflicts_of_takeover(
    automation: Automation, identities: Collection[NonHumanIdentity], now: datetime
) -> list[FoundConflict]:
    """Return the new conflicts into which a submission would bring the access in force.

    Args:
        automation: the submitted automation.
        identities: those that it takes over.
        now: business time.
    """
    running = automation.approved_version
    if running is None or automation.state not in chain_queries.IN_USE:
        return []
    joined = chain_queries.chain_with_version(running, taken_over=[identity.pk for identity in identities]).others
    case, rules = case_in_force(running, now, joined), conflict_queries.in_force(now)
    after = _conflicts_in_chain(case, joined, now, rules)
    before = _conflicts_in_chain(case, chain_queries.chain_of(case.automation).others, now, rules) if after else {}
    return [conflict for key, conflict in after.items() if key not in before]


def case_in_force(running: Version, now: datetime, others: Collection[int] | None = None) -> Case:
    """Return the case of the version in force, as a scan counts it; ``others``: see `case_of_version`."""
    kept = list(submission.counted_grants([running.automation_id], now))
    keys = {f"{running.automation_id}/{grant.key}" for grant in kept}
    case = case_of_version(running.automation, running, others)
    helds = [held for held in with_running_grants(case, kept).things if held.entry or held.key in keys]
    return replace(case, things=helds)


def _conflicts_in_chain(
    case: Case, chain_others: Collection[int], now: datetime, rules: Sequence[StoredRule]
) -> dict[tuple[str, frozenset[str]], FoundConflict]:
    """Return the conflicts in a chain by rule and keys. The number of a chain changes with its members."""
    in_chain = replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(chain_others)})
    return {(conflict.standing.rule.code, conflict.keys): conflict for conflict in find_conflicts(in_chain, now, rules)}


def refusal(automation: Automation, team: Team, now: datetime) -> Refusal | None:
    """Return the refusal of a transfer, or None.

    Refused if an enforced rule forbids the access in that team and no waiver covers it.

    Existing conflicts count too: a transfer gives no more time, and the new lead could not approve them.

    Args:
        automation: with its approved version.
        team: the team that it would move to, or has moved to.
        now: business time.
    """
    running = automation.approved_version
    if running is None:
        return None
    held = case_in_force(running, now)
    moved = replace(held, subjects={**held.subjects, Scope.TEAM: [team.pk]})
    conflict_refusal = submission.refusal(find_conflicts(moved, now))
    if conflict_refusal is None:
        return None
    sentence = f"In {team.name} it would stand in a conflict that is refused. {conflict_refusal.sentence}"
    to_do = f"It moves once that is resolved. {conflict_refusal.to_do}"
    return replace(conflict_refusal, sentence=sentence, to_do=to_do)
