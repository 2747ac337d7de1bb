"""Actions of the reader on an approval, the actor for each, and extra approvals that it needs.

It asks `refusal()` and the route of the write, and decides nothing.
"""

from dataclasses import dataclass

from approvals.assignment.context import SubmissionContext
from approvals.decisions.transitions.decide import approve, reject
from approvals.decisions.transitions.undo import retract
from approvals.models import Approval, ApprovalState, Decision, SeatLabel
from approvals.models.conflict_rule import Mode
from approvals.review.views.reader import Reader
from governance.core.access import Actor, Refusal
from governance.core.engine.transition import Transition


def decider_of(
    record: Approval, context: SubmissionContext, reader: Reader, verb: Transition[Approval] = approve
) -> tuple[Actor, Refusal | None]:
    """Return the actor for a decision of the reader: the reader, or a giver whose delegate they are (A11).

    Args:
        record: the approval.
        context: of its submission.
        reader: the person who would decide.
        verb: the operation; some refusals of an approval do not apply to a rejection (I3).

    Returns:
        The actor, and the refusal if there is no eligible one. If the reader has no part of their own, both are for the delegate.
    """
    own_refusal = verb.refusal(record, actor=reader.actor, now=reader.now, context=context)
    if own_refusal is None or own_refusal.code == "STATE" or reader.actor.person is None:
        return reader.actor, own_refusal
    route = context.route
    standings = route.standing(record)
    givers = [person for standing in standings for person in standing.may_decide]
    if own_refusal.kind == "permission":
        givers += [skip.person for standing in standings for skip in standing.skipped]
    delegate_result: tuple[Actor, Refusal | None] = reader.actor, own_refusal
    for person in givers:
        if reader.stands_in_for(person):
            stand_in = reader.actor.for_person(person)
            giver_refusal = verb.refusal(record, actor=stand_in, now=reader.now, context=context)
            if giver_refusal is None:
                return stand_in, None
            delegate_result = (stand_in, giver_refusal) if delegate_result[0].standing_for is None else delegate_result
    return delegate_result


@dataclass(frozen=True)
class AllowedActions:
    """Actions of the reader on an open approval.

    Args:
        actor: the actor for the decision.
        refusal: why they may not decide; None if they may at least reject it.
        held: why nobody can approve it now although the reader may reject it; None if they may approve it.
    """

    actor: Actor
    refusal: Refusal | None
    held: Refusal | None = None


def allowed_actions(record: Approval, context: SubmissionContext, reader: Reader) -> AllowedActions:
    """Return the reader's actions on an approval. An orphaned resource, for example, blocks approving and allows rejecting (I3)."""
    actor, refusal = decider_of(record, context, reader)
    if refusal is None or refusal.kind != "state" or record.state != ApprovalState.OPEN:
        return AllowedActions(actor, refusal)
    rejecting, reject_refusal = decider_of(record, context, reader, reject)
    if reject_refusal is not None:
        return AllowedActions(actor, refusal)
    return AllowedActions(rejecting, None, held=refusal)


def gives_extra_approval(record: Approval, context: SubmissionContext, actor: Actor) -> bool:
    """Whether the reader's approval would be the extra approval of a conflict, given once for all its approvals (S6)."""
    if record.state != ApprovalState.OPEN:
        return False
    seat = context.route.seat_for(record, actor)
    return seat is not None and seat.label == SeatLabel.CONFLICT


def extra_approval_words(record: Approval, context: SubmissionContext, holders: str) -> str:
    """Sentences about an approval that lacks only the extra approval of a conflict: the conflicts and the reviewers (S6).

    Args:
        record: of stage 2.
        context: of its submission.
        holders: names of the reviewers; empty if nobody is left.

    Returns:
        Empty for another approval.
    """
    if record.state != ApprovalState.OPEN:
        return ""
    if [seat.label for seat in context.route.standing(record) if not seat.is_filled] != [SeatLabel.CONFLICT]:
        return ""
    remaining = context.conflicts.remaining_of(record)
    sentences = dict.fromkeys(conflict.sentence for conflict in remaining if conflict.mode == Mode.APPROVAL)
    return " ".join([*sentences, f"It is with {holders}." if holders else "Nobody is left to give it."])


def undoer_of(record: Approval, context: SubmissionContext, reader: Reader) -> tuple[Actor, Refusal | None]:
    """Return the actor for retracting the reader's last decision, and the refusal: the reader, or the giver they decided for (A8, A11)."""
    own_decisions = context.route.own_decisions(record)
    last, actor = own_decisions[-1] if own_decisions else None, reader.actor
    if last is not None and last.for_person is not None and reader.is_me(last.person):
        actor = actor.for_person(last.for_person) if reader.stands_in_for(last.for_person) else actor
    return actor, retract.refusal(record, actor=actor, now=reader.now, context=context)


def undoable_decision(record: Approval, context: SubmissionContext, reader: Reader) -> Decision | None:
    """Return the last decision on an approval if it is the reader's and they may retract it (A8)."""
    counted = context.route.own_decisions(record)
    if not counted or not (reader.is_me(counted[-1].person) or reader.is_me(counted[-1].for_person)):
        return None
    return counted[-1] if undoer_of(record, context, reader)[1] is None else None
