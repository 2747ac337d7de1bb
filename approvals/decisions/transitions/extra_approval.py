"""Extra approval of a conflict: one person signs the whole combination once, with a reason (S6, A8).

Each approval of the combination has a seat for it. So the duties and the database check the signer as an approver of
stage 2 (S1, S2).
"""

import hashlib
from typing import Any

import rfc8785

from approvals.assignment.context import SubmissionContext, load_context
from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.held_access import covered_by
from approvals.decisions import digest
from approvals.models import Approval, ApprovalState, ConflictSignature, Decision, SeatLabel
from approvals.models.conflict_rule import Mode
from governance.core.access import Refusal, refuse
from governance.core.engine.transition import Step, Transition

#: Facts that change by decisions or rules, not by the register.
DECIDED = ("level", "scope", "term_days", "conflicts", "policy", "round", "retracted")


def check_reason(step: Step[Approval]) -> None:
    """Refuse an extra approval without a reason. One reason counts for the whole combination."""
    seat = None if step.text else step.context.route.seat_for(step.subject, step.actor)
    if seat is not None and seat.label == SeatLabel.CONFLICT:
        sentence = "Say why: one reason stands for all that is in the conflict."
        raise refuse(Refusal("A7", "input", sentence, detail=(("reason", sentence),)))


def sign_conflicts(step: Step[Approval], decision: Decision, approve: Transition[Approval]) -> None:
    """Record the conflicts that an extra approval signs, and approve the other approvals in them.

    Args:
        step: approves one approval of the combination.
        decision: its decision.
        approve: the operation, for the others.
    """
    if decision.seat.label != SeatLabel.CONFLICT:
        return
    context: SubmissionContext = step.context
    conflicts = context.conflicts
    remaining = [
        conflict for conflict in conflicts.after_decisions(context.approvals) if conflict.mode == Mode.APPROVAL
    ]
    signed = conflicts.conflicts_of(step.subject, remaining)
    unsigned = [conflict for conflict in remaining if conflict not in signed]
    for conflict in signed:
        _record_signature(step, decision, conflict)
    for other in context.approvals:
        # An approval in another unsigned conflict is signed separately: it has one seat for all its conflicts.
        is_covered = conflicts.conflicts_of(other, signed) and not conflicts.conflicts_of(other, unsigned)
        if other.pk != step.subject.pk and other.state == ApprovalState.OPEN and is_covered:
            _approve_other(step, other, approve)


def _record_signature(step: Step[Approval], decision: Decision, conflict: FoundConflict) -> None:
    assert decision.reason is not None  # `check_reason` refuses otherwise
    signature = ConflictSignature(
        submission=step.subject.submission,
        rule=conflict.standing.version,
        decision=decision,
        person=decision.person,
        for_person=decision.for_person,
        reason=decision.reason,
        digest=digest_of(conflict),
        covers=sorted(covered_by(conflict.held)),
        at=step.now,
    )
    signature.save()
    step.record("conflict.signed", signature, {"rule": conflict.standing.version.code, "combination": signature.digest})


def digest_of(conflict: FoundConflict) -> str:
    """Return SHA-256 over the rule and all access in the conflict with its levels."""
    document = {"rule": conflict.standing.version.digest, "held": sorted(conflict.held)}
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def retract_extra_approval(step: Step[Approval], decision: Decision, retract: Transition[Approval]) -> None:
    """Retract the same extra approval on all other approvals that it covered.

    Args:
        step: retracts one of its decisions.
        decision: the retracted decision.
        retract: the operation, for the others.
    """
    signed = Decision.objects.standing().filter(seat__label=SeatLabel.CONFLICT)
    same = signed.filter(approval__submission=step.subject.submission)
    same = same.filter(person=decision.person, for_person=decision.for_person, at=decision.at, outcome=decision.outcome)
    as_who: dict[str, Any] = {"actor": step.actor, "now": step.now}
    for other in same.exclude(approval=step.subject).select_related("approval").order_by("pk"):
        if retract.refusal(other.approval, **as_who) is not None:
            sentence = "Somebody decided after you on another approval in this conflict. Your extra approval stands."
            raise refuse(Refusal("A8", "duty", sentence))
        retract(other.approval, **as_who, reason=step.text, decision=other.pk, alone=True)


def _approve_other(step: Step[Approval], approval: Approval, approve: Transition[Approval]) -> None:
    """Approve another approval of the combination, if its facts are as submitted.

    Facts that the register has changed were not shown with the conflict. Such an approval is signed separately (A6).
    """
    context = load_context(approval, step.now)  # the signature is part of it
    present = digest.facts_of_approval(approval, context.conflicts)
    changed = {name for name in present if name not in DECIDED and present[name] != approval.facts.get(name)}
    if changed or approve.refusal(approval, actor=step.actor, now=step.now, context=context) is not None:
        return
    if context.route.seat_to_sign(approval, step.actor) is not None:
        shown = digest.digest(present)
        approve(approval, actor=step.actor, now=step.now, reason=step.text, shown_digest=shown, signs=True)
