"""End proposals whose time is up: unanswered ones, and those that tightened at once without a second signature (S8)."""

from datetime import datetime

from approvals.models import Proposal, ProposalState
from approvals.proposals import rules as duties
from approvals.proposals.transitions import end_proposal, on_proposal, queue_notices
from governance.core.access import Actor, Permission
from governance.core.engine.transition import Effect, Step


@on_proposal(
    event="proposal.lapsed",
    permission=Permission.PROPOSAL_LAPSE,
    source=(ProposalState.OPEN, ProposalState.AT_ONCE, ProposalState.APPROVED),
    target=(ProposalState.LAPSED,),
    duties=[duties.time_is_up],
)
def lapse(step: Step[Proposal]) -> Effect:
    """End a proposal without an answer in time, and revert what acted at once: silence never approves (A10)."""
    queue_notices(step, [step.subject.proposed_by], "proposal_answered", outcome="lapsed")
    return end_proposal(step)


def lapse_due(now: datetime, actor: Actor) -> int:
    """End proposals that no one answered in time, and revert those that acted at once. Return the number (S8)."""
    due = Proposal.objects.unanswered().filter(lapses_at__lte=now).select_related("proposed_by", "appointed")
    return lapse.sweep(due, actor=actor, now=now)
