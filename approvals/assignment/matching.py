"""Check that enough distinct people without a conflict exist for all approvals of a submission together (A9). Pure.

Used for the preview, at submission, and to see what a decision would leave (`escalation_chain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from approvals.models import Approval, ApprovalKind
from governance.core.models import Person

#: The name of the stage 1 approval in sentences.
APP = "the app"

Seats = tuple[tuple[str, tuple[Person, ...]], ...]


@dataclass(frozen=True)
class Question:
    """One approval as the matching sees it, before it exists."""

    name: str
    stage: int
    seats: Seats

    def without(self, label: str, people: Iterable[Person]) -> Question:
        """Return the question with one seat filled by these people, who can't fill its other seats."""
        filled_by = {person.pk for person in people}
        left = ((other, people) for other, people in self.seats if other != label)
        seats = ((other, tuple(person for person in people if person.pk not in filled_by)) for other, people in left)
        return replace(self, seats=tuple(seats))

    def needs(self, label: str, person: Person) -> bool:
        """Return whether the other seats can be filled, but only with this person (A8)."""
        others = self.without(label, ()).seats
        return _can_fill(others, frozenset()) and not _can_fill(others, frozenset({person.pk}))


def _fillings(seats: Seats, without: frozenset[int] = frozenset()) -> Iterator[tuple[int, ...]]:
    """Return each way to fill some seats with distinct people outside ``without``."""
    choices = [[p.pk for p in people if p.pk not in without] for _, people in seats]
    return (picked for picked in product(*choices) if len(set(picked)) == len(picked))


def _can_fill(seats: Seats, without: frozenset[int]) -> bool:
    return next(_fillings(seats, without), None) is not None


def shortage(questions: Sequence[Question], *, stage_1_taken: frozenset[int] = frozenset()) -> list[str]:
    """Return the approvals that lack an eligible person if distinct people decide them all; empty if enough exist (A9).

    Stage 1 deciders can't decide stage 2. So each way to fill stage 1 is tried against each approval of stage 2. An
    approval has one or two seats, so trying all ways is exact and fast.

    Args:
        questions: all approvals of the submission.
        stage_1_taken: ids of people already used up by stage 1.

    Returns:
        Names of the approvals without an eligible person, for the way to fill stage 1 that leaves the fewest.
    """
    first = [q for q in questions if q.stage == 1]
    second = [q for q in questions if q.stage == 2]
    best: list[str] | None = None
    for used in _fillings(tuple(seat for q in first for seat in q.seats)):
        used_ids = frozenset(used) | stage_1_taken
        short = [q.name for q in second if not _can_fill(q.seats, used_ids)]
        if not short:
            return []
        best = short if best is None or len(short) < len(best) else best
    return best if best is not None else [q.name for q in first]


def question_name(approval: Approval) -> str:
    """Return the name of an approval in a sentence: the app, or the privilege or credential."""
    return APP if approval.kind == ApprovalKind.APP else str(approval.privilege or approval.credential)


def shortage_after(question: Question, label: str, people: Iterable[Person], others: Sequence[Question]) -> list[str]:
    """Return the approvals left without an eligible person once these people fill one seat (A9).

    Args:
        question: the approval with its open seats.
        label: the seat.
        people: the decider, and the giver of a delegation (A11).
        others: other undecided approvals that these people can't decide then; none in stage 2.
    """
    deciders = list(people)
    taken = frozenset(person.pk for person in deciders)
    return shortage([question.without(label, deciders), *others], stage_1_taken=taken)


def unfilled_places(wanted: Sequence[tuple[str, frozenset[int]]]) -> list[int]:
    """Return the places that stay empty if each person fills only one: a maximum bipartite matching.

    Earlier places are filled first and stay filled, by another person if needed (augmenting paths, Kuhn 1955).

    Args:
        wanted: name of each place, and the keys of people who could take it.

    Returns:
        Numbers of the empty places; as few as possible.
    """
    place_of: dict[int, int] = {}

    def place(number: int, seen: set[int]) -> bool:
        for person in sorted(wanted[number][1] - seen):
            if person in seen:
                continue  # a deeper call has tried this person
            seen.add(person)
            if person not in place_of or place(place_of[person], seen):
                place_of[person] = number
                return True
        return False

    return [number for number in range(len(wanted)) if not place(number, set())]
