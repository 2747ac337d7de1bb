"""Decide one approval: approve, reject, request changes; and answer a question (A6, A7, A14)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from approvals.assignment import candidates, due_dates
from approvals.assignment.context import SubmissionContext, on_approval
from approvals.assignment.seat_state import SeatState
from approvals.assignment.transitions import add_seats
from approvals.conflicts.check import submission as conflicts
from approvals.decisions import digest, idempotency
from approvals.decisions.rules import bindings, bulk_decisions, deadlines, duties
from approvals.decisions.transitions import extra_approval
from approvals.duplicates import answers as duplicate_answers
from approvals.models import Approval, ApprovalState, Comment, Decision, DecisionOutcome, Party
from approvals.models.conflict_rule import Mode
from approvals.models.submission import Capacity
from governance.core.access import Permission, Refusal, refuse
from governance.core.engine.transition import Effect, Step, last_word
from governance.core.notices import outbox
from inventory.models import ScopeKind
from inventory.resources.transitions import bindings as transition_bindings
from inventory.risk.levels import LOWER


@on_approval(
    event="approval.approved",
    repeats=idempotency.repeats_decision(DecisionOutcome.APPROVE),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.APPROVED, ApprovalState.OPEN),
    duties=(*duties.DECIDING, duties.has_owner, duties.tier_holds, duties.binding_holds),
)
def approve(
    step: Step[Approval],
    *,
    shown_digest: str,
    term_days: int | None = None,
    level: str = "",
    scope: Sequence[str] | None = None,
    seconds: int | None = None,
    batch: UUID | None = None,
    same: Mapping[int, bool] | None = None,
    signs: bool = False,
) -> Effect:
    """Approve, possibly for a shorter term, a lower level or a narrower scope.

    The approval is approved once every seat is filled.

    Args:
        step: the running step.
        shown_digest: of the facts on the page.
        term_days, level, scope: the narrowing; by default all that was asked.
        seconds: how long the decision took.
        batch: of a bulk decision.
        same: for a new app, whether it is the same as each possible duplicate, by the likeness's id (I9).
        signs: whether the actor signed a conflict on another approval, so that this is the same extra approval (S6).
    """
    approval, context = step.subject, cast("SubmissionContext", step.context)
    digest.check_shown(step, shown_digest)
    _check_bulk(step, batch)
    if not step.text and bulk_decisions.needs_reason(approval, in_bulk=batch is not None):
        sentence = "Say why: a high-risk or bulk approval needs a reason."
        unsaid = duplicate_answers.missing_answers(step, same or {}) if batch is None else ()
        raise refuse(Refusal("A7", "input", sentence, detail=(("reason", sentence), *unsaid) if unsaid else ()))
    extra_approval.check_reason(step)
    alike = duplicate_answers.check_answers(step, same or {})
    narrowing = _narrow(approval, term_days, level, list(scope) if scope is not None else None)
    _check_conflicts(step)
    route = context.route
    seat = route.seat_to_sign(approval, step.actor) if signs else route.seat_for(approval, step.actor)
    decision = _record_decision(step, DecisionOutcome.APPROVE, shown_digest, seconds, batch, narrowing, seat)
    duplicate_answers.store_answers(step, alike, same or {}, decision)
    if not signs:
        extra_approval.sign_conflicts(step, decision, approve)
    _confirm_bindings(step)
    add_seats.add_seats_to(step)
    filled = all(standing.is_filled for standing in context.route.standing(approval))
    if filled:
        approval.ended_at = step.now
        approval.granted_term_days = approval.granted_term_days or approval.term_days
    return Effect(to=ApprovalState.APPROVED if filled else ApprovalState.OPEN, payload=_ledger_narrowing(narrowing))


@on_approval(
    event="approval.rejected",
    repeats=idempotency.repeats_decision(DecisionOutcome.REJECT),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.REJECTED,),
    duties=duties.DECIDING,
    reason_needed=True,
)
def reject(
    step: Step[Approval],
    *,
    shown_digest: str,
    seconds: int | None = None,
    batch: UUID | None = None,
    not_mine: bool = False,
) -> Effect:
    """Reject with a reason. One rejection rejects this approval and no other (A5, A8).

    A rejection does not refuse the binding: an owner may answer for the resource and still not want this access. The
    owner refuses the binding with `not_mine` (I8).

    Args:
        step: the running step.
        shown_digest: of the facts on the page.
        seconds: how long the decision took.
        batch: of a bulk decision.
        not_mine: whether the connection does not open the decider's resource.
    """
    digest.check_shown(step, shown_digest)
    _check_bulk(step, batch)
    if not_mine:
        _refuse_bindings(step)
    _record_decision(step, DecisionOutcome.REJECT, shown_digest, seconds, batch, {})
    step.subject.ended_at = step.now
    return Effect(payload={"binding": "refused"} if not_mine else {})


@on_approval(
    event="approval.changes_asked",
    repeats=idempotency.repeats_decision(DecisionOutcome.ASK),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.CHANGES_ASKED,),
    duties=duties.DECIDING,
    reason_needed=True,
)
def ask_for_changes(
    step: Step[Approval], *, shown_digest: str, seconds: int | None = None, batch: UUID | None = None
) -> None:
    """Send the approval back with a question. The builder's clock starts (A14)."""
    approval = step.subject
    digest.check_shown(step, shown_digest)
    _check_bulk(step, batch)
    context: SubmissionContext = step.context
    _record_decision(step, DecisionOutcome.ASK, shown_digest, seconds, batch, {})
    approval.due_at = approval.expires_at = None
    days, builder = context.facts.policy.builder_days, approval.submission.submitted_by
    approval.builder_due_at = due_dates.deadline_after(step.now, days, builder)
    candidates.notify_builders(
        step,
        approval.submission,
        "changes_asked",
        key=f"{_question_key(approval)}{approval.round}:{len(context.route.retracted.get(approval.pk, ()))}",
        what=approval.title,
        by=step.actor.person.name if step.actor.person else "",
    )


def _question_key(approval: Approval) -> str:
    """Beginning of the keys of notices of questions about an approval."""
    return f"changes:{approval.pk}:"


@on_approval(
    event="approval.answered",
    repeats=last_word("approval.answered", "approval.changes_asked"),
    permission=Permission.SUBMISSION_ANSWER,
    source=(ApprovalState.CHANGES_ASKED,),
    target=(ApprovalState.OPEN,),
    duties=(duties.decided_nothing, deadlines.answer_in_time),
    reason_needed=True,
)
def answer(step: Step[Approval]) -> Effect:
    """Answer the question, as the builder's side, and become a party (S1). The approval opens in its next round."""
    approval = step.subject
    for person in step.actor.people:
        Party.objects.get_or_create(submission=approval.submission, person=person, capacity=Capacity.ANSWERED)
    assert step.reason is not None
    assert step.actor.person is not None  # the permission rests on a relation, which only people have
    Comment.objects.create(
        submission=approval.submission, approval=approval, by=step.actor.person, at=step.now, text=step.reason
    )
    outbox.mark_read(f"submission:{approval.submission_id}", _question_key(approval), step.now)
    approval.round += 1
    route = step.context.route
    approvers = candidates.open_approval(approval, route.standing(approval), route)
    candidates.grant_view(approval.submission.automation, approvers)
    if approval.stage == 1:
        candidates.show_duplicates(approval.submission.automation, approvers)
    candidates.queue_notices(
        step,
        approval.submission,
        approvers,
        "approval_answered",
        key=f"answered:{approval.pk}:{approval.round}",
        what=approval.title,
        due=approval.due_at.isoformat() if approval.due_at else "",
    )
    return Effect(payload={"round": approval.round})


def _check_bulk(step: Step[Approval], batch: UUID | None) -> None:
    """Refuse a bulk decision on an approval that needs its own page (A7)."""
    if batch is not None and (refusal := bulk_decisions.bulk_refusal(step.subject, step.context)) is not None:
        raise refuse(refusal)


def _check_conflicts(step: Step[Approval]) -> None:
    """Refuse an approval that, as narrowed, is in a conflict of an enforced rule without a waiver (S6, A7)."""
    context: SubmissionContext = step.context
    if all(stored.rule.mode != Mode.ENFORCE for stored in context.conflicts.rules):
        return
    remaining = context.conflicts.after_decisions(context.approvals)
    if (refusal := conflicts.refusal(context.conflicts.conflicts_of(step.subject, remaining))) is not None:
        raise refuse(refusal)


def _narrow(approval: Approval, term_days: int | None, level: str, scope: list[str] | None) -> dict[str, Any]:
    """Validate and apply a narrowing: a shorter term, a lower level, a non-empty part of the scope.

    Never wider (A7).
    """
    narrowing: dict[str, Any] = {}
    present_days = approval.granted_term_days or approval.term_days
    if term_days is not None and term_days != present_days:
        if not 1 <= term_days < present_days:
            raise _widening_refusal("term_days", f"A term can be shortened only: 1 to {present_days} days.")
        narrowing["term_days"] = approval.granted_term_days = term_days
    if level:
        narrowing |= _lower_level(approval, level)
    if scope is not None:
        narrowing |= _narrow_scope(approval, scope)
    return narrowing


def _widening_refusal(field: str, sentence: str) -> Exception:
    return refuse(Refusal("A7", "input", sentence, detail=((field, sentence),), is_attempt=True))


def _lower_level(approval: Approval, level: str) -> dict[str, Any]:
    privilege = approval.privilege
    if privilege is None:
        sentence = "Only a privilege has a level."
        raise refuse(Refusal("A7", "input", sentence, detail=(("level", sentence),)))
    present = approval.granted_level or privilege.counted_level
    if level == present:
        return {}
    if level not in LOWER[present]:
        way_out = "" if LOWER[present] else " Nothing is less than that: ask for changes."
        raise _widening_refusal("level", f"A level can be lowered only; it is {present} now.{way_out}")
    approval.granted_level = level
    return {"level": level}


def _narrow_scope(approval: Approval, scope: list[str]) -> dict[str, Any]:
    privilege = approval.privilege
    present = approval.granted_scope if approval.granted_scope is not None else (privilege.scope if privilege else [])
    if set(scope) == set(present) and len(scope) == len(present):
        return {}
    if privilege is None or privilege.entitlement.scope_kind not in (ScopeKind.SET, ScopeKind.TABLES, ScopeKind.PATH):
        raise _widening_refusal("scope", "This scope is free text and can't be narrowed: ask for changes.")
    if not scope or not set(scope) <= set(present) or len(scope) > len(set(scope)):
        sentence = "A scope can be narrowed only, to a part that is not empty, with each entry once."
        raise _widening_refusal("scope", sentence)
    approval.granted_scope = [entry for entry in present if entry in set(scope)]
    return {"scope": approval.granted_scope}


def _confirm_bindings(step: Step[Approval]) -> None:
    """Confirm the bindings, if the approver answers for the resource. The first such approval confirms (I8)."""
    by_party = bindings.bindings_by_party(step.subject, step.context.facts)
    unconfirmed = bindings.unconfirmed_bindings(step.subject, step.context.facts)
    for binding in {row.pk: row for row in (*unconfirmed, *by_party)}.values():
        if transition_bindings.confirm_binding.refusal(binding, actor=step.actor, now=step.now) is None:
            transition_bindings.confirm_binding(binding, actor=step.actor, now=step.now, anew=binding in by_party)


def _refuse_bindings(step: Step[Approval]) -> None:
    """Refuse the bindings: the owner states that the connection does not open the resource (I8)."""
    unconfirmed = bindings.unconfirmed_bindings(step.subject, step.context.facts)
    if not unconfirmed:
        sentence = "What this rests on is no connection that is still to be confirmed."
        raise refuse(Refusal("I8", "input", sentence, "Reject it without saying so.", is_attempt=True))
    for binding in unconfirmed:
        transition_bindings.refuse_binding(binding, actor=step.actor, now=step.now, reason=step.text)


def _ledger_narrowing(narrowing: dict[str, Any]) -> dict[str, Any]:
    """Return the narrowing for the ledger: the number of scope entries, not the entries, since they may name things."""
    return {k: len(v) if isinstance(v, list) else v for k, v in narrowing.items()}


def _record_decision(
    step: Step[Approval],
    outcome: str,
    shown: str,
    seconds: int | None,
    batch: UUID | None,
    narrowing: dict[str, Any],
    standing: SeatState | None = None,
) -> Decision:
    """Record the decision in the given seat, or in the open seat of the actor's capacity, and name the candidate."""
    approval, capacity = step.subject, step.actor.capacity_of
    assert capacity is not None
    assert step.actor.person is not None
    route = step.context.route
    standing = standing or route.seat_for(approval, step.actor)
    assert standing is not None  # the duty TURN lets nobody else come this far
    candidates.name_candidate(standing, capacity, route)
    decision = Decision.objects.create(
        approval=approval,
        seat=standing.seat,
        person=step.actor.person,
        for_person=step.actor.standing_for,
        barred=sorted(route.parties),
        round=approval.round,
        again=route.taken_back_by(step.actor.person, approval),
        outcome=outcome,
        reason=step.reason,
        shown_digest=shown,
        high=approval.tier == "high",
        seconds=seconds,
        batch=batch,
        at=step.now,
        **narrowing,
    )
    route.note(decision)
    return decision
