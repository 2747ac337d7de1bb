"""Approving by policy: the light path, and nothing else (A13). Whether something is on it: `approvals.light_path.eligibility`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from approvals.assignment import additional_seats
from approvals.decisions.rules import duties
from approvals.light_path import eligibility
from approvals.light_path.eligibility import Because
from approvals.models import Approval, ApprovalState, Submission
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from inventory.risk.tiers import Tier

#: What the ledger says where a duty of approving is what speaks against it, by the duty's code.
HELD = {
    "I3": "nobody answers for something of it",
    "T1": "its risk has risen",
    "I8": "a connection opens something else",
}


@transition(
    Approval,
    event="approval.approved_by_policy",
    permission=None,
    source=(ApprovalState.WAITING,),
    target=(ApprovalState.APPROVED,),
    duties=(duties.HAS_OWNER, duties.TIER_HOLDS, duties.BINDING_HOLDS),
)
def approve_by_policy(step: Step[Approval]) -> Effect:
    """Somebody has approved the app, everything is low: the policy that the submission was made under approves the record (A13)."""
    record = step.subject
    record.by_policy = record.submission.policy
    record.granted_term_days = record.term_days
    record.ended_at = step.now
    return Effect(payload={"policy": record.by_policy.number, "document": record.by_policy.digest})


#: A policy that came later has people asked (A1).
ASKS_MORE = Because(
    "a later policy has people asked", "The policy that is in force now has people decide about something of it."
)


def _asks_more_now(
    submission: Submission, waiting: Sequence[Approval], policy: policy_queries.Policy, now: datetime
) -> bool:
    """Whether something of it is more than low, or takes more signatures than were asked, by the policy in force now."""
    judged = additional_seats.tiers(submission, policy, now)
    if judged is not None and max([judged.app, *(judged.of(one) for one in waiting)]) > Tier.LOW:
        return True
    return bool(additional_seats.missing(submission, waiting, now))


def approve_all(step: Step[Any], submission: Submission, waiting: Sequence[Approval]) -> bool:
    """Have policy approve everything that waits, where the submission is on the light path and nothing speaks against it by now.

    Args:
        step: the running step, which has approved the app.
        submission: locked.
        waiting: its records of stage 2, none of which anybody was asked about.

    Returns:
        Whether it did. Otherwise people are asked, and the ledger says why it left the path.
    """
    if not submission.light_path:
        return False
    because = _because(step, submission, waiting)
    if because is not None:
        step.record("submission.left_light_path", submission, {"because": because.words})
        return False
    for record in waiting:
        approve_by_policy(record, actor=step.actor, now=step.now)
    return True


def _because(step: Step[Any], submission: Submission, waiting: Sequence[Approval]) -> Because | None:
    """What speaks against it; counted while nobody else has policy approve something for any of its builders."""
    eligibility.lock(party_queries.building(submission))
    then, now = policy_queries.of(submission.policy), policy_queries.in_force(step.now)
    for policy in (then,) if now.version == then.version else (then, now):
        found = eligibility.of_submission(submission, waiting, policy, step.now)
        if found is not None:
            return found
    if _asks_more_now(submission, waiting, now, step.now):
        return ASKS_MORE
    for record in waiting:
        record.submission = submission
        no: Refusal | None = approve_by_policy.refusal(record, actor=step.actor, now=step.now)
        if no is not None:
            return Because(HELD.get(no.code, "something speaks against it"), no.sentence)
    return None
