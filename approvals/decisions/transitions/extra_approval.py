"""Signing a conflict: one person gives the extra approval once, with a reason, for all that is in it (S6, A8).

Each approval of the combination has a seat for it, so that the duties and the database judge the signer as any approver of stage 2 (S1, S2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import rfc8785

from approvals.assignment.route import route_of
from approvals.conflicts import held_access
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import Found
from approvals.decisions import digest
from approvals.models import Approval, ApprovalState, ConflictSignature, Decision, SeatLabel
from approvals.models.conflict import Mode
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Step, Transition

#: Facts that change by decisions, of this approval or of rules, and not by what the register says.
DECIDED = ("level", "scope", "term_days", "conflicts", "policy", "round", "retracted")


def check_reason(step: Step[Approval]) -> None:
    """Refuse a signature without a reason: the one that is given stands for the whole combination."""
    if step.text or not fills(step.subject, step):
        return
    sentence = "Say why: one reason stands for all that is in the conflict."
    raise refuse(Refusal("A7", "input", sentence, detail=(("reason", sentence),)))


def fills(record: Approval, step: Step[Approval]) -> bool:
    """Whether the actor's yes to an approval would fill the seat of a conflict."""
    seat = route_of(record, step.now).seat_for(record, step.actor)
    return seat is not None and seat.label == SeatLabel.CONFLICT


def sign(step: Step[Approval], decision: Decision, approve: Transition[Approval]) -> None:
    """Record what a yes in the seat of a conflict signs, and give the same yes to all else that is in it.

    Args:
        step: approves one record of the combination.
        decision: made by it.
        approve: the operation, for the others.
    """
    if decision.seat.label != SeatLabel.CONFLICT:
        return
    record, submission = step.subject, step.subject.submission
    others = list(submission.approvals.exclude(pk=record.pk).select_related("privilege"))
    beside = conflicts.asked_in(submission)
    left = [one for one in conflicts.left(submission, [*others, record], step.now) if one.mode == Mode.APPROVAL]
    found = [one for one in left if _is_in(record, [one], beside)]
    unsigned = [one for one in left if one not in found]
    for one in found:
        _write(step, decision, one)
    for other in others:
        # What another conflict takes too is signed by itself: it has one seat for all of its conflicts.
        if other.state == ApprovalState.OPEN and _is_in(other, found, beside) and not _is_in(other, unsigned, beside):
            _sign_too(step, other, approve)


def _write(step: Step[Approval], decision: Decision, found: Found) -> None:
    assert decision.reason is not None  # `check_reason` asked
    made = ConflictSignature(
        submission=step.subject.submission,
        rule=found.standing.version,
        decision=decision,
        person=decision.person,
        for_person=decision.for_person,
        reason=decision.reason,
        digest=digest_of(found),
        covers=sorted(held_access.at_most(found.held)),
        at=step.now,
    )
    made.save()
    step.record("conflict.signed", made, {"rule": found.standing.version.code, "combination": made.digest})


def digest_of(found: Found) -> str:
    """SHA-256 over the rule, and over how each thing in the conflict is held."""
    said = {"rule": found.standing.version.digest, "held": sorted(found.held)}
    return hashlib.sha256(rfc8785.dumps(said)).hexdigest()


def take_back(step: Step[Approval], decision: Decision, retract: Transition[Approval]) -> None:
    """Take back the same extra approval on all else that it covered.

    Args:
        step: takes back one decision of it.
        decision: the one that is taken back.
        retract: the operation, for the others.
    """
    same = Decision.objects.standing().filter(
        approval__submission=step.subject.submission, seat__label=SeatLabel.CONFLICT
    )
    same = same.filter(person=decision.person, for_person=decision.for_person, at=decision.at, outcome=decision.outcome)
    for other in same.exclude(approval=step.subject).select_related("approval").order_by("pk"):
        if retract.refusal(other.approval, actor=step.actor, now=step.now) is not None:
            sentence = "Somebody decided after you on another approval in this conflict. Your extra approval stands."
            raise refuse(Refusal("A8", "duty", sentence))
        retract(other.approval, actor=step.actor, now=step.now, reason=step.text, decision=other.pk, alone=True)


def _is_in(record: Approval, found: Sequence[Found], beside: Collection[str]) -> bool:
    return any(conflicts.takes_part(record.kind, conflicts.key_of(record), one, beside) for one in found)


def _sign_too(step: Step[Approval], record: Approval, approve: Transition[Approval]) -> None:
    """Give the same yes to another approval of the combination, if it is about what was asked: what the register says otherwise by now was
    not shown with the conflict and is signed by itself (A6).
    """
    present = digest.of(record, step.now)
    changed = {name for name in present if name not in DECIDED and present[name] != record.facts.get(name)}
    if changed or approve.refusal(record, actor=step.actor, now=step.now) is not None:
        return
    if route_of(record, step.now).seat_to_sign(record, step.actor) is not None:
        shown = digest.digest(present)
        approve(record, actor=step.actor, now=step.now, reason=step.text, shown_digest=shown, signs=True)


__all__ = ["check_reason", "digest_of", "fills", "sign", "take_back"]
