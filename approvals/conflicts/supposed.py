"""Rules that are not in force, asked as those are that are: with what others hold beside, and with waivers (S6, S8). To count whom they would catch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from approvals.conflicts import asked, finding, members, rules, scanning
from approvals.conflicts.finding import Found
from approvals.conflicts.rules import Leg, Rule
from approvals.conflicts.scanning import Conflicts, Members, Part
from approvals.conflicts.standing import Standing
from approvals.models import ConflictRule, Submission, Waiver
from approvals.models.conflict import Scope

#: What a rule means, whatever it is called and does: its scope, and the selectors of its legs.
Meaning = tuple[str, tuple[Any, ...], Any, Any]


@dataclass
class Known:
    """What counting over many submissions has read once, of what whoever the rules look at holds.

    Args:
        read: by what a rule means, the subjects of whom it was read; rules that are asked together share one set.
        held: likewise, what was found, by the subject.
    """

    read: dict[Meaning, frozenset[int]] = field(default_factory=dict)
    held: dict[Meaning, dict[int, list[Part]]] = field(default_factory=dict)


def conflicts_of(
    submissions: Sequence[Submission], now: datetime, *rule_sets: Iterable[Mapping[str, Any]], known: Known
) -> list[list[list[Found]]]:
    """By each of some sets of rules, were it in force, whether each of some submissions is in conflict: a fixed number of queries, however many there are.

    Of what others hold beside, a conflict names as much as makes it one; all of it where a waiver has to cover that.

    Args:
        submissions: what their versions would hold is asked.
        now: when; what others hold and what is waived is asked of that instant.
        rule_sets: the documents of each.
        known: what was read for submissions before these, about the same instant.
    """
    sets = [[_standing(number, one) for number, one in enumerate(each, 1)] for each in rule_sets]
    every = [one for each in sets for one in each]
    waivers = _waivers(every, now)
    cases = asked.cases_now(submissions, every)
    beside = _Beside(known, {one.rule_digest for one in waivers})
    return [finding.find_all(cases, now, each, waivers, beside) if each else [[] for _ in cases] for each in sets]


def _standing(number: int, document: Mapping[str, Any]) -> Standing:
    """A rule whose version is no row; it has a key of its own, which no row has."""
    rule = rules.read(document)
    said = {name: getattr(rule, name) for name in ("code", "digest", "title", "process", "rating", "mode", "scope")}
    return Standing(ConflictRule(pk=-number, **said), rule)


def _waivers(every: Sequence[Standing], now: datetime) -> list[Waiver]:
    """Those that can lift a conflict of such rules, the longest first: each was given for a rule as it is said there (S7)."""
    digests = {one.version.digest for one in every}
    return list(Waiver.objects.live(now).filter(rule_digest__in=digests).order_by("-ends_at")) if digests else []


def _meaning(rule: Rule) -> Meaning:
    def of(leg: Leg | None) -> Any:
        return leg.any if leg is not None else None

    return rule.scope, tuple(map(of, rule.legs)), of(rule.without), of(rule.needs)


class _Beside:
    """What others hold of what rules mean that nobody has worked out against the register; see `finding.Beside`.

    Who stands in a chain follows from what is submitted, and all of what is held is too much to be kept: either is read for a few submissions alone.

    Args:
        known: what was read before.
        waived: digests of the rules of which a waiver may cover what is found: of these all of it counts.
    """

    def __init__(self, known: Known, waived: set[str]) -> None:
        self.known, self.waived, self.whole = known, waived, Known()

    def __call__(self, rules: Sequence[Standing], subjects: Members, now: datetime) -> Conflicts:
        asked: dict[tuple[str, bool, frozenset[int]], list[Standing]] = {}
        for one in rules:
            read = self._place(one).read.get(_meaning(one.rule), frozenset())
            asked.setdefault((one.rule.scope, self._is_whole(one), read), []).append(one)
        for (scope, is_whole, read), those in asked.items():
            if left := [pair for pair in subjects.get(scope, ()) if pair[0] not in read]:
                self._read(scope, those, left, now, few=not is_whole)
                read |= {subject for subject, _ in left}
                for one in those:
                    self._place(one).read[_meaning(one.rule)] = read
        return {
            (one.version.pk, subject): kept[subject]
            for one in rules
            for kept in (self._place(one).held.get(_meaning(one.rule), {}),)
            for subject, _ in subjects.get(one.rule.scope, ())
            if subject in kept
        }

    def _is_whole(self, one: Standing) -> bool:
        return one.version.digest in self.waived or one.rule.scope == Scope.CHAIN

    def _place(self, one: Standing) -> Known:
        return self.whole if self._is_whole(one) else self.known

    def _read(
        self, scope: str, those: Sequence[Standing], left: Sequence[tuple[int, int]], now: datetime, *, few: bool
    ) -> None:
        filled = members.filled_by(those, scanning.held_beside(scope, left, now))
        meanings = {one.version.pk: (self._place(one), _meaning(one.rule)) for one in those}
        for (rule, subject), parts in scanning.beside_as_given(scope, those, left, now, filled, few=few).items():
            place, meaning = meanings[rule]
            place.held.setdefault(meaning, {})[subject] = parts
