"""Retract one's own decision while the submission is undecided. The approval reopens, and both stay on record (A8)."""

from collections.abc import Mapping
from typing import Any

from approvals.assignment import candidates, due_dates
from approvals.assignment.context import internal_on_approval, on_approval
from approvals.assignment.route import Route
from approvals.decisions.rules import duties
from approvals.decisions.transitions import extra_approval
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Retraction, SeatLabel
from governance.core.access import Actor, Permission, Refusal, refuse
from governance.core.engine.transition import Effect, Step


def _find_repeat(approval: Approval, actor: Actor, text: str, params: Mapping[str, Any]) -> Approval | None:
    """Return the approval if the person has already retracted this decision: a repeated request (A8)."""
    retractions = Retraction.objects.filter(
        decision=params.get("decision"), decision__approval=approval, person=actor.person
    )
    return approval if retractions.exists() else None


@on_approval(
    event="approval.retracted",
    repeats=_find_repeat,
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN, ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.CHANGES_ASKED),
    target=(ApprovalState.OPEN,),
    duties=duties.RETRACTING,
)
def retract(step: Step[Approval], *, decision: int, alone: bool = False) -> Effect:
    """Retract the last decision. Other decisions of this round stand, and the approval's time runs on (A10).

    Retracting an approved app closes what it opened, which nobody has decided yet (A4). Answers about a connection
    stay (I8). An extra approval is retracted on everything that it covered (S6).

    Args:
        step: the running step.
        decision: id of the decision that the page showed.
        alone: whether the caller retracts the other parts of an extra approval.
    """
    approval, person = step.subject, step.actor.person
    route: Route = step.context.route
    last_decision = duties.own_decision(approval, step.actor, route)
    assert last_decision is not None  # the duty OWN_DECISION lets nobody else come this far
    assert person is not None
    if last_decision.pk != decision:
        sentence = "Something else was decided here since the page was shown to you, so nothing was taken back."
        raise refuse(Refusal("A6", "stale", sentence, "Look at what stands here now."))
    who = {"person": person, "for_person": step.actor.standing_for}
    Retraction.objects.create(decision=last_decision, **who, reason=step.reason, at=step.now)
    route.take_back(last_decision)
    is_extra = last_decision.seat.label == SeatLabel.CONFLICT and last_decision.outcome == DecisionOutcome.APPROVE
    if is_extra and not alone:
        extra_approval.retract_extra_approval(step, last_decision, retract)
    approval.retracted += 1
    if approval.state == ApprovalState.APPROVED and approval.stage == 1:
        for waiting in approval.submission.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
            close_again(waiting, actor=step.actor, now=step.now)
    if last_decision.outcome == DecisionOutcome.ASK:
        _end_question(step, last_decision)
    approval.ended_at = None
    _undo_narrowing(approval, route)
    _notify_approvers(step, route)
    return Effect(to=ApprovalState.OPEN, payload={"outcome": last_decision.outcome})


@internal_on_approval(event="approval.closed_again", source=(ApprovalState.OPEN,), target=(ApprovalState.WAITING,))
def close_again(step: Step[Approval]) -> None:
    """Close an approval whose opening was retracted before a decision. Its time starts anew when it reopens (A4)."""
    approval = step.subject
    approval.opened_at = approval.due_at = approval.expires_at = None


def _notify_approvers(step: Step[Approval], route: Route) -> None:
    """Notify the other approvers, unless they were notified before.

    A digest leaves out approvals that are decided by then.
    """
    approval = step.subject
    eligible = [approver for seat in route.standing(approval) for approver in seat.may_decide]
    approvers = [approver for approver in eligible if approver != step.actor.person]
    event, due = f"stage_{approval.stage}_opened", approval.due_at.isoformat() if approval.due_at else ""
    candidates.queue_notices(step, approval.submission, approvers, event, key=event, count=1, due=due)


def _end_question(step: Step[Approval], question: Decision) -> None:
    """End the question to the builder. Approvers get back the working days that they had left.

    Recipients of the question are notified.
    """
    approval, route = step.subject, step.context.route
    before = approval.history.filter(state=ApprovalState.OPEN, round=approval.round).order_by("-history_id").first()
    assert before is not None  # the approval was open before the question
    first = next((person for seat in route.standing(approval) for person in seat.may_decide), None)
    due_dates.resume_clock(approval, before, since=question.at, now=step.now, person=first)
    approval.builder_due_at = None
    candidates.notify_builders(
        step,
        approval.submission,
        "question_retracted",
        key=f"retracted:{approval.pk}:{approval.round}:{len(route.retracted[approval.pk])}",
        what=approval.title,
        by=step.actor.person.name if step.actor.person else "",
    )


def _undo_narrowing(approval: Approval, route: Route) -> None:
    """Undo the narrowing of the decision: back to the request, or to the narrowing by others (A7)."""
    source = approval.carried_from
    approval.granted_term_days = source.granted_term_days if source is not None else None
    approval.granted_level = source.granted_level if source is not None else ""
    approval.granted_scope = source.granted_scope if source is not None else None
    for decision in route.decisions.get(approval.pk, ()):
        approval.granted_term_days = decision.term_days or approval.granted_term_days
        approval.granted_level = decision.level or approval.granted_level
        approval.granted_scope = decision.scope if decision.scope is not None else approval.granted_scope
