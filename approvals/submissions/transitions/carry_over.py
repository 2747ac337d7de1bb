"""What a submission keeps of earlier ones: decisions about unchanged approvals, rounds, earlier refusals (A14, A15).

An approval of a newer version with the same facts keeps its decisions, also one signature of two. Decisions of people
who have become parties since do not carry over.
"""

from __future__ import annotations

from collections.abc import Sequence

from approvals.models import Approval, ApprovalState, CarriedDecision, Decision, DecisionOutcome
from governance.core.engine.transition import Effect, Step, transition


@transition(
    Approval,
    event="approval.carried_over",
    permission=None,
    source=(ApprovalState.WAITING,),
    target=(ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED),
)
def carry_over(step: Step[Approval], *, source: Approval, decisions: Sequence[Decision]) -> Effect:
    """Carry decisions over to a newer version with the same request (A14).

    Args:
        step: the running step.
        source: the approval with the decisions, its own or carried over.
        decisions: the decisions that count.
    """
    approval = step.subject
    approval.carried_from = source
    approval.granted_term_days, approval.granted_level = source.granted_term_days, source.granted_level
    approval.granted_scope = source.granted_scope
    links = (CarriedDecision(approval=approval, decision=decision, round=approval.round) for decision in decisions)
    CarriedDecision.objects.bulk_create(links)
    payload = {"source": str(source.pk), "decisions": len(decisions)}
    if any(decision.outcome == DecisionOutcome.REJECT for decision in decisions):
        approval.ended_at = step.now
        return Effect(to=ApprovalState.REJECTED, payload=payload)
    return Effect(to=_state_if_filled(step), payload=payload)


@transition(
    Approval,
    event="approval.carried_on",
    permission=None,
    source=(ApprovalState.WAITING,),
    target=(ApprovalState.APPROVED, ApprovalState.WAITING),
)
def settle_carried(step: Step[Approval]) -> Effect:
    """Settle an approval of stage 2 after a new decision in stage 1 (A4, A14).

    If it is unchanged and was approved before, it is not asked again.
    """
    return Effect(to=_state_if_filled(step))


def _state_if_filled(step: Step[Approval]) -> str:
    """Return the state: approved if carried decisions fill every seat, and for stage 2 the app is approved (A4)."""
    approval = step.subject
    counted = approval.carried_decisions.filter(round=approval.round, decision__outcome=DecisionOutcome.APPROVE)
    filled = set(counted.values_list("decision__seat__label", flat=True))
    if not filled or not filled >= {seat.label for seat in approval.seats.all()}:
        return ApprovalState.WAITING
    app = approval.submission.app_approval
    if approval.stage == 2 and (app is None or app.state != ApprovalState.APPROVED):
        return ApprovalState.WAITING
    approval.ended_at = step.now
    approval.granted_term_days = approval.granted_term_days or approval.term_days
    return ApprovalState.APPROVED
