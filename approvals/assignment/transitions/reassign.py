"""Open records that none of those who were asked may decide any more: whoever the ladder names now is asked (A1, A9, R9).

Somebody leaves, a lead or an owner changes, a role ends, a decision uses somebody up: of all that the register and the company tell, so
a sweep compares who was asked with who may decide (`reassignment` says when), and this acts. Whoever becomes a party is followed at once (`add_parties`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from approvals.assignment import candidates
from approvals.assignment import rules as assignment_rules
from approvals.assignment.reassignment import EVERYWHERE
from approvals.assignment.route import Route
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from governance.core.engine.transition import Effect, Step, transition
from governance.core.jobs import nudge
from governance.core.models import Person
from governance.core.roles.roles import Permission

#: How candidates of a stage are asked.
ASKED = {1: "stage_1_opened", 2: "stage_2_opened"}

#: What may leave a record with nobody who was asked: the sweep looks at once.
CHANGING = (
    *sorted(EVERYWHERE),
    "resource.owner_named",
    "resource.ownership_accepted",
    "interim.confirmed",
    "interim.dropped",
)


@transition(
    Submission,
    event="submission.passed_on",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN,),
    duties=(assignment_rules.SOMEBODY_NEXT,),
    parents=("automation",),
)
def pass_on(step: Step[Submission]) -> Effect:
    """None of those who were asked may decide any more: whoever is next on the ladder is asked, with what is left of the time (A9)."""
    asked = ask_next(step, candidates.open_records(step.subject), Route.load(step.subject, step.now))
    return Effect(payload={"asked": [str(person.opaque_id) for person in asked]})


@transition(
    Submission,
    event="submission.deputies_asked",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN,),
    duties=(assignment_rules.HALF_IS_GONE,),
    parents=("automation",),
)
def ask_deputies(step: Step[Submission]) -> Effect:
    """Half of the time of an open record is gone: its deputy is asked too, with what is left of the time (A10)."""
    records = candidates.open_records(step.subject)
    asked = ask_next(step, records, Route.load(step.subject, step.now), put=candidates.add_deputy, because="late")
    return Effect(payload={"asked": [str(person.opaque_id) for person in asked]})


def ask_next(
    step: Step[Any],
    records: Iterable[Approval],
    route: Route,
    *,
    put: Callable[[Approval, Route], list[Person]] = candidates.pass_on,
    because: str = "instead",
) -> list[Person]:
    """Ask whoever is next about the open ones of some records; each hears once of all that came to them.

    Args:
        step: the running step.
        records: with seats, candidates and ladders.
        route: of their submission.
        put: puts one of them before whoever is next, and returns who was not asked before.
        because: what the mail says of why they are asked now.

    Returns:
        Everybody who was asked.
    """
    submission: Submission = route.submission
    asked: dict[tuple[int, Person], list[Approval]] = defaultdict(list)
    for record in records:
        if record.state == ApprovalState.OPEN:
            for person in put(record, route):
                asked[record.stage, person].append(record)
    people = list({person.pk: person for _, person in asked}.values())
    candidates.let_see(submission.automation, people)
    candidates.show_duplicates(submission.automation, [person for stage, person in asked if stage == 1])
    for (stage, person), theirs in asked.items():
        due = min(filter(None, (record.due_at for record in theirs)), default=None)
        candidates.tell(
            step,
            submission,
            [person],
            ASKED[stage],
            key=f"{ASKED[stage]}:{min(record.pk for record in theirs)}",  # nobody becomes a candidate of a record's seat twice
            count=len(theirs),
            due=due.isoformat() if due else "",
            **{because: True},
        )
    return people


def look_again(changed: object, step: Step[Any]) -> None:
    """Wake the sweep, which asks whoever is next: registered for `CHANGING`."""
    nudge.send("approvals.sweep")
