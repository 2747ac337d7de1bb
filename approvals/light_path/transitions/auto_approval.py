"""Auto-approval of stage 2 by policy on the light path, right after the approval of the app (A13).

`eligibility` decides what is on the light path.
"""

from collections.abc import Sequence
from typing import Any

from approvals.assignment import additional_seats
from approvals.assignment.context import SubmissionContext, internal_on_approval, load_context
from approvals.decisions.rules import duties
from approvals.light_path import eligibility
from approvals.light_path.eligibility import LightPathReason
from approvals.models import Approval, ApprovalState
from approvals.parties import submission_parties
from approvals.policies import queries as policy_queries
from governance.core.access import Refusal
from governance.core.engine.transition import Effect, Step
from inventory.risk.tiers import Tier

#: Words for the ledger if a duty of approving is the reason against it, by code of the duty.
DUTY_WORDS = {
    "I3": "a resource, credential or identity of it has no active owner",
    "T1": "its risk has risen",
    "I8": "a connection opens something else",
}


@internal_on_approval(
    event="approval.approved_by_policy",
    source=(ApprovalState.WAITING,),
    target=(ApprovalState.APPROVED,),
    duties=(duties.has_owner, duties.tier_holds, duties.binding_holds),
    context=load_context,
)
def approve_by_policy(step: Step[Approval]) -> Effect:
    """Approve by the policy of the submission: its app is approved and everything is low (A13)."""
    approval = step.subject
    approval.by_policy = approval.submission.policy
    approval.granted_term_days = approval.term_days
    approval.ended_at = step.now
    return Effect(payload={"policy": approval.by_policy.number, "document": approval.by_policy.digest})


def _needs_more_now(context: SubmissionContext, waiting: Sequence[Approval], policy: policy_queries.Policy) -> bool:
    """Return whether the policy in force now rates an item above low, or requires more seats."""
    judged = additional_seats.current_tiers(context.facts, policy)
    tiers = [judged.app, *(judged.tier_of(approval) for approval in waiting)] if judged is not None else [Tier.LOW]
    return max(tiers) > Tier.LOW or bool(additional_seats.missing_seats(context, waiting))


def auto_approve(step: Step[Any], context: SubmissionContext, waiting: Sequence[Approval]) -> bool:
    """Approve all waiting approvals by policy, if the submission is on the light path and nothing is against it now.

    Args:
        step: the running step, which has approved the app.
        context: of the submission, which is locked.
        waiting: its approvals of stage 2, which no one was asked about.

    Returns:
        Whether it did. Otherwise approvers are asked, and the ledger has the reason.
    """
    if not context.submission.light_path:
        return False
    because = _find_reason(step, context, waiting)
    if because is not None:
        step.record("submission.left_light_path", context.submission, {"because": because.words})
        return False
    for approval in waiting:
        approve_by_policy(approval, actor=step.actor, now=step.now)
    return True


def _find_reason(step: Step[Any], context: SubmissionContext, waiting: Sequence[Approval]) -> LightPathReason | None:
    """Return the reason against it. Counts under the lock of its builders."""
    eligibility.lock(submission_parties.builder_ids(context.submission))
    frozen, now = context.facts.policy, policy_queries.in_force(step.now)
    for policy in (frozen,) if now.version == frozen.version else (frozen, now):
        if (reason := eligibility.reason_against_submission(context, waiting, policy)) is not None:
            return reason
    if _needs_more_now(context, waiting, now):
        return eligibility.because("later_policy")
    for approval in waiting:
        refusal: Refusal | None = approve_by_policy.refusal(approval, actor=step.actor, now=step.now, context=context)
        if refusal is not None:
            return LightPathReason(DUTY_WORDS.get(refusal.code, "something speaks against it"), refusal.sentence)
    return None
