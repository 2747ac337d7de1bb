"""Check a live automation that takes over an identity with a submission (A16, I5, S6).

It is connected at once, before any decision, to all automations that run as the identity. So the check covers the
access in force, not the access in the submission.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from approvals.conflicts.check import automation, cases, submission
from approvals.conflicts.check.automation import Case, FoundConflict
from approvals.models.conflict_rule import Scope
from governance.core.duties.refusals import refuse
from inventory.chains import queries as chain_queries
from inventory.imports.transitions import write_version
from inventory.models import Version


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
    existing = {
        _identify_conflict(conflict)
        for conflict in automation.find_conflicts(
            _with_chain(case, chain_queries.chain_of(case.automation).others), now
        )
    }
    joined = _with_chain(case, chain_queries.chain_with_version(running, taken_over=subject_by_identity).others)
    refusal = submission.refusal(
        [
            conflict
            for conflict in automation.find_conflicts(joined, now)
            if _identify_conflict(conflict) not in existing
        ],
        "input",
    )
    if refusal is not None:
        names = ", ".join(sorted(subject_by_identity.values()))
        raise refuse(
            replace(
                refusal,
                sentence=f"What is in force of it would be joined at once with what else runs as {names}. {refusal.sentence}",
            )
        )


def case_in_force(running: Version, now: datetime) -> Case:
    """Return the case of the version in force, as a scan counts it."""
    kept = list(submission.counted_grants([running.automation_id], now))
    keys = {f"{running.automation_id}/{grant.key}" for grant in kept}
    case = cases.case_of_version(running.automation, running)
    helds = [held for held in cases.with_running_grants(case, kept).things if held.entry or held.key in keys]
    return replace(case, things=helds)


def _with_chain(case: Case, chain_others: Collection[int]) -> Case:
    return replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(chain_others)})


def _identify_conflict(conflict: FoundConflict) -> tuple[str, frozenset[str]]:
    """Return the rule and the keys of a conflict. The number of a chain changes with its members, so it is left out."""
    return conflict.standing.rule.code, conflict.keys
