"""Whether enough distinct people without a conflict exist for all records of a submission together (A9).

Asked before anybody is asked, for the preview and at submission; and of everybody who could decide, for what that would leave
(`next_approver`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from approvals.models import Approval, ApprovalKind
from governance.core.models import Person

#: What a sentence calls stage 1's question.
APP = "the app"

Seats = tuple[tuple[str, tuple[Person, ...]], ...]


@dataclass(frozen=True)
class Question:
    """One record as routing sees it before it exists: for preview and for the check at submission."""

    name: str
    stage: int
    seats: Seats

    def without(self, label: str, people: Iterable[Person]) -> Question:
        """The same with one seat filled by these people, who fill no other of it."""
        gone = {person.pk for person in people}
        left = ((other, who) for other, who in self.seats if other != label)
        return Question(
            self.name,
            self.stage,
            tuple((other, tuple(one for one in who if one.pk not in gone)) for other, who in left),
        )

    def needs(self, label: str, person: Person) -> bool:
        """Whether its other seats could be filled, but not without this person (A8)."""
        others = self.without(label, ()).seats
        return _distinct(others, frozenset()) and not _distinct(others, frozenset({person.pk}))


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


def question_name(approval: Approval) -> str:
    """What a sentence calls a record: the app, or what the privilege or credential is."""
    return APP if approval.kind == ApprovalKind.APP else str(approval.privilege or approval.credential)


def after(question: Question, label: str, people: Iterable[Person], others: Sequence[Question]) -> list[str]:
    """What nobody would be left for once these people have filled one seat, all that is undecided together (A9).

    Args:
        question: the record, with what of its seats is open.
        label: the seat.
        people: who fills it: the decider, and whom they stand in for (A11).
        others: the other undecided records that they may decide nothing of then; none for a record of stage 2.
    """
    who = list(people)
    return shortage([question.without(label, who), *others], stage_1_taken=frozenset(person.pk for person in who))


def unfilled(wanted: Sequence[tuple[str, frozenset[int]]]) -> list[int]:
    """Which of some places nobody is left for, if each is taken by somebody else: a maximum bipartite matching.

    What comes first is filled first, and stays filled, by somebody else if need be (augmenting paths, Kuhn 1955).

    Args:
        wanted: for each place its name and the keys of who could take it.

    Returns:
        Numbers of the places that stay empty; as few as can be.
    """
    taken: dict[int, int] = {}

    def place(number: int, seen: set[int]) -> bool:
        for person in sorted(wanted[number][1] - seen):
            if person in seen:
                continue  # further down somebody was tried meanwhile
            seen.add(person)
            if person not in taken or place(taken[person], seen):
                taken[person] = number
                return True
        return False

    return [number for number in range(len(wanted)) if not place(number, set())]
