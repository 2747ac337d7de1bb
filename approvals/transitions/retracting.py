"""Taking back one's own decision while its submission is undecided: the record is open again, and both stay on record (A8)."""

from __future__ import annotations

from approvals import asking, duties
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Retraction
from approvals.routing import Route, route_of
from approvals.transitions.deciding import ABOVE, title
from governance.controls.once import last_word
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition

#: What can be done to a record instead; a second press is known by the last of these.
DECIDED = ("approval.approved", "approval.rejected", "approval.changes_asked")


@transition(
    Approval,
    event="approval.retracted",
    repeats=last_word("approval.retracted", *DECIDED),
    permission=Permission.APPROVAL_DECIDE,
    source=(ApprovalState.OPEN, ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.CHANGES_ASKED),
    target=(ApprovalState.OPEN,),
    duties=duties.RETRACTING,
    parents=ABOVE,
)
def retract(step: Step[Approval]) -> Effect:
    """Whoever decided takes that back; what others signed in this round stands, and the record's time runs on as before (A10).

    An app that was approved closes what it opened: nobody has decided there yet (A4). What was said with it about a
    connection stays said (I8).
    """
    record = step.subject
    route = route_of(record, step.now)
    decision = duties.own_decision(record, step.actor, step.now)
    assert decision is not None  # the duty OWN_DECISION lets nobody else come this far
    assert step.actor.person is not None
    who = {"person": step.actor.person, "for_person": step.actor.standing_for}
    Retraction.objects.create(decision=decision, **who, reason=step.reason, at=step.now)
    route.take_back(decision)
    if record.state == ApprovalState.APPROVED and record.stage == 1:
        for waiting in record.submission.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
            close_again(waiting, actor=step.actor, now=step.now)
    if decision.outcome == DecisionOutcome.ASK:
        _go_on(step)
    record.ended_at = None
    _widen_again(record, route)
    return Effect(to=ApprovalState.OPEN, payload={"outcome": decision.outcome})


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


def _go_on(step: Step[Approval]) -> None:
    """Nothing is asked of the builder any more: the approvers' time runs on as it stood, and who was told of the question hears it."""
    record = step.subject
    before = record.history.filter(state=ApprovalState.OPEN, round=record.round).order_by("-history_id").first()
    assert before is not None  # it was open when it was asked about
    record.due_at, record.expires_at, record.builder_due_at = before.due_at, before.expires_at, None
    submission = record.submission
    asking.tell(
        step,
        submission,
        asking.builders(submission, step.now),
        "question_retracted",
        key=f"retracted:{record.pk}:{record.round}:{len(route_of(record, step.now).retracted[record.pk])}",
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
