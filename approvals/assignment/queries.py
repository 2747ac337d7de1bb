"""Rows that routes are built from, read for any number of submissions at once: parties, approvals, decisions,
delegations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects

from approvals.assignment.escalation_chain import CHAIN_RELATIONS
from approvals.models import Approval, CarriedDecision, Decision, Party, Retraction, Submission
from approvals.models.approval import ENDED
from approvals.prior_decisions.queries import in_order
from governance.core.database import compiled_queries
from governance.core.models import Delegation, Person
from inventory.models import Privilege, Resource

#: Relations that the escalation chain of a resource reads, and those that a privilege needs for its tier.
RESOURCE_RELATIONS = ("owner", "deputy", "team__lead", "team__deputy_lead")
PRIVILEGE_RELATIONS = (*(f"entitlement__resource__{name}" for name in RESOURCE_RELATIONS), "credential")


@dataclass(frozen=True)
class RouteRows:
    """Rows of several submissions.

    Args:
        parties: by submission: capacity of each party, by person id (S1).
        stages: by submission: the stage of each approval that counts for it, including the app approval of an
            earlier submission that it rests on (S2).
        asked_again: by submission: earlier approval to the approval that asks the same again (A15).
        decisions: by key: decisions on these approvals or carried over to them. A retracted one has ``is_retracted`` and
            still bars its maker from the other stage (S2).
        links: which decision carried over to which of these approvals (A14).
        delegates: by giver: their delegates (A11).
    """

    parties: dict[int, dict[int, str]]
    stages: dict[int, dict[int, int]]
    asked_again: dict[int, dict[int, int]]
    decisions: dict[int, Decision]
    links: list[CarriedDecision]
    delegates: dict[int, list[Person]]

    @classmethod
    def read(cls, submissions: Sequence[Submission], now: datetime) -> RouteRows:
        """Read the rows in a fixed number of queries.

        Args:
            submissions: prefetched approvals are not read again.
            now: business time for running delegations.
        """
        parties: dict[int, dict[int, str]] = {submission.pk: {} for submission in submissions}
        for party in PARTIES(submissions=parties.keys()):
            parties[party.submission_id][party.person_id] = party.get_capacity_display()
        stages, asked_again = _records(submissions)
        records = {pk for stage_by_id in stages.values() for pk in stage_by_id}
        earlier = {pk for later_by_earlier in asked_again.values() for pk in later_by_earlier}
        links = LINKS(records=records | earlier)
        read = DECISIONS(records=records | earlier, carried={link.decision_id for link in links})
        decisions: dict[int, Decision] = {row.pk: row for row in sorted(read, key=lambda row: row.pk)}
        delegates: dict[int, list[Person]] = {}
        for standing in DELEGATIONS(now=now):
            delegates.setdefault(standing.giver_id, []).append(standing.taker)
        return cls(parties, stages, asked_again, decisions, links, delegates)

    def before(self, submission: Submission) -> dict[int, tuple[Decision, ...]]:
        """Return earlier decisions about questions asked again, the last of each seat, by approval (A15)."""
        asked_again = self.asked_again[submission.pk]
        decisions = [(row.approval_id, row) for row in self.decisions.values() if not is_retracted(row)]
        decisions += [(link.approval_id, self.decisions[link.decision_id]) for link in self.links]
        by_record: dict[int, dict[str, Decision]] = {}
        for approval_id, row in sorted(decisions, key=lambda pair: pair[1].pk):
            if approval_id in asked_again:
                by_record.setdefault(asked_again[approval_id], {})[row.seat.label] = row
        return {record: in_order(words.values()) for record, words in by_record.items()}


def _decisions() -> QuerySet[Decision]:
    wanted = Q(compiled_queries.among_those("records", "approval")) | Q(compiled_queries.among_those("carried"))
    read = Decision.objects.filter(wanted).select_related("person", "for_person", "seat", "reason").order_by()
    return read.annotate(is_retracted=Exists(Retraction.objects.filter(decision=OuterRef("pk"))))


PARTIES = compiled_queries.Statement(
    lambda: Party.objects.filter(compiled_queries.among_those("submissions", "submission")).order_by("-pk")
)
LINKS = compiled_queries.Statement(
    lambda: CarriedDecision.objects.filter(compiled_queries.among_those("records", "approval")).order_by()
)
DECISIONS = compiled_queries.Statement(_decisions)
DELEGATIONS = compiled_queries.Statement(
    lambda: Delegation.objects.running(compiled_queries.NOW).select_related("taker").order_by()
)


def is_retracted(decision: Decision) -> bool:
    """Return whether a decision read here was retracted; False for a decision made just now."""
    return bool(decision.__dict__.get("is_retracted"))


def _records(submissions: Iterable[Submission]) -> tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]]:
    """Return by submission the stages of its approvals, and the approvals that ask again what an earlier one asked."""
    rows: dict[int, list[tuple[int, int, int | None]]] = {submission.pk: [] for submission in submissions}
    unread = []
    for submission in submissions:
        if "approvals" in getattr(submission, "_prefetched_objects_cache", {}):
            rows[submission.pk] = [
                (record.pk, record.stage, record.earlier_id) for record in submission.approvals.all()
            ]
        else:
            unread.append(submission.pk)
    if unread:
        approvals = Approval.objects.filter(submission__in=unread).order_by()
        for submission_id, pk, stage, earlier in approvals.values_list("submission", "pk", "stage", "earlier_id"):
            rows[submission_id].append((pk, stage, earlier))
    stages = {key: {pk: stage for pk, stage, _ in record_rows} for key, record_rows in rows.items()}
    for submission in submissions:
        if submission.app_approval_id is not None:
            stages[submission.pk].setdefault(submission.app_approval_id, 1)
    again = {
        key: {earlier: pk for pk, _, earlier in sorted(record_rows) if earlier is not None}
        for key, record_rows in rows.items()
    }
    return stages, again


class Undecided:
    """The undecided stage-2 approvals of several submissions with their escalation chains, read at the first use.

    Args:
        submissions: prefetched approvals are not read again.
    """

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self._submissions = submissions
        self._found: dict[int, list[Approval]] | None = None

    def of(self, submission: Submission) -> list[Approval]:
        """Return the approvals of one submission in the order of asking."""
        if self._found is None:
            self._found = {submission.pk: [] for submission in self._submissions}
            unread = []
            for other in self._submissions:
                if "approvals" in getattr(other, "_prefetched_objects_cache", {}):
                    self._found[other.pk] = [record for record in other.approvals.all() if record.stage == 2]
                else:
                    unread.append(other.pk)
            for record in self._read(unread) if unread else ():
                self._found[record.submission_id].append(record)
        return [record for record in self._found[submission.pk] if not record.has_ended]

    @staticmethod
    def _read(submissions: Sequence[int]) -> QuerySet[Approval]:
        """Read one submission in one query. For several, shared people and resources are read once."""
        approvals = Approval.objects.filter(submission__in=submissions, stage=2).exclude(state__in=ENDED).order_by("pk")
        if len(submissions) == 1:
            return approvals.select_related(*CHAIN_RELATIONS).prefetch_related("seats")
        return approvals.prefetch_related("seats", *CHAIN_RELATIONS)


def load_route_relations(approval: Approval) -> None:
    """Read an approval's seats and the relations of its escalation chain if they are missing. Every duty needs them."""
    if "seats" not in getattr(approval, "_prefetched_objects_cache", {}):
        prefetch_related_objects([approval], "seats")
    if approval.privilege_id is not None and not Approval.privilege.is_cached(approval):
        approval.privilege = Privilege.objects.select_related(*PRIVILEGE_RELATIONS).get(pk=approval.privilege_id)
    if approval.decided_on_id is not None and not Approval.decided_on.is_cached(approval):
        approval.decided_on = Resource.objects.select_related(*RESOURCE_RELATIONS).get(pk=approval.decided_on_id)
