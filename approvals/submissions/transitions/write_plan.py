"""Write the plan of a submission: its row, parties, approvals and seats, and the decisions that carry over (A1, A2, A14)."""

from collections.abc import Sequence

from approvals.assignment.context import SubmissionContext, internal_on_approval
from approvals.decisions import digest
from approvals.models import Approval, ApprovalState, CarriedDecision, Decision, DecisionOutcome, Seat, Submission
from approvals.parties import submission_parties
from approvals.policies.facts import SubmissionFacts
from approvals.submissions.plan.plan import Plan
from governance.core.engine.transition import Effect, Step
from governance.core.texts import free_text
from inventory.models import Automation


@internal_on_approval(
    event="approval.carried_over",
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


@internal_on_approval(
    event="approval.carried_on", source=(ApprovalState.WAITING,), target=(ApprovalState.APPROVED, ApprovalState.WAITING)
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


def write_plan(step: Step[Automation], made: Plan) -> Submission:
    """Save a plan without refusals. Its rows become the rows of the submission.

    Args:
        step: the running step; the submission that the plan continues is closed.
        made: the plan.

    Returns:
        The submission; no approval of it is open yet.
    """
    submission, app = made.submission, made.submission.app_approval
    is_app_asked = bool(made.context.changes.app)
    if is_app_asked:
        submission.app_approval = None  # saved below
    step.save(submission)
    submission_parties.write_parties(submission, made.context.parties)
    new = [approval for approval in made.approvals if approval.item is not None and approval.row.justification is None]
    for approval, text in zip(new, free_text.keep_all([approval.text for approval in new]), strict=True):
        approval.row.justification = text
    seats: list[Seat] = []
    for approval in made.approvals:
        row = approval.row
        seats += made.facts.seats[row.pk]
        row.submission, row.pk = submission, None
        row.facts = digest.facts_of_approval(row, made.conflicts)
    step.insert([approval.row for approval in made.approvals])
    Seat.objects.bulk_create(Seat(approval=seat.approval, label=seat.label) for seat in seats)
    if is_app_asked:
        submission.app_approval = app
        step.save(submission)
    for approval in made.approvals:  # stage 1 first, because stage 2 follows it (A4)
        if approval.source is not None and approval.carried:
            carry_over(approval.row, actor=step.actor, now=step.now, source=approval.source, decisions=approval.carried)
    return submission


def context_of(submission: Submission, made: Plan) -> SubmissionContext:
    """Return the context of a written submission, with the rows that its plan has read and that did not change."""
    facts = SubmissionFacts(submission, made.context.now)
    planned = made.conflicts.facts
    facts.privileges, facts.bindings, facts.parties = planned.privileges, planned.bindings, planned.parties
    context = SubmissionContext(facts)
    context.bench = made.context.bench
    return context
