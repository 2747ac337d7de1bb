"""The due date of an approval and when it expires: set when it opens, moved when it was paused (A10, H8).

`decisions.rules.deadlines` compares them with the time of a decision.
"""

from collections.abc import Sequence
from datetime import datetime

from approvals.assignment.route import Route
from approvals.models import Approval
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, zone_of
from governance.core.models import Person


def deadline_after(start: datetime, days: int, person: Person | None) -> datetime:
    """Return the end of ``days`` working days for a person, or for the organisation if ``person`` is None."""
    return working_days.add_working_days(start, days, zone_of(person), organisation_holidays())


def resume_clock(
    approval: Approval, before: Approval, *, since: datetime, now: datetime, person: Person | None
) -> None:
    """Restart the clock of a paused approval with the time that was left (A10, H8).

    Deadlines move by the working days that ended during the pause, and so stay at the end of a day. The opening moves
    by the elapsed time, so that half of the time is over when half of it was available.

    Args:
        approval: the approval, saved by the caller.
        before: the approval when its clock stopped.
        since: when the clock stopped.
        now: business time.
        person: the person who must act; days end in their time zone. None for the organisation's zone.
    """
    ended = working_days.working_days_that_ended(since, now, zone_of(person), organisation_holidays())

    def later(deadline: datetime | None) -> datetime | None:
        return deadline_after(deadline, ended, person) if deadline is not None and ended else deadline

    approval.opened_at = before.opened_at + (now - since) if before.opened_at is not None else None
    approval.due_at, approval.expires_at = later(before.due_at), later(before.expires_at)


def start_clock(approval: Approval, route: Route, people: Sequence[Person]) -> None:
    """Set the deadlines of an approval that opens now, in the time zone of the first person asked (A10, H8)."""
    policy, first = route.facts.policy, people[0] if people else None
    approval.opened_at = route.now
    approval.due_at = deadline_after(route.now, policy.due_days(approval.tier), first)
    approval.expires_at = deadline_after(route.now, policy.expiry_days(approval.tier), first)
