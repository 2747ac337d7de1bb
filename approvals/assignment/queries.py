"""Decisions that routes are built from, read for any number of submissions at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Q

from approvals.models import CarriedDecision, Decision
from approvals.policies.facts import SubmissionFacts
from approvals.prior_decisions.queries import in_order


@dataclass(frozen=True)
class Votes:
    """Decisions about the approvals of several submissions.

    Args:
        decisions: by id, oldest first: decisions on these approvals or carried over to them, and on earlier approvals
            that these ask again.
        retracted: ids of the retracted ones.
        links: which decision carried over to which approval (A14).
    """

    decisions: Mapping[int, Decision]
    retracted: frozenset[int]
    links: Collection[CarriedDecision]

    @classmethod
    def load(cls, facts: Iterable[SubmissionFacts]) -> Votes:
        """Read the decisions in a fixed number of queries. Decisions carry over to approvals with a source only."""
        facts = list(facts)
        own = [approval for of_one in facts for approval in of_one.approvals]
        approvals = {pk for of_one in facts for pk in stages_of(of_one)}
        approvals |= {row.earlier_id for row in own if row.earlier_id is not None}
        return cls.about(approvals, approvals - {row.pk for row in own if row.carried_from_id is None})

    @classmethod
    def about(cls, approvals: Collection[int], carried_to: Collection[int] | None = None) -> Votes:
        """Read the decisions on some approvals, by id; no query for none.

        Args:
            approvals: ids.
            carried_to: ids of those to which decisions may have carried over; default: all.
        """
        over = CarriedDecision.objects.filter(approval__in=approvals if carried_to is None else carried_to)
        links = list(over.order_by())
        wanted = Q(approval__in=approvals) | Q(pk__in={link.decision_id for link in links})
        related = ("person", "for_person", "seat", "reason", "retraction")
        rows = Decision.objects.filter(wanted).select_related(*related).order_by()
        decisions = {row.pk: row for row in sorted(rows, key=lambda row: row.pk)}
        retracted = frozenset(pk for pk, row in decisions.items() if hasattr(row, "retraction"))
        return cls(decisions, retracted, links)

    def on(self, approvals: Collection[int]) -> Iterator[tuple[int, Decision]]:
        """Yield the decisions on some approvals or carried over to them, oldest first, each with the approval's id."""
        pairs = [(row.approval_id, row) for row in self.decisions.values()]
        pairs += [(link.approval_id, self.decisions[link.decision_id]) for link in self.links]
        yield from sorted((pair for pair in pairs if pair[0] in approvals), key=lambda pair: pair[1].pk)

    def before(self, facts: SubmissionFacts) -> dict[int, tuple[Decision, ...]]:
        """Return earlier decisions about questions asked again, the last of each seat, by approval (A15)."""
        asked_again = {row.earlier_id: row.pk for row in facts.approvals if row.earlier_id is not None}
        by_approval: dict[int, dict[str, Decision]] = {}
        for earlier_id, row in self.on(asked_again):
            if row.pk not in self.retracted:
                by_approval.setdefault(asked_again[earlier_id], {})[row.seat.label] = row
        return {pk: in_order(decisions.values()) for pk, decisions in by_approval.items()}


def stages_of(facts: SubmissionFacts) -> dict[int, int]:
    """Return the stage of each approval that counts for a submission by id.

    These include the app approval of an earlier submission that it rests on (S2).
    """
    stages = {approval.pk: approval.stage for approval in facts.approvals}
    if facts.submission.app_approval_id is not None:
        stages.setdefault(facts.submission.app_approval_id, 1)
    return stages
