"""Choose the next approver of a seat: the first eligible rung, and a later rung if the first would block another
approval (A8, A9).

The first rung may be the only people left for another approval, for example a lead who alone can decide a resource.
Then the first later rung that blocks nothing is asked too. The first rung may still decide, and sees a warning.

Pure: pages before and after submitting use the same code.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from approvals.assignment.escalation_chain import Rung
from approvals.assignment.matching import APP
from approvals.models import Decision, Seat
from governance.core.models import Person

#: Bases of people who are asked in addition at half of the time.
DEPUTIES = ("deputy", "deputy lead")


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
    def asked(self) -> tuple[tuple[str, tuple[Person, ...]], ...]:
        """People who may fill the seat by basis: the first rung, the backup, and those asked because time is over."""
        first = self.beside.first if self.beside is not None else self.on_time
        beside = [(self.beside.basis, self.beside.people)] if self.beside is not None else []
        return (self.basis, first), *beside, *((rung.basis, rung.people) for rung in self.late)

    def basis_of(self, person: Person) -> str:
        """Return the basis on which a person may fill the seat."""
        return next((basis for basis, people in self.asked if person in people), self.basis)


@dataclass(frozen=True)
class Eligibility:
    """Checks on the people of an escalation chain.

    Args:
        why_not: code and text of the rule that bars a person, or None.
        is_needed: whether another seat of the same approval can't be filled without the person (A8).
        short_after: approvals left without an eligible person if this person decides; empty if there are none.
    """

    why_not: Callable[[Person], tuple[str, str] | None]
    is_needed: Callable[[Person], bool]
    short_after: Callable[[Person], Sequence[str]]


def next_approvers(seat: Seat, rungs: Sequence[Rung], judge: Eligibility) -> SeatState:
    """Return the state of an open seat: the next approvers on its escalation chain.

    A person needed for another seat of the approval is passed over, unless no other person is left.
    """
    state = _first_turn(seat, rungs, judge, spares=True)
    return state if state.may_decide else _first_turn(seat, rungs, judge, spares=False)


def with_late_rungs(current: SeatState, rungs: Sequence[Rung], judge: Eligibility, *, is_due: bool) -> SeatState:
    """Add the deputy at half of the time, and the rest of the escalation chain at the due date (A10).

    A person stays out if another approval would lose its last approver (A9).
    """
    for rung in rungs if current.may_decide else ():
        if not is_due and rung.basis not in DEPUTIES:
            continue
        free, _ = _split_rung(rung, judge, spares=True)
        late = tuple(person for person in free if person not in current.may_decide and not judge.short_after(person))
        if late:
            more = LateRung(rung.basis, late, is_due and rung.basis not in DEPUTIES)
            current = replace(current, may_decide=(*current.may_decide, *late), late=(*current.late, more))
    return current


def _first_turn(seat: Seat, rungs: Sequence[Rung], judge: Eligibility, *, spares: bool) -> SeatState:
    skipped: list[Skipped] = []
    for number, rung in enumerate(rungs):
        free, passed = _split_rung(rung, judge, spares=spares)
        skipped += passed
        if free:
            first = SeatState(seat, basis=rung.basis, may_decide=free, skipped=tuple(skipped))
            short = [judge.short_after(person) for person in free]
            if not all(short):
                return first
            wanted = tuple(dict.fromkeys(name for names in short for name in names))
            return _with_backup(first, rungs[number + 1 :], judge, wanted, spares=spares)
    return SeatState(seat, skipped=tuple(skipped))


def _with_backup(
    first: SeatState, rungs: Iterable[Rung], judge: Eligibility, short: tuple[str, ...], *, spares: bool
) -> SeatState:
    """Add the next rung that leaves no approval without an approver; unchanged if there is no such rung."""
    skipped = list(first.skipped)
    for rung in rungs:
        free, passed = _split_rung(rung, judge, spares=spares)
        left = {person.pk: judge.short_after(person) for person in free}
        good = tuple(person for person in free if not left[person.pk])
        skipped += passed
        for person in free:
            if short_names := left[person.pk]:
                why = f"{person.name} would leave nobody to decide {list_names(short_names)}"
                skipped.append(Skipped(person, rung.basis, "A9", why))
        if good:
            backup = Backup(rung.basis, good, first.may_decide, short)
            return replace(first, may_decide=(*first.may_decide, *good), skipped=tuple(skipped), beside=backup)
    return first


def _split_rung(rung: Rung, judge: Eligibility, *, spares: bool) -> tuple[tuple[Person, ...], list[Skipped]]:
    free, skipped = [], []
    for person in rung.people:
        reason = judge.why_not(person)
        if reason is None and spares and judge.is_needed(person):
            reason = "A8", f"{person.name} is needed for another seat of this"
        if reason is None:
            free.append(person)
        else:
            skipped.append(Skipped(person, rung.basis, *reason))
    return tuple(free), skipped


def list_names(names: Sequence[str]) -> str:
    """List approvals in a sentence: the first two, then the number of the others."""
    quoted = [name if name == APP else f"“{name}”" for name in names[:2]]
    more = len(names) - len(quoted)
    return f"{', '.join(quoted)} and {more} more" if more else " and ".join(quoted)


def _either(people: Iterable[Person]) -> str:
    return " or ".join(person.name for person in people)
