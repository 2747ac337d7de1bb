"""Whether enough distinct people without a conflict exist for all records of a submission together (A9).

Asked before anybody is asked, for the preview and at submission; and again when stage 1 is decided, for what that would leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from approvals.models import Approval, ApprovalKind
from approvals.routing import Route
from governance.controls.models import Person


@dataclass(frozen=True)
class Question:
    """One record as routing sees it before it exists: for preview and for the check at submission."""

    name: str
    stage: int
    seats: tuple[tuple[str, tuple[Person, ...]], ...]


def _distinct(seats: Sequence[tuple[str, tuple[Person, ...]]], without: frozenset[int]) -> bool:
    """Whether the seats of one record can be filled by distinct people, none of them in ``without``."""
    choices = [[p.pk for p in people if p.pk not in without] for _, people in seats]
    return any(len(set(picked)) == len(picked) for picked in product(*choices))


def shortage(questions: Sequence[Question], *, stage_1_taken: frozenset[int] = frozenset()) -> list[str]:
    """What is short if all records are to be decided by eligible, distinct people; empty when enough exist (A9).

    A matching over all approvals together: whoever decides the app decides no privilege, so each way of filling stage 1 is
    tried against every record of stage 2. Seats are few (one or two a record), which makes trying all of them exact.

    Args:
        questions: all records of the submission.
        stage_1_taken: ids of people already used up by stage 1.

    Returns:
        Names of the records that nobody is left for, under the way of filling stage 1 that leaves the fewest.
    """
    first = [q for q in questions if q.stage == 1]
    second = [q for q in questions if q.stage == 2]
    best: list[str] | None = None
    for used in _ways([seat for q in first for seat in q.seats]):
        taken = frozenset(used) | stage_1_taken
        short = [q.name for q in second if not _distinct(q.seats, taken)]
        if not short:
            return []
        best = short if best is None or len(short) < len(best) else best
    return best if best is not None else [q.name for q in first]


def _ways(seats: Sequence[tuple[str, tuple[Person, ...]]]) -> Iterable[tuple[int, ...]]:
    """Every way of filling the seats of stage 1 with distinct people."""
    if not seats:
        return [()]
    picks = product(*[[p.pk for p in people] for _, people in seats])
    return (picked for picked in picks if len(set(picked)) == len(picked))


def questions_of(route: Route, approvals: Iterable[Approval]) -> list[Question]:
    """The undecided records of a submission as questions, each with its open seats and who could fill them."""
    return [
        Question(question_name(approval), approval.stage, route.left_for(approval))
        for approval in approvals
        if not approval.has_ended
    ]


def question_name(approval: Approval) -> str:
    """What a sentence calls a record: the app, or what the privilege or credential is."""
    return "the app" if approval.kind == ApprovalKind.APP else str(approval.privilege or approval.credential)


def would_strand(route: Route, approvals: Sequence[Approval], person: Person) -> list[str]:
    """What of stage 2 nobody would be left for if this person decided stage 1 (A9's warning)."""
    second = [q for q in questions_of(route, approvals) if q.stage == 2]
    return [q.name for q in second if not _distinct(q.seats, frozenset({person.pk}))]
