"""The rule of bulk decisions: which approvals need their own page, where there is more to read (A7). Reads only.

The operation asks it for each decision of a bulk decision. Pages and lists ask the same functions.
"""

from collections.abc import Collection, Mapping

from approvals.assignment.context import SubmissionContext
from approvals.decisions.rules import bindings
from approvals.duplicates import queries as duplicates
from approvals.models import Approval, Comment, SeatLabel
from approvals.policies.facts import SubmissionFacts
from governance.core.access import Refusal

#: Reasons; the first two are known from the approval's own row.
HIGH_RISK, ASKED_AGAIN, IN_CONFLICT = "high risk", "rejected or withdrawn before", "part of a conflict"


def needs_reason(approval: Approval, *, in_bulk: bool = False) -> bool:
    """Whether approving needs a reason: high risk always, anything else in a bulk decision (A7)."""
    return in_bulk or approval.tier == "high"


def reason_in_row(approval: Approval) -> str:
    """Return why an approval needs its own page, as far as its own row tells; else empty. Lists ask it."""
    if approval.tier == "high":
        return HIGH_RISK
    return ASKED_AGAIN if approval.earlier_id is not None else ""


def own_page_reasons(approvals: Collection[Approval], contexts: Mapping[int, SubmissionContext]) -> dict[int, str]:
    """Return the approvals that need their own page by id, each with the reason in a few words. At most two queries.

    Args:
        approvals: open.
        contexts: of their submissions, by the submission's id.
    """
    automations = {approval.submission.automation_id for approval in approvals if approval.stage == 1}
    alike = duplicates.ids_with_unanswered(automations)
    objections = Comment.objects.filter(approval__in=approvals, is_objection=True).order_by()
    objected = set(objections.values_list("approval", flat=True))
    reasons: dict[int, str] = {}
    for approval in approvals:
        facts = contexts[approval.submission_id].facts
        if reason := own_page_reason(approval, facts, objected=objected, alike=alike):
            reasons[approval.pk] = reason
    return reasons


def own_page_reason(
    approval: Approval, facts: SubmissionFacts, *, objected: Collection[int | None], alike: Collection[int] = ()
) -> str:
    """Return why an approval is decided by itself, in a few words; else empty.

    Args:
        approval: open.
        facts: of its submission.
        objected: ids of the approvals with an objection.
        alike: ids of the automations with an unanswered duplicate.
    """
    objection = "somebody objected" if approval.pk in objected else ""
    return reason_in_row(approval) or objection or _reason_in_facts(approval, facts, alike)


def _reason_in_facts(approval: Approval, facts: SubmissionFacts, alike: Collection[int]) -> str:
    """Return a reason from the submission's facts; ``alike`` are the automations with an unanswered duplicate (I9)."""
    labels = [seat.label for seat in facts.seats_of(approval)]
    if len(labels) > len(facts.policy.seats(approval.kind, approval.tier)):  # A15, G5, S6
        return IN_CONFLICT if SeatLabel.CONFLICT in labels else "asks for an extra approval"
    if approval.stage == 1 and facts.submission.automation_id in alike:
        return "may be the same as another"
    return "its connection is to be confirmed" if bindings.unconfirmed_bindings(approval, facts) else ""


def bulk_refusal(approval: Approval, context: SubmissionContext) -> Refusal | None:
    """Return why an approval is not part of a bulk decision, or None."""
    reason = own_page_reasons([approval], {approval.submission_id: context}).get(approval.pk)
    return None if reason is None else refusal_for(reason)


def refusal_for(reason: str) -> Refusal:
    """Return the refusal of a bulk decision for a reason of `own_page_reasons`."""
    sentence = f"This is not decided together with others: {reason}."
    return Refusal("A7", "input", sentence, "Decide it alone on its review.", is_attempt=True)
