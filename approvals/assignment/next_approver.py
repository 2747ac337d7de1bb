"""Whose turn it is in one seat: the first rung of its ladder that may decide, and who is asked beside it so that the rest can be
decided too (A8, A9). Pure: pages before and after submitting ask the same.

Enough people may exist for all approvals together while the first rung, by deciding this one, would leave nobody for another:
the lead of the team is the only one left for a resource, say. Then the first later rung on which somebody would not is asked as well.
Nobody is locked out by that; whoever is first reads a warning before the click.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from approvals.assignment.escalation_chain import Rung
from approvals.assignment.matching import APP
from governance.core.models import Person

#: Whom half of a record's time adds to those who were asked, by their rung.
DEPUTIES = ("deputy", "deputy lead")


@dataclass(frozen=True)
class Skipped:
    """Somebody who stands on the ladder and does not decide, and why (A9)."""

    person: Person
    basis: str
    code: str
    why: str


@dataclass(frozen=True)
class Beside:
    """Who is asked beside the first rung, on what basis, and what nobody would be left for if the first rung decided (A9)."""

    basis: str
    people: tuple[Person, ...]
    first: tuple[Person, ...]
    short: tuple[str, ...]

    @property
    def words(self) -> str:
        """Why both are asked, in a sentence."""
        asked = f"{_either(self.people)} ({self.basis}) may decide this too"
        return f"{asked}: if {_either(self.first)} does, nobody is left to decide {listed(self.short)}."


@dataclass(frozen=True)
class Late:
    """Who is asked too since half of the time is gone, and on what basis (A10)."""

    basis: str
    people: tuple[Person, ...]

    @property
    def words(self) -> str:
        """Why, in a sentence."""
        return f"Half of the time is gone, so {_either(self.people)} ({self.basis}) may decide this too."


@dataclass(frozen=True)
class Turn:
    """Whose turn it is.

    Args:
        basis: the rung that decides first; empty when nobody is left.
        people: whoever may decide now: those of the first rung, then those asked beside them.
        skipped: everybody before them on the ladder, and why.
        beside: who is asked beside the first rung, where that is needed.
        late: who is asked too since half of the time is gone.
    """

    basis: str
    people: tuple[Person, ...]
    skipped: tuple[Skipped, ...]
    beside: Beside | None = None
    late: Late | None = None


@dataclass(frozen=True)
class Judge:
    """What is known of those who stand on a ladder.

    Args:
        why_not: code and words of what keeps a person from deciding, or None.
        is_needed: whether another seat of the same record could not be filled without them (A8).
        short_after: names of what nobody would be left for once they decide, all approvals together; empty when enough are.
        say: a person and what is said of them, as one sentence's beginning.
    """

    why_not: Callable[[Person], tuple[str, str] | None]
    is_needed: Callable[[Person], bool]
    short_after: Callable[[Person], Sequence[str]]
    say: Callable[[Person, str], str]


def turn(rungs: Sequence[Rung], judge: Judge) -> Turn:
    """Whose turn it is on a ladder.

    Somebody whom another seat of the record can't do without fills that one: they are passed over here, unless nobody else is left.
    """
    found = _first(rungs, judge, spares=True)
    return found if found.people else _first(rungs, judge, spares=False)


def with_deputy(found: Turn, rungs: Sequence[Rung], judge: Judge) -> Turn:
    """The turn once half of a record's time is gone: the deputy may decide it too, unless that would leave something to nobody (A9, A10)."""
    for rung in rungs if found.people else ():
        if rung.basis in DEPUTIES:
            free, _ = _of_rung(rung, judge, spares=True)
            more = tuple(one for one in free if one not in found.people and not judge.short_after(one))
            if more:
                return replace(found, people=(*found.people, *more), late=Late(rung.basis, more))
    return found


def _first(rungs: Sequence[Rung], judge: Judge, *, spares: bool) -> Turn:
    skipped: list[Skipped] = []
    for number, rung in enumerate(rungs):
        free, passed = _of_rung(rung, judge, spares=spares)
        skipped += passed
        if free:
            short = [judge.short_after(person) for person in free]
            if not all(short):
                return Turn(rung.basis, free, tuple(skipped))
            wanted = tuple(dict.fromkeys(name for names in short for name in names))
            return _beside(Turn(rung.basis, free, tuple(skipped)), rungs[number + 1 :], judge, wanted, spares=spares)
    return Turn("", (), tuple(skipped))


def _beside(first: Turn, rungs: Iterable[Rung], judge: Judge, short: tuple[str, ...], *, spares: bool) -> Turn:
    """The turn with whoever is next without leaving anything to nobody; as it is where there is nobody like that."""
    skipped = list(first.skipped)
    for rung in rungs:
        free, passed = _of_rung(rung, judge, spares=spares)
        left = {person.pk: judge.short_after(person) for person in free}
        good = tuple(person for person in free if not left[person.pk])
        skipped += passed
        skipped += [
            Skipped(one, rung.basis, "A9", judge.say(one, f"would leave nobody to decide {listed(left[one.pk])}"))
            for one in free
            if left[one.pk]
        ]
        if good:
            beside = Beside(rung.basis, good, first.people, short)
            return Turn(first.basis, (*first.people, *good), tuple(skipped), beside)
    return first


def _of_rung(rung: Rung, judge: Judge, *, spares: bool) -> tuple[tuple[Person, ...], list[Skipped]]:
    free, skipped = [], []
    for person in rung.people:
        no = judge.why_not(person)
        if no is None and spares and judge.is_needed(person):
            no = "A8", judge.say(person, "is needed for another seat of this")
        if no is None:
            free.append(person)
        else:
            skipped.append(Skipped(person, rung.basis, *no))
    return tuple(free), skipped


def listed(names: Sequence[str]) -> str:
    """What would be left to nobody, in a sentence: the first two of it, and how many besides."""
    quoted = [name if name == APP else f"“{name}”" for name in names[:2]]
    more = len(names) - len(quoted)
    return f"{', '.join(quoted)} and {more} more" if more else " and ".join(quoted)


def _either(people: Iterable[Person]) -> str:
    return " or ".join(person.name for person in people)
