"""Duties of asking the next approvers and the backup approver (A9, A10)."""

from __future__ import annotations

from datetime import datetime

from approvals.assignment import candidates
from approvals.assignment.route import Route
from approvals.models import Submission
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal


def _somebody_next(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    route = Route.load(subject, now)
    if any(candidates.seats_to_reassign(record, route) for record in candidates.open_records(subject)):
        return None
    return Refusal("A9", "state", "Those who were asked may still decide, or nobody else may.")


def _half_is_gone(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    route = Route.load(subject, now)
    if any(candidates.seats_for_deputy(record, route) for record in candidates.open_records(subject)):
        return None
    return Refusal("A10", "state", "Half of the time is not gone, or there is no deputy who may decide.")


HAS_NEXT_APPROVER = Duty(
    "A9", "A9", "The next are asked where none of those who were asked may decide any more.", _somebody_next
)


IS_HALF_TIME_OVER = Duty("A10", "A10", "The deputy is asked too once half of a record's time is gone.", _half_is_gone)
