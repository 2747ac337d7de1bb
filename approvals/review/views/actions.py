"""What the reader of the review page may say about a record, as whom, and what a yes of theirs would ask of others besides.

Asks `refusal()`, and the same route that the write asks; decides nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from approvals.assignment.route import Route
from approvals.conflicts.check import remaining_conflicts
from approvals.decisions.transitions.decide import approve, reject
from approvals.decisions.transitions.undo import retract
from approvals.models import Approval, ApprovalState, SeatLabel
from approvals.models.conflict import Mode
from approvals.review.views.reader import Reader, Shape
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Transition


def decider_of(
    record: Approval, route: Route, reader: Reader, verb: Transition[Approval] = approve
) -> tuple[Actor, Refusal | None]:
    """As whom the reader may decide a record: as themself, else for whoever passed their decisions on to them (A11).

    Args:
        record: what is decided.
        route: of its submission.
        reader: who would decide.
        verb: what they would do; not all that keeps from approving keeps from rejecting (I3).

    Returns:
        The actor to use, and why not when there is none who may: where the reader has no part in it themself, the actor who
        stands in and what keeps whom they stand in for.
    """
    own = verb.refusal(record, actor=reader.actor, now=reader.now)
    if own is None or own.code == "STATE" or reader.actor.person is None:
        return reader.actor, own
    standings = route.standing(record)
    givers = [person for standing in standings for person in standing.may_decide]
    if own.kind == "permission":
        givers += [one.person for standing in standings for one in standing.skipped]
    found: tuple[Actor, Refusal | None] = reader.actor, own
    for person in givers:
        if any(reader.is_me(taker) for taker in route.delegates.get(person.pk, ())):
            stand_in = reader.actor.for_person(person)
            no = verb.refusal(record, actor=stand_in, now=reader.now)
            if no is None:
                return stand_in, None
            found = (stand_in, no) if found[0].standing_for is None else found
    return found


@dataclass(frozen=True)
class Say:
    """What the reader may say about an open record.

    Args:
        actor: as whom.
        no: why they may decide nothing about it; None for whoever may at least reject it.
        held: why nobody approves it as it stands, where they may reject it; None where they may approve it.
    """

    actor: Actor
    no: Refusal | None
    held: Refusal | None = None


def say_of(record: Approval, route: Route, reader: Reader) -> Say:
    """What the reader may say about a record: what keeps anybody from approving it, a resource that is orphaned say, keeps nobody
    from rejecting it (I3).
    """
    actor, no = decider_of(record, route, reader)
    if no is None or no.kind != "state" or record.state != ApprovalState.OPEN:
        return Say(actor, no)
    rejecting, still_no = decider_of(record, route, reader, reject)
    return Say(actor, no) if still_no is not None else Say(rejecting, None, held=no)


def note(record: Approval, route: Route, say: Say, holders: str, now: datetime) -> Shape | None:
    """The note about the extra approval that the record waits for, or that the reader would give; see `conflict_signature`."""
    if say.no is not None or signs(record, route, say.actor):
        return conflict_signature(record, route, holders, now)
    return None


def signs(record: Approval, route: Route, actor: Actor) -> bool:
    """Whether the reader's yes would be the extra approval that a conflict takes, which is given once for all in it (S6)."""
    if record.state != ApprovalState.OPEN or all(seat.label != SeatLabel.CONFLICT for seat in route.seats(record)):
        return False
    seat = route.seat_for(record, actor)
    return seat is not None and seat.label == SeatLabel.CONFLICT


def conflict_signature(record: Approval, route: Route, holders: str, now: datetime) -> Shape | None:
    """The note of an approval that lacks only the extra approval of a conflict: the conflicts and the reviewers (S6).

    Args:
        record: of stage 2.
        route: of its submission.
        holders: names of the reviewers; empty where nobody is left.
        now: business time.
    """
    if record.state != ApprovalState.OPEN:
        return None
    if [seat.label for seat in route.standing(record) if not seat.is_filled] != [SeatLabel.CONFLICT]:
        return None
    found = [one for one in remaining_conflicts.of_record(record, now) if one.mode == Mode.APPROVAL]
    said = [
        *dict.fromkeys(one.sentence for one in found),
        f"It is with {holders}." if holders else "Nobody is left to give it.",
    ]
    lead = "Needs one more approval, from Security, because of a conflict."
    return {"tone": "wait", "icon": "person", "lead": lead, "text": " ".join(said)}


def undoer_of(record: Approval, route: Route, reader: Reader) -> tuple[Actor, Refusal | None]:
    """As whom the reader may take back what was decided last on a record, and why not: as themself, or for whom they decided (A8, A11)."""
    counted = route.own_decisions(record)
    last, actor = counted[-1] if counted else None, reader.actor
    if last is not None and last.for_person is not None and reader.is_me(last.person):
        takers = route.delegates.get(last.for_person.pk, ())
        actor = actor.for_person(last.for_person) if any(reader.is_me(taker) for taker in takers) else actor
    return actor, retract.refusal(record, actor=actor, now=reader.now)
