"""Write the plan of a submission: its row, parties, approvals and seats, and the decisions that carry over (A1, A2, A14)."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.decisions import digest
from approvals.models import Seat, Submission
from approvals.parties import queries as party_queries
from approvals.submissions.plan.plan import Plan, PlannedApproval
from approvals.submissions.transitions.carry_over import carry_over
from governance.core.engine.transition import Step
from governance.core.texts import free_text
from inventory.models import Automation


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
        submission.app_approval = None
    step.save(submission)
    party_queries.write_parties(submission, made.context.parties)
    stage_1 = [approval for approval in made.approvals if approval.item is None]
    _write_approvals(step, made, stage_1)
    if is_app_asked:
        submission.app_approval = app
        step.save(submission)
    _carry(step, stage_1)
    stage_2 = [approval for approval in made.approvals if approval.item is not None]
    new_texts = [approval for approval in stage_2 if approval.row.justification is None]
    texts = free_text.keep_all([approval.text for approval in new_texts])
    for approval, text in zip(new_texts, texts, strict=True):
        approval.row.justification = text
    _write_approvals(step, made, stage_2)
    _carry(step, stage_2)
    return submission


def _write_approvals(step: Step[Automation], made: Plan, approvals: Sequence[PlannedApproval]) -> None:
    """Save approvals of one stage with their facts and seats."""
    seats: list[Seat] = []
    for approval in approvals:
        row = approval.row
        seats += made.seats[row.pk]
        row.submission, row.pk = made.submission, None
        row.facts = digest.facts_of_approval(row, made.conflicts)
    step.insert([approval.row for approval in approvals])
    Seat.objects.bulk_create(Seat(approval=seat.approval, label=seat.label) for seat in seats)


def _carry(step: Step[Automation], approvals: Sequence[PlannedApproval]) -> None:
    """Carry over the decisions about the same requests. An approval ends if they decide it."""
    for approval in approvals:
        if approval.source is not None and approval.carried:
            carry_over(approval.row, actor=step.actor, now=step.now, source=approval.source, decisions=approval.carried)
