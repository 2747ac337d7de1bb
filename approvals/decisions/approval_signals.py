"""Signals that two people may not be apart: who approves for whom, and how often (S10). Reads only, and decides nothing.

*Mutual*: two people who approve for each other. *Leaning*: a builder most of whose approvals come from one person. What counts is what was
decided, not what carried over; a submission counts once, however many of its records somebody approved; under a delegation both people
approved (A11). What policy approved nobody did, nor what was taken back. The builder is whoever submitted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, QuerySet

from approvals.models import DecisionOutcome, DecisionPerson
from approvals.policies.queries import Policy
from governance.core.models import Person


@dataclass(frozen=True)
class Signal:
    """One thing to look at.

    Args:
        kind: ``mutual`` or ``leaning``.
        people: ids: of the two, the lower first; of who approves and whose builds they are.
        times: how often: each for the other, in submissions; or how many of how many approvals.
        submissions: ids of those that it was found in, the newest first.
    """

    kind: str
    people: tuple[int, int]
    times: tuple[int, int]
    submissions: tuple[int, ...]

    @property
    def key(self) -> str:
        """Names it, whenever it is found."""
        return f"{self.kind}:{self.people[0]}:{self.people[1]}"


@dataclass(frozen=True)
class _Said:
    """What one person approved of what another submitted."""

    submissions: tuple[int, ...]
    decisions: frozenset[int]


def found(policy: Policy, now: datetime) -> list[Signal]:
    """Every signal at ``now``, the most frequent first: one query, however many there are."""
    return _signals(_of_the_days(policy, now), policy)


def people_of(signals: Iterable[Signal]) -> dict[int, Person]:
    """Everybody whom some signals name, by id: one query."""
    named = {pk for signal in signals for pk in signal.people}
    return Person.objects.in_bulk(named) if named else {}


def _taken(since: datetime, now: datetime) -> QuerySet[DecisionPerson]:
    """Whom approving decisions after one instant and up to another used up, of people other than the builder."""
    rows = DecisionPerson.objects.filter(
        outcome=DecisionOutcome.APPROVE,
        decision__at__gt=since,
        decision__at__lte=now,
        decision__retraction__isnull=True,
        submission=F("decision__approval__submission"),
    )
    return rows.exclude(person=F("submission__submitted_by"))


def _of_the_days(policy: Policy, now: datetime) -> QuerySet[DecisionPerson]:
    """Those of the policy's days."""
    return _taken(now - timedelta(days=policy.signal_days), now)


def _signals(taken: QuerySet[DecisionPerson], policy: Policy) -> list[Signal]:
    """The signals in some decisions.

    Args:
        taken: the decisions.
        policy: says what is often.
    """
    rows = taken.order_by().values_list("submission__submitted_by", "person")
    counted = rows.annotate(
        times=ArrayAgg("submission", distinct=True, default=[]), gave=ArrayAgg("decision", distinct=True, default=[])
    )
    said = {(builder, who): _Said(tuple(times), frozenset(gave)) for builder, who, times, gave in counted}
    signals = [*_mutual(said, policy), *_leaning(said, policy)]
    return sorted(signals, key=lambda one: (-len(one.submissions), one.key))


def _mutual(said: Mapping[tuple[int, int], _Said], policy: Policy) -> Iterable[Signal]:
    """Pairs in which each has approved for the other, together more often than the policy lets pass."""
    for (builder, who), one in said.items():
        other = said.get((who, builder))
        if other is None or builder > who or len(one.submissions) + len(other.submissions) <= policy.signal_mutual:
            continue
        both = tuple(sorted({*one.submissions, *other.submissions}, reverse=True))
        # How often the first approved for the second, and the second for the first.
        yield Signal("mutual", (builder, who), (len(other.submissions), len(one.submissions)), both)


def _leaning(said: Mapping[tuple[int, int], _Said], policy: Policy) -> Iterable[Signal]:
    """Builders more of whose approvals than the policy's share come from one person, in more submissions than one or two."""
    by_builder: dict[int, list[tuple[int, _Said]]] = defaultdict(list)
    for (builder, who), one in said.items():
        by_builder[builder].append((who, one))
    for builder, approvers in by_builder.items():
        in_all = len(frozenset[int]().union(*(one.decisions for _, one in approvers)))
        for who, one in approvers:
            is_often = len(one.submissions) > policy.signal_mutual
            if is_often and len(one.decisions) * 100 > in_all * policy.signal_share:
                newest = tuple(sorted(one.submissions, reverse=True))
                yield Signal("leaning", (who, builder), (len(one.decisions), in_all), newest)


def words(signal: Signal, names: Mapping[int, str], days: int) -> str:
    """A signal in a sentence."""
    first, second = (names.get(pk, "Somebody") for pk in signal.people)
    once = {1: "once", 2: "twice"}
    if signal.kind == "mutual":
        there, back = (once.get(count, f"{count} times") for count in signal.times)
        return f"{first} approved for {second} {there} and {second} for {first} {back} in {days} days."
    share = signal.times[0] * 100 // signal.times[1]
    return f"{first} gave {signal.times[0]} of the {signal.times[1]} approvals that {second} got in {days} days ({share} %)."


__all__ = ["Signal", "found", "people_of", "words"]
