"""Rules that are not in force, asked as those are that are: with what others hold beside, and with waivers (S6, S8). To count whom they would catch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from approvals.conflicts import asked, finding, members, rules, scanning
from approvals.conflicts.finding import Found
from approvals.conflicts.rules import Leg, Rule
from approvals.conflicts.scanning import Conflicts, Fill, Members, Part
from approvals.conflicts.standing import Standing
from approvals.models import ConflictRule, Submission, Waiver
from approvals.models.conflict import Scope

#: What a rule means, whatever it is called and does: its scope, and the selectors of its legs.
Meaning = tuple[str, tuple[Any, ...], Any]


@dataclass
class Known:
    """What counting over many submissions has read once: what fills the legs of the rules, and what whoever they look at holds of it.

    Args:
        fills: by what a rule means.
        held: likewise, by the subject.
    """

    fills: dict[Meaning, list[Fill]] = field(default_factory=dict)
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

    return rule.scope, tuple(map(of, rule.legs)), of(rule.without)


class _Beside:
    """What others hold of what rules mean that nobody has worked out against the register; see `finding.Beside`.

    Who stands in a chain follows from what is submitted, so that it is read for each time; all else once.

    Args:
        known: what was read before.
        waived: digests of the rules of which a waiver may cover what is found: of these all of it counts.
    """

    def __init__(self, known: Known, waived: set[str]) -> None:
        self.known, self.waived = known, waived
        self.whole: dict[Meaning, dict[int, list[Part]]] = {}

    def __call__(self, rules: Sequence[Standing], subjects: Members, now: datetime) -> Conflicts:
        self._fill(rules)
        found: Conflicts = {}
        missing: dict[tuple[str, bool, tuple[tuple[int, int], ...]], list[Standing]] = {}
        for one in rules:
            wanted, is_whole = subjects.get(one.rule.scope, ()), self._is_whole(one)
            left = tuple(sorted(pair for pair in wanted if pair[0] not in self._kept(one)))
            if left:
                missing.setdefault((one.rule.scope, is_whole, left), []).append(one)
        for (scope, is_whole, left), those in missing.items():
            filled = [
                replace(fill, rule=one.version.pk) for one in those for fill in self.known.fills[_meaning(one.rule)]
            ]
            read = scanning.beside_as_given(scope, those, left, now, filled, few=not is_whole)
            for one in those:
                self._kept(one).update({subject: read.get((one.version.pk, subject), []) for subject, _ in left})
        for one in rules:
            kept = self._kept(one)
            found.update({(one.version.pk, subject): kept[subject] for subject, _ in subjects.get(one.rule.scope, ())})
        return found

    def _is_whole(self, one: Standing) -> bool:
        return one.version.digest in self.waived or one.rule.scope == Scope.CHAIN

    def _kept(self, one: Standing) -> dict[int, list[Part]]:
        """What was read of it; all of what is held is too much to be kept for longer than a few submissions."""
        place = self.whole if self._is_whole(one) else self.known.held
        return place.setdefault(_meaning(one.rule), {})

    def _fill(self, rules: Sequence[Standing]) -> None:
        """Work out what fills the legs of those that were not met before."""
        new = {_meaning(one.rule): one for one in rules if _meaning(one.rule) not in self.known.fills}
        if new:
            self.known.fills.update({meaning: [] for meaning in new})
            meanings = {one.version.pk: meaning for meaning, one in new.items()}
            for fill in members.filled_by(list(new.values())):
                self.known.fills[meanings[fill.rule]].append(fill)
