"""The third signature as somebody approves: whoever signs and has a signal with a builder, in whatever seat, signs with a third (S10).

Making a record and opening it look at who stands on the ladder of its first seat. Nobody knows before the decision who signs for whom
(A11), who fills the other seats, and what has come up since it opened. So it is asked once more here, of whoever decides, and of everybody
whose work it is. The seat that they fill is theirs; the record stays open until somebody from outside has signed besides.
"""

from __future__ import annotations

from django.db.models import prefetch_related_objects

from approvals import asking, third
from approvals.models import Approval, SeatLabel
from approvals.routing import route_of
from approvals.transitions import likening
from governance.controls.refusals import refuse
from governance.controls.transitions import Step


def is_needed(step: Step[Approval]) -> bool:
    """Whether who approves now has a signal with a builder of it, on high risk, and no third signature is asked for yet.

    Asked before the decision is written: this one does not count in the signal.
    """
    record = step.subject
    return route_of(record, step.now).would_ask_outside(record, step.actor)


def ask(step: Step[Approval]) -> None:
    """Add the seat of somebody from outside both teams, and ask and tell whoever may fill it; the record's clock runs on.

    Raises:
        Refused: nobody from outside is left, and nothing is decided then (A9).
    """
    record, submission = step.subject, step.subject.submission
    route = route_of(record, step.now)
    (seat,) = third.seats_for([record])
    seat.save()
    step.record("approval.third_asked", record)
    route.add_seat(seat)
    record.__dict__.get("_prefetched_objects_cache", {}).pop("seats", None)
    prefetch_related_objects([record], "seats__candidates")
    standing = next(one for one in route.standing(record) if one.label == SeatLabel.OUTSIDE)
    if not standing.may_decide:
        raise refuse(third.NOBODY_LEFT)
    people = asking.pass_on(record, route)
    asking.let_see(submission.automation, people)
    if record.stage == 1:
        likening.let_see(submission.automation, people)
    event, due = f"stage_{record.stage}_opened", record.due_at.isoformat() if record.due_at else ""
    asking.tell(step, submission, people, event, key=f"third:{record.pk}", count=1, due=due)


__all__ = ["ask", "is_needed"]
