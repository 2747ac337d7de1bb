"""Taking back one's own decision while its submission is undecided: the record is open again, and both stay on record (A8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approvals.assignment import candidates
from approvals.assignment.route import Route, route_of
from approvals.decisions.rules import duties
from approvals.decisions.transitions import extra_approval
from approvals.decisions.transitions.decide import ABOVE, title
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Retraction, SeatLabel
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission


def _taken_back(record: Approval, actor: Actor, text: str, params: Mapping[str, Any]) -> Approval | None:
    """The record, where the person has taken back this very decision: a second press (A8)."""
    own = Retraction.objects.filter(decision=params.get("decision"), decision__approval=record, person=actor.person)
    return record if own.exists() else None


@transition(
    Approval,
    event="approval.retracted",
    repeats=_taken_back,
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN, ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.CHANGES_ASKED),
    target=(ApprovalState.OPEN,),
    duties=duties.RETRACTING,
    parents=ABOVE,
)
def retract(step: Step[Approval], *, decision: int, alone: bool = False) -> Effect:
    """Whoever decided last takes that back; what others signed in this round stands, and the record's time runs on as before (A10).

    An app that was approved closes what it opened: nobody has decided there yet (A4). What was said with it about a connection stays
    said (I8). An extra approval is taken back on all that it covered (S6).

    Args:
        step: the running step.
        decision: id of the decision that the page showed.
        alone: whether the caller takes back the rest of an extra approval.
    """
    record, person = step.subject, step.actor.person
    route = route_of(record, step.now)
    taken = duties.own_decision(record, step.actor, step.now)
    assert taken is not None  # the duty OWN_DECISION lets nobody else come this far
    assert person is not None
    if taken.pk != decision:
        sentence = "Something else was decided here since the page was shown to you, so nothing was taken back."
        raise refuse(Refusal("A6", "stale", sentence, "Look at what stands here now."))
    for_person = step.actor.standing_for
    Retraction.objects.create(decision=taken, person=person, for_person=for_person, reason=step.reason, at=step.now)
    route.take_back(taken)
    if taken.seat.label == SeatLabel.CONFLICT and taken.outcome == DecisionOutcome.APPROVE and not alone:
        extra_approval.take_back(step, taken, retract)
    record.retracted += 1
    if record.state == ApprovalState.APPROVED and record.stage == 1:
        for waiting in record.submission.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
            close_again(waiting, actor=step.actor, now=step.now)
    if taken.outcome == DecisionOutcome.ASK:
        _go_on(step, taken)
    record.ended_at = None
    _widen_again(record, route)
    _tell_the_others(step, route)
    return Effect(to=ApprovalState.OPEN, payload={"outcome": taken.outcome})


@transition(
    Approval,
    event="approval.closed_again",
    permission=None,
    source=(ApprovalState.OPEN,),
    target=(ApprovalState.WAITING,),
)
def close_again(step: Step[Approval]) -> Effect:
    """What opened it was taken back before anybody decided it: it waits, and its time begins anew when it opens (A4)."""
    record = step.subject
    record.opened_at = record.due_at = record.expires_at = None
    return Effect()


def _tell_the_others(step: Step[Approval], route: Route) -> None:
    """Tell whoever else may decide it again, unless they have been told: a digest leaves out what was decided before it went."""
    record = step.subject
    others = [who for seat in route.standing(record) for who in seat.may_decide if who != step.actor.person]
    event = f"stage_{record.stage}_opened"
    due = record.due_at.isoformat() if record.due_at else ""
    candidates.tell(step, record.submission, others, event, key=event, count=1, due=due)


def _go_on(step: Step[Approval], question: Decision) -> None:
    """Nothing is asked of the builder any more: the approvers have the working days that they had left when it was asked, and whoever was
    told of the question hears that.
    """
    record, route = step.subject, route_of(step.subject, step.now)
    before = record.history.filter(state=ApprovalState.OPEN, round=record.round).order_by("-history_id").first()
    assert before is not None  # it was open when it was asked about
    first = next((person for seat in route.standing(record) for person in seat.may_decide), None)
    candidates.go_on(record, before, since=question.at, now=step.now, person=first)
    record.builder_due_at = None
    submission = record.submission
    candidates.tell(
        step,
        submission,
        candidates.builders(submission, step.now),
        "question_retracted",
        key=f"retracted:{record.pk}:{record.round}:{len(route.retracted[record.pk])}",
        what=title(record),
        by=step.actor.person.name if step.actor.person else "",
    )


def _widen_again(record: Approval, route: Route) -> None:
    """What the decision narrowed is as it was before: as asked, or as others have narrowed it (A7)."""
    source = record.carried_from
    record.granted_term_days = source.granted_term_days if source is not None else None
    record.granted_level = source.granted_level if source is not None else ""
    record.granted_scope = source.granted_scope if source is not None else None
    for one in route.decisions.get(record.pk, ()):
        _narrow(record, one)


def _narrow(record: Approval, one: Decision) -> None:
    record.granted_term_days = one.term_days or record.granted_term_days
    record.granted_level = one.level or record.granted_level
    record.granted_scope = one.scope if one.scope is not None else record.granted_scope


__all__ = ["close_again", "retract"]
