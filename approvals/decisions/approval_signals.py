"""Signals that two people may not be independent, from their approvals for each other (S10). Reads only.

*Mutual*: two people approve for each other. *Leaning*: most approvals of one builder come from one person. Decisions
count, carried over approvals don't. A submission counts once, however many of its approvals a person decided. Under a
delegation both people approved (A11). Auto-approved and retracted approvals don't count. The builder is the submitter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F

from approvals.models import DecisionOutcome, DecisionPerson
from approvals.policies.queries import Policy
from governance.core.database.grouping import grouped
from governance.core.models import Person


@dataclass(frozen=True)
class Signal:
    """One signal.

    Args:
        kind: ``mutual`` or ``leaning``.
        people: ids. Mutual: the lower first. Leaning: the approver, then the builder.
        times: how often. Mutual: submissions, each for the other. Leaning: this person's approvals, and all approvals.
        submissions: ids of its submissions, newest first.
    """

    kind: str
    people: tuple[int, int]
    times: tuple[int, int]
    submissions: tuple[int, ...]

    @property
    def key(self) -> str:
        """Identifies the signal."""
        return f"{self.kind}:{self.people[0]}:{self.people[1]}"


@dataclass(frozen=True)
class _ApprovedWork:
    """The submissions of one person that another approved, and the decisions."""

    submissions: tuple[int, ...]
    decisions: frozenset[int]


def names_of(signals: Iterable[Signal]) -> dict[int, str]:
    """Return the names of the people in some signals, by id. One query."""
    named = {pk for signal in signals for pk in signal.people}
    return dict(Person.objects.filter(pk__in=named).values_list("pk", "name")) if named else {}


def find_signals(policy: Policy, now: datetime) -> list[Signal]:
    """Return every signal in the approvals of the policy's days, most frequent first. One query."""
    approvals = DecisionPerson.objects.filter(
        outcome=DecisionOutcome.APPROVE,
        decision__at__gt=now - timedelta(days=policy.signal_days),
        decision__at__lte=now,
        decision__retraction__isnull=True,
        submission=F("decision__approval__submission"),
    ).exclude(person=F("submission__submitted_by"))
    rows = approvals.order_by().values_list("submission__submitted_by", "person")
    times, gave = (ArrayAgg(name, distinct=True, default=[]) for name in ("submission", "decision"))
    work_by_pair = {
        (builder, approver): _ApprovedWork(tuple(submissions), frozenset(decisions))
        for builder, approver, submissions, decisions in rows.annotate(times=times, gave=gave)
    }
    signals = [*_find_mutual(work_by_pair, policy), *_find_leaning(work_by_pair, policy)]
    return sorted(signals, key=lambda signal: (-len(signal.submissions), signal.key))


def _find_mutual(work_by_pair: Mapping[tuple[int, int], _ApprovedWork], policy: Policy) -> Iterable[Signal]:
    """Yield pairs who approved for each other in more submissions than the policy allows."""
    for (builder, approver), work in work_by_pair.items():
        reverse_work = work_by_pair.get((approver, builder))
        if reverse_work is None or builder > approver:
            continue
        # How often the first approved for the second, and the second for the first.
        times = len(reverse_work.submissions), len(work.submissions)
        if sum(times) > policy.signal_mutual:
            submissions = tuple(sorted({*work.submissions, *reverse_work.submissions}, reverse=True))
            yield Signal("mutual", (builder, approver), times, submissions)


def _find_leaning(work_by_pair: Mapping[tuple[int, int], _ApprovedWork], policy: Policy) -> Iterable[Signal]:
    """Yield builders who got more than the policy's share of approvals from one person.

    The person approved in more submissions than the policy's limit.
    """
    by_builder = grouped((builder, (approver, work)) for (builder, approver), work in work_by_pair.items())
    for builder, approvers in by_builder.items():
        in_all = len(frozenset[int]().union(*(approved.decisions for _, approved in approvers)))
        for approver, work in approvers:
            is_often = len(work.submissions) > policy.signal_mutual
            if is_often and len(work.decisions) * 100 > in_all * policy.signal_share:
                newest = tuple(sorted(work.submissions, reverse=True))
                yield Signal("leaning", (approver, builder), (len(work.decisions), in_all), newest)


def signal_sentence(signal: Signal, names: Mapping[int, str], days: int) -> str:
    """Return a signal in a sentence."""
    first, second = (names.get(pk, "Somebody") for pk in signal.people)
    once = {1: "once", 2: "twice"}
    if signal.kind == "mutual":
        forth, back = (once.get(count, f"{count} times") for count in signal.times)
        return f"{first} approved for {second} {forth} and {second} for {first} {back} in {days} days."
    share = signal.times[0] * 100 // signal.times[1]
    return f"{first} gave {signal.times[0]} of the {signal.times[1]} approvals that {second} got in {days} days ({share} %)."
