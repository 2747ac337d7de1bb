"""A live automation that takes over an identity with a submission is joined, as it runs already, with all that runs as it (A16, I5, S6).

That comes before anybody decides, and is of what is in force and not of what is submitted: what the version no longer holds is held still.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from approvals.conflicts.check import automation, cases, submission
from approvals.conflicts.check.automation import Case, Found
from approvals.models.conflict import Scope
from governance.core.duties.refusals import refuse
from inventory.chains import queries as chain_queries
from inventory.imports.transitions import write_version
from inventory.models import Version


def check(version: Version, now: datetime) -> None:
    """Refuse a submission by which what is in force would come into a conflict of an enforced rule that it is in no part of yet.

    Nobody else puts anything in force from here on: before the lock of chains, as everybody takes the two.

    Args:
        version: which is submitted; its automation's row is locked.
        now: business time.

    Raises:
        Refused: it would, and nobody has waived it.
    """
    running = version.automation.approved_version
    if running is None or version.automation.state not in chain_queries.IN_USE:
        return
    taken = dict(write_version.to_take_over(version).values_list("pk", "subject"))
    if not taken:
        return
    submission.one_at_a_time()
    here = held(running, now)
    known = {_what(one) for one in automation.find(_in(here, chain_queries.of(here.automation).others), now)}
    joined = _in(here, chain_queries.with_version(running, taken_over=taken).others)
    no = submission.refusal([one for one in automation.find(joined, now) if _what(one) not in known], "input")
    if no is not None:
        names = ", ".join(sorted(taken.values()))
        raise refuse(
            replace(
                no,
                sentence=f"What is in force of it would be joined at once with what else runs as {names}. {no.sentence}",
            )
        )


def held(running: Version, now: datetime) -> Case:
    """What is held by the version in force, as a scan counts it."""
    kept = list(submission.counted([running.automation_id], now))
    case, keys = cases.of_version(running.automation, running), {f"{running.automation_id}/{one.key}" for one in kept}
    things = [one for one in cases.with_kept(case, kept).things if one.entry or one.key in keys]
    return replace(case, things=things)


def _in(case: Case, others: Collection[int]) -> Case:
    return replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(others)})


def _what(found: Found) -> tuple[str, frozenset[str]]:
    """What is held together by which rule: the number of a chain changes with who is in it."""
    return found.standing.rule.code, found.keys
