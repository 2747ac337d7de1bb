"""Check the access in force of an automation before a change that needs no new version (S6).

- It takes over an identity with a submission (A16, I5). It is connected at once, before any decision, to all automations
  that run as the identity.
- It moves to another team (L2).
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from approvals.conflicts.check import submission
from approvals.conflicts.check.find_conflicts import (
    Case,
    FoundConflict,
    case_of_version,
    find_conflicts,
    with_running_grants,
)
from approvals.models.conflict_rule import Scope
from governance.core.access import Refusal, refuse
from governance.core.models import Team
from inventory.chains import queries as chain_queries
from inventory.imports.transitions import write_version
from inventory.models import Automation, Version


def check_takeover(version: Version, now: datetime) -> None:
    """Refuse a submission that would bring access in force into a new conflict of an enforced rule.

    Takes the lock for putting access in force, before the lock of chains, as all code does.

    Args:
        version: the submitted version; its automation's row is locked.
        now: business time.

    Raises:
        Refused: there would be a new conflict, and no waiver covers it.
    """
    running = version.automation.approved_version
    if running is None or version.automation.state not in chain_queries.IN_USE:
        return
    subject_by_identity = dict(write_version.identities_to_take_over(version).values_list("pk", "subject"))
    if not subject_by_identity:
        return
    submission.take_access_lock()
    case = case_in_force(running, now)
    before = _conflicts_in_chain(case, chain_queries.chain_of(case.automation).others, now)
    joined = chain_queries.chain_with_version(running, taken_over=subject_by_identity).others
    after = _conflicts_in_chain(case, joined, now)
    refusal = submission.refusal([conflict for key, conflict in after.items() if key not in before], "input")
    if refusal is not None:
        names = ", ".join(sorted(subject_by_identity.values()))
        sentence = f"What is in force of it would be joined at once with what else runs as {names}. {refusal.sentence}"
        raise refuse(replace(refusal, sentence=sentence))


def case_in_force(running: Version, now: datetime) -> Case:
    """Return the case of the version in force, as a scan counts it."""
    kept = list(submission.counted_grants([running.automation_id], now))
    keys = {f"{running.automation_id}/{grant.key}" for grant in kept}
    case = case_of_version(running.automation, running)
    helds = [held for held in with_running_grants(case, kept).things if held.entry or held.key in keys]
    return replace(case, things=helds)


def _conflicts_in_chain(
    case: Case, chain_others: Collection[int], now: datetime
) -> dict[tuple[str, frozenset[str]], FoundConflict]:
    """Return the conflicts in a chain by rule and keys. The number of a chain changes with its members."""
    in_chain = replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(chain_others)})
    return {(conflict.standing.rule.code, conflict.keys): conflict for conflict in find_conflicts(in_chain, now)}


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
