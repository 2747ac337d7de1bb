"""The state of a seat: its decision, or the people who may fill it now, and the skipped people (A8, A9). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from approvals.assignment.matching import APP
from approvals.models import Decision, Seat
from governance.core.models import Person


@dataclass(frozen=True)
class Skipped:
    """A person on the escalation chain who does not decide, and why (A9)."""

    person: Person
    basis: str
    code: str
    why: str


@dataclass(frozen=True)
class Backup:
    """People asked in addition to the first rung, and the approvals that the first rung would leave without an approver
    (A9).
    """

    basis: str
    people: tuple[Person, ...]
    first: tuple[Person, ...]
    short: tuple[str, ...]

    @property
    def words(self) -> str:
        """Say in a sentence why both are asked."""
        subject = f"{_either(self.people)} ({self.basis}) may decide this too"
        return f"{subject}: if {_either(self.first)} does, nobody is left to decide {list_names(self.short)}."


@dataclass(frozen=True)
class LateRung:
    """People asked in addition because half of the time, or all of it, is over, and on what basis (A10)."""

    basis: str
    people: tuple[Person, ...]
    is_due: bool = False

    @property
    def words(self) -> str:
        """Say the reason in a sentence."""
        reason = "The due date has passed" if self.is_due else "Half of the time is gone"
        return f"{reason}, so {_either(self.people)} ({self.basis}) may decide this too."


@dataclass(frozen=True)
class SeatState:
    """State of one seat: its decision, or the people who may fill it now, and the skipped people.

    Args:
        seat: the seat.
        decision: the approving decision; None for an open seat.
        basis: the rung that decides first; empty if no person is left.
        may_decide: people who may decide now: the first rung, then those asked in addition.
        skipped: people before them on the escalation chain, and why they were skipped.
        beside: people asked in addition to the first rung, if needed.
        late: people asked in addition since half of the time, or all of it, is over.
    """

    seat: Seat
    decision: Decision | None = None
    basis: str = ""
    may_decide: tuple[Person, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    beside: Backup | None = None
    late: tuple[LateRung, ...] = ()

    @property
    def label(self) -> str:
        """Label of the seat."""
        return self.seat.label

    @property
    def is_filled(self) -> bool:
        """Whether a person has approved in this seat in this round."""
        return self.decision is not None

    @property
    def on_time(self) -> tuple[Person, ...]:
        """People who may fill the seat before half of the time is over."""
        late = [person for rung in self.late for person in rung.people]
        return tuple(person for person in self.may_decide if person not in late)

    @property
    def asked_groups(self) -> tuple[tuple[str, tuple[Person, ...]], ...]:
        """People who may fill the seat by basis: the first rung, the backup, and those asked because time is over."""
        first = self.beside.first if self.beside is not None else self.on_time
        beside = [(self.beside.basis, self.beside.people)] if self.beside is not None else []
        return (self.basis, first), *beside, *((rung.basis, rung.people) for rung in self.late)

    def basis_of(self, person: Person) -> str:
        """Return the basis on which a person may fill the seat."""
        return next((basis for basis, people in self.asked_groups if person in people), self.basis)


def list_names(names: Sequence[str]) -> str:
    """List approvals in a sentence: the first two, then the number of the others."""
    quoted = [name if name == APP else f"“{name}”" for name in names[:2]]
    more = len(names) - len(quoted)
    return f"{', '.join(quoted)} and {more} more" if more else " and ".join(quoted)


def _either(people: Iterable[Person]) -> str:
    return " or ".join(person.name for person in people)
