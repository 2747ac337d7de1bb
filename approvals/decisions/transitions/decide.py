"""Deciding one record: approve, reject, ask for changes; answering; what is said without deciding (A3, A6, A7, A14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from approvals.assignment import candidates
from approvals.assignment.route import Route, SeatStanding, route_of
from approvals.assignment.transitions import add_seats
from approvals.conflicts.check import submission as conflicts
from approvals.decisions import digest, idempotency
from approvals.decisions.rules import bindings, duties
from approvals.decisions.transitions import duplicates, extra_approval
from approvals.models import (
    Approval,
    ApprovalState,
    Comment,
    Decision,
    DecisionOutcome,
    Party,
)
from approvals.models.conflict import Mode
from approvals.models.submission import Capacity
from approvals.policies import queries as policy_queries
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.repeats import last_word
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from inventory.models import ScopeKind
from inventory.resources.transitions import bindings as transition_bindings
from inventory.risk.tiers import LOWER

#: Locked before a record, in this order, so that two deciders of one submission follow each other.
ABOVE = ("submission.automation", "submission")


@transition(
    Approval,
    event="approval.approved",
    repeats=idempotency.decided(DecisionOutcome.APPROVE),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.APPROVED, ApprovalState.OPEN),
    duties=(*duties.DECIDING, duties.HAS_OWNER, duties.TIER_HOLDS, duties.BINDING_HOLDS),
    parents=ABOVE,
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
    """Whoever holds the seat approves, possibly shorter, lower or narrower; the record is approved when every seat is filled.

    Args:
        step: the running step.
        shown_digest: of what the page showed.
        term_days, level, scope: what is allowed of what was asked; all of it unless said.
        seconds: how long the decision took.
        batch: of a bulk decision.
        same: of a new app, whether it is the same as what it may be the same as, by the likeness's id (I9).
        signs: whether the actor signed a conflict by another approval, so that this is the same extra approval (S6).
    """
    record = step.subject
    _check_shown(step, shown_digest)
    _check_together(record, batch)
    if not step.text and (record.tier == "high" or batch is not None):
        sentence = "Say why: a high-risk or bulk approval needs a reason."
        unsaid = duplicates.unsaid(step, same or {}) if batch is None else ()
        raise refuse(Refusal("A7", "input", sentence, detail=(("reason", sentence), *unsaid) if unsaid else ()))
    extra_approval.check_reason(step)
    alike = duplicates.check(step, same or {})
    narrowing = _narrow(record, term_days, level, list(scope) if scope is not None else None)
    _check_conflicts(step)
    route = route_of(record, step.now)
    seat = route.seat_to_sign(record, step.actor) if signs else route.seat_for(record, step.actor)
    decision = _record_decision(step, DecisionOutcome.APPROVE, shown_digest, seconds, batch, narrowing, seat)
    duplicates.answer(step, alike, same or {}, decision)
    if not signs:
        extra_approval.sign(step, decision, approve)
    _confirm_bindings(step)
    add_seats.add_to(step)
    filled = all(one.is_filled for one in route_of(record, step.now).standing(record))
    if filled:
        record.ended_at = step.now
        record.granted_term_days = record.granted_term_days or record.term_days
    return Effect(to=ApprovalState.APPROVED if filled else ApprovalState.OPEN, payload=_said(narrowing))


@transition(
    Approval,
    event="approval.rejected",
    repeats=idempotency.decided(DecisionOutcome.REJECT),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.REJECTED,),
    duties=duties.DECIDING,
    parents=ABOVE,
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
    """Whoever holds a seat rejects, with a reason; one rejection rejects the record, and only it (A5, A8).

    That refuses the privilege, and says nothing about the binding that it rests on: an owner may well answer for the resource and
    not want this on it, so the binding stays open to their first word about it. They refuse it too by saying that the connection
    does not open their resource (I8).

    Args:
        step: the running step.
        shown_digest: of what the page showed.
        seconds: how long the decision took.
        batch: of a bulk decision.
        not_mine: whether the connection does not open the decider's resource.
    """
    _check_shown(step, shown_digest)
    _check_together(step.subject, batch)
    if not_mine:
        _refuse_bindings(step)
    _record_decision(step, DecisionOutcome.REJECT, shown_digest, seconds, batch, {})
    step.subject.ended_at = step.now
    return Effect(payload={"binding": "refused"} if not_mine else {})


@transition(
    Approval,
    event="approval.changes_asked",
    repeats=idempotency.decided(DecisionOutcome.ASK),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.CHANGES_ASKED,),
    duties=duties.DECIDING,
    parents=ABOVE,
    reason_needed=True,
)
def ask_for_changes(step: Step[Approval], *, shown_digest: str, seconds: int | None = None) -> Effect:
    """Whoever holds a seat sends the record back with a question; the builder's clock starts (A14)."""
    record = step.subject
    _check_shown(step, shown_digest)
    policy = policy_queries.of(record.submission.policy)
    if record.round >= policy.rounds:
        raise refuse(Refusal("A14", "input", f"After {policy.rounds} rounds it is a yes or a no.", is_attempt=True))
    _record_decision(step, DecisionOutcome.ASK, shown_digest, seconds, None, {})
    record.due_at = record.expires_at = None
    builder = record.submission.submitted_by
    record.builder_due_at = candidates.due(step.now, policy.builder_days, builder)
    owners = record.submission.automation.answering(step.now)
    candidates.tell(
        step,
        record.submission,
        [builder, *owners],
        "changes_asked",
        key=f"changes:{record.pk}:{record.round}:{len(route_of(record, step.now).retracted.get(record.pk, ()))}",
        what=title(record),
        by=step.actor.person.name if step.actor.person else "",
    )
    return Effect()


@transition(
    Approval,
    event="approval.answered",
    repeats=last_word("approval.answered", "approval.changes_asked"),
    permission=Permission.SUBMISSION_ANSWER,
    source=(ApprovalState.CHANGES_ASKED,),
    target=(ApprovalState.OPEN,),
    duties=(duties.DECIDED_NOTHING, duties.ANSWER_IN_TIME),
    parents=ABOVE,
    reason_needed=True,
)
def answer(step: Step[Approval]) -> Effect:
    """The builder's side answers what was asked; the record opens in its next round, and who answered is a party (S1)."""
    record = step.subject
    for person in step.actor.people:
        Party.objects.get_or_create(submission=record.submission, person=person, capacity=Capacity.ANSWERED)
    assert step.reason is not None
    assert step.actor.person is not None  # the permission is a relation's, and only people have those
    Comment.objects.create(
        submission=record.submission, approval=record, by=step.actor.person, at=step.now, text=step.reason
    )
    record.round += 1
    route = Route.load(record.submission, step.now)
    asked = candidates.ask(step, record, route)
    candidates.let_see(record.submission.automation, asked)
    if record.stage == 1:
        candidates.show_duplicates(record.submission.automation, asked)
    candidates.tell(
        step,
        record.submission,
        asked,
        "approval_answered",
        key=f"answered:{record.pk}:{record.round}",
        what=title(record),
        due=_iso(record),
    )
    return Effect(payload={"round": record.round})


def title(record: Approval) -> str:
    """What a mail or a sentence calls a record."""
    return record.title


def _iso(record: Approval) -> str:
    return record.due_at.isoformat() if record.due_at else ""


def _check_together(record: Approval, batch: UUID | None) -> None:
    """What is of high risk is read and decided by itself, on its own page (A7)."""
    if batch is not None and record.tier == "high":
        sentence = "This is high risk: it is not decided together with others."
        raise refuse(Refusal("A7", "input", sentence, "Open its review.", is_attempt=True))


def _check_shown(step: Step[Approval], shown: str) -> None:
    """A decision counts for what the page showed; when that has changed, nothing is decided (A6)."""
    record, present = step.subject, digest.of(step.subject, step.now)
    if digest.digest(present) == shown:
        return
    changed = digest.differences(record.facts, present)
    detail = tuple(changed)
    raise refuse(
        Refusal(
            "A6",
            "stale",
            "This changed after the page was shown to you, so nothing was decided.",
            "Look at what changed and decide again; what you typed is still there.",
            detail,
        )
    )


def _check_conflicts(step: Step[Approval]) -> None:
    """What it would be in conflict with, as narrowed, is not approved where the rule is enforced and nobody has waived it (S6, A7)."""
    record = step.subject
    if all(one.rule.mode != Mode.ENFORCE for one in conflicts.rules_for(record.submission, step.now)):
        return
    others = record.submission.approvals.exclude(pk=record.pk).select_related("privilege")
    key, asked = conflicts.key_of(record), conflicts.asked_in(record.submission)
    left = conflicts.left(record.submission, [*others, record], step.now)
    no = conflicts.refusal([one for one in left if conflicts.takes_part(record.kind, key, one, asked)])
    if no is not None:
        raise refuse(no)


def _narrow(record: Approval, term_days: int | None, level: str, scope: list[str] | None) -> dict[str, Any]:
    """Check and take over a narrowing: shorter, lower, a non-empty part of the set; never wider (A7)."""
    narrowing: dict[str, Any] = {}
    present_days = record.granted_term_days or record.term_days
    if term_days is not None and term_days != present_days:
        if not 1 <= term_days < present_days:
            raise _too_wide("term_days", f"A term can be shortened only: 1 to {present_days} days.")
        narrowing["term_days"] = record.granted_term_days = term_days
    if level:
        narrowing |= _lower(record, level)
    if scope is not None:
        narrowing |= _cut(record, scope)
    return narrowing


def _too_wide(field: str, sentence: str) -> Exception:
    return refuse(Refusal("A7", "input", sentence, detail=((field, sentence),), is_attempt=True))


def _lower(record: Approval, level: str) -> dict[str, Any]:
    privilege = record.privilege
    if privilege is None:
        sentence = "Only a privilege has a level."
        raise refuse(Refusal("A7", "input", sentence, detail=(("level", sentence),)))
    present = record.granted_level or privilege.counted_level
    if level == present:
        return {}
    if level not in LOWER[present]:
        sentence = f"A level can be lowered only; it is {present} now."
        raise _too_wide(
            "level", sentence if LOWER[present] else f"{sentence} Nothing is less than that: ask for changes."
        )
    record.granted_level = level
    return {"level": level}


def _cut(record: Approval, scope: list[str]) -> dict[str, Any]:
    privilege = record.privilege
    present = record.granted_scope if record.granted_scope is not None else (privilege.scope if privilege else [])
    if set(scope) == set(present) and len(scope) == len(present):
        return {}
    if privilege is None or privilege.entitlement.scope_kind not in (ScopeKind.SET, ScopeKind.TABLES, ScopeKind.PATH):
        raise _too_wide("scope", "This scope is free text and can't be narrowed: ask for changes.")
    if not scope or not set(scope) <= set(present) or len(scope) > len(set(scope)):
        raise _too_wide("scope", "A scope can be narrowed only, to a part that is not empty, with each entry once.")
    record.granted_scope = [entry for entry in present if entry in set(scope)]
    return {"scope": record.granted_scope}


def _confirm_bindings(step: Step[Approval]) -> None:
    """What a connection opens is confirmed by the first approval of whoever answers for the resource, and nobody else's (I8)."""
    by_party = bindings.by_party(step.subject)
    for binding in {row.pk: row for row in (*bindings.unconfirmed(step.subject), *by_party)}.values():
        if transition_bindings.confirm_binding.refusal(binding, actor=step.actor, now=step.now) is None:
            transition_bindings.confirm_binding(binding, actor=step.actor, now=step.now, anew=binding in by_party)


def _refuse_bindings(step: Step[Approval]) -> None:
    """Who answers for the resource says that the connection of a record does not open it (I8)."""
    found = bindings.unconfirmed(step.subject)
    if not found:
        sentence = "What this rests on is no connection that is still to be confirmed."
        raise refuse(Refusal("I8", "input", sentence, "Reject it without saying so.", is_attempt=True))
    for binding in found:
        transition_bindings.refuse_binding(binding, actor=step.actor, now=step.now, reason=step.text)


def _said(narrowing: dict[str, Any]) -> dict[str, Any]:
    """The narrowing as the ledger holds it: how many entries, not which, since a scope may name things."""
    return {k: len(v) if isinstance(v, list) else v for k, v in narrowing.items()}


def _record_decision(
    step: Step[Approval],
    outcome: str,
    shown: str,
    seconds: int | None,
    batch: UUID | None,
    narrowing: dict[str, Any],
    standing: SeatStanding | None = None,
) -> Decision:
    """Record the decision in the given seat, or in the open seat of the actor's capacity, and name the candidate."""
    record, capacity = step.subject, step.actor.capacity_of
    assert capacity is not None
    assert step.actor.person is not None
    route = route_of(record, step.now)
    standing = standing or route.seat_for(record, step.actor)
    assert standing is not None  # the duty TURN lets nobody else come this far
    seat = next(s for s in record.seats.all() if s.label == standing.label)
    candidates.name_candidate(seat, capacity, standing.basis_of(capacity), step.now)
    made = Decision.objects.create(
        approval=record,
        seat=seat,
        person=step.actor.person,
        for_person=step.actor.standing_for,
        barred=route.barred(),
        round=record.round,
        again=route.taken_back_by(step.actor.person, record),
        outcome=outcome,
        reason=step.reason,
        term_days=narrowing.get("term_days"),
        level=narrowing.get("level", ""),
        scope=narrowing.get("scope"),
        shown_digest=shown,
        high=record.tier == "high",
        seconds=seconds,
        batch=batch,
        at=step.now,
    )
    route.note(made)
    return made


__all__ = ["ABOVE", "answer", "approve", "ask_for_changes", "reject", "title"]
