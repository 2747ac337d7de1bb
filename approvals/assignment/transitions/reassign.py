"""Ask the next people on the escalation chain about open approvals without an eligible candidate (A1, A9, R9).

Causes are many: a person leaves, a lead or owner changes, a role ends, a decision uses a person up. So a sweep
compares the candidates with the eligible people (`assignment.jobs` selects the approvals), and this module acts. A new
party is handled at once (`add_parties`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from approvals.assignment import candidates
from approvals.assignment.context import SubmissionContext, on_submission
from approvals.assignment.route import Route
from approvals.assignment.seat_state import SeatState
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from governance.core.access import Actor, Permission, Refusal, duty
from governance.core.engine.transition import Effect, Step
from governance.core.jobs import nudge
from governance.core.models import Person


@duty("A9", needs_context=True)
def has_next_approver(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """The next approvers are asked when no asked approver may decide any more."""
    is_open = (approval for approval in context.approvals if approval.state == ApprovalState.OPEN)
    if any(candidates.seats_to_reassign(approval, context.route) for approval in is_open):
        return None
    return Refusal("A9", "state", "Those who were asked may still decide, or nobody else may.")


@duty("A10", needs_context=True)
def is_half_time_over(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """The deputy is asked too at half of an approval's time, and the rest of the escalation chain at its due date."""
    is_open = (approval for approval in context.approvals if approval.state == ApprovalState.OPEN)
    if any(candidates.seats_for_late_rungs(approval, context.route) for approval in is_open):
        return None
    return Refusal("A10", "state", "Not enough time has passed, or nobody else may decide.")


#: Notice events by stage.
ASKED = {1: "stage_1_opened", 2: "stage_2_opened"}

#: Events that may change the eligible people of any approval.
EVERYWHERE = frozenset(
    {"person.left", "role.given", "role.given_back", "role.ended", "team.joined", "team.leads_named", "team.left"}
)

#: Events after which an approval may have no candidate left: the sweep runs at once.
CAUSES = (
    *sorted(EVERYWHERE),
    *("resource.owner_named", "resource.ownership_accepted", "interim.confirmed", "interim.dropped"),
)


@on_submission(
    event="submission.passed_on",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN,),
    duties=(has_next_approver,),
)
def reassign(step: Step[Submission]) -> Effect:
    """Ask the next people on the escalation chain because no candidate may decide any more; the clock runs on (A9)."""
    people = ask_next(step, step.context)
    return Effect(payload={"asked": [str(person.opaque_id) for person in people]})


@on_submission(
    event="submission.deputies_asked",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN,),
    duties=(is_half_time_over,),
)
def ask_deputies(step: Step[Submission]) -> Effect:
    """Ask the deputies of approvals whose time is half over; the clock runs on (A10)."""
    people = ask_next(step, step.context, seats=candidates.seats_for_late_rungs, because="late")
    return Effect(payload={"asked": [str(person.opaque_id) for person in people]})


def ask_next(
    step: Step[Any],
    context: SubmissionContext,
    *,
    seats: Callable[[Approval, Route], list[SeatState]] = candidates.seats_to_reassign,
    among: Iterable[Approval] | None = None,
    because: str = "instead",
) -> list[Person]:
    """Ask the next people about open approvals; each person gets one notice.

    Args:
        step: the running step.
        context: of the submission.
        seats: returns the seats of one approval whose people are asked.
        among: the approvals; all by default.
        because: the reason in the mail.

    Returns:
        The people who were asked.
    """
    submission, route = context.submission, context.route
    records_by_person: dict[tuple[int, Person], list[Approval]] = defaultdict(list)
    for record in context.approvals if among is None else among:
        if record.state == ApprovalState.OPEN:
            for person in candidates.name_candidates(seats(record, route), route):
                records_by_person[record.stage, person].append(record)
    people = list({person.pk: person for _, person in records_by_person}.values())
    candidates.grant_view(submission.automation, people)
    candidates.show_duplicates(submission.automation, [person for stage, person in records_by_person if stage == 1])
    for (stage, person), person_records in records_by_person.items():
        due = min(filter(None, (record.due_at for record in person_records)), default=None)
        candidates.queue_notices(
            step,
            submission,
            [person],
            ASKED[stage],
            key=f"{ASKED[stage]}:{min(record.pk for record in person_records)}",  # a person becomes a candidate of a seat only once
            count=len(person_records),
            due=due.isoformat() if due else "",
            **{because: True},
        )
    return people


def wake_sweep(changed: object, step: Step[Any]) -> None:
    """Wake the sweep that asks the next people: registered for `CAUSES`."""
    nudge.send("approvals.sweep")
