"""The rows that routes are made of, read for any number of submissions at once: parties, records, decisions, delegations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects

from approvals.assignment.escalation_chain import LADDER
from approvals.models import Approval, CarriedDecision, Decision, Party, Retraction, Submission
from approvals.models.approval import ENDED
from approvals.prior_decisions.queries import in_order
from governance.core.database import compiled_queries
from governance.core.models import Delegation, Person
from inventory.models import Privilege, Resource

#: What the ladder of a resource reads beside it; and of a privilege, with what its tier needs.
OF_RESOURCE = ("owner", "deputy", "team__lead", "team__deputy_lead")
OF_PRIVILEGE = (*(f"entitlement__resource__{name}" for name in OF_RESOURCE), "credential")


@dataclass(frozen=True)
class Rows:
    """What was read.

    Args:
        parties: by submission: who is a party, by id, and in what capacity (S1).
        stages: by submission: the stage of each record that counts for it; the app approval that it rests on counts also where
            it is an earlier submission's (S2).
        asked_again: by submission: by an earlier record, the one that asks the same again (A15).
        decisions: by key: all that were taken on these records or carried over to them; ``is_retracted`` where one was taken back,
            which uses up whoever made it all the same (S2).
        links: which decision carried over to which of these records (A14).
        delegates: by giver: who stands in for them (A11).
    """

    parties: dict[int, dict[int, str]]
    stages: dict[int, dict[int, int]]
    asked_again: dict[int, dict[int, int]]
    decisions: dict[int, Decision]
    links: list[CarriedDecision]
    delegates: dict[int, list[Person]]

    @classmethod
    def read(cls, submissions: Sequence[Submission], now: datetime) -> Rows:
        """Read them: a fixed number of queries.

        Args:
            submissions: records are not read again where they were prefetched.
            now: business time, at which delegations run.
        """
        parties: dict[int, dict[int, str]] = {one.pk: {} for one in submissions}
        for party in PARTIES(submissions=parties.keys()):
            parties[party.submission_id][party.person_id] = party.get_capacity_display()
        stages, asked_again = _records(submissions)
        records = {pk for own in stages.values() for pk in own}
        earlier = {pk for own in asked_again.values() for pk in own}
        links = LINKS(records=records | earlier)
        read = DECISIONS(records=records | earlier, carried={link.decision_id for link in links})
        decisions: dict[int, Decision] = {row.pk: row for row in sorted(read, key=lambda row: row.pk)}
        delegates: dict[int, list[Person]] = {}
        for standing in DELEGATIONS(now=now):
            delegates.setdefault(standing.giver_id, []).append(standing.taker)
        return cls(parties, stages, asked_again, decisions, links, delegates)

    def before(self, submission: Submission) -> dict[int, tuple[Decision, ...]]:
        """What was said last in each seat about what a submission's records ask again, by record (A15)."""
        asked = self.asked_again[submission.pk]
        said = [(row.approval_id, row) for row in self.decisions.values() if not is_retracted(row)]
        said += [(link.approval_id, self.decisions[link.decision_id]) for link in self.links]
        found: dict[int, dict[str, Decision]] = {}
        for about, row in sorted(said, key=lambda pair: pair[1].pk):
            if about in asked:
                found.setdefault(asked[about], {})[row.seat.label] = row
        return {record: in_order(words.values()) for record, words in found.items()}


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
    """Whether a decision that was read here was taken back; of one that was made just now nothing was."""
    return bool(decision.__dict__.get("is_retracted"))


def _records(submissions: Iterable[Submission]) -> tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]]:
    """By submission: the stages of its records, and which of them ask again what an earlier one asked."""
    rows: dict[int, list[tuple[int, int, int | None]]] = {one.pk: [] for one in submissions}
    unread = []
    for one in submissions:
        if "approvals" in getattr(one, "_prefetched_objects_cache", {}):
            rows[one.pk] = [(record.pk, record.stage, record.earlier_id) for record in one.approvals.all()]
        else:
            unread.append(one.pk)
    if unread:
        found = Approval.objects.filter(submission__in=unread).order_by()
        for submission, pk, stage, earlier in found.values_list("submission", "pk", "stage", "earlier_id"):
            rows[submission].append((pk, stage, earlier))
    stages = {key: {pk: stage for pk, stage, _ in own} for key, own in rows.items()}
    for one in submissions:
        if one.app_approval_id is not None:
            stages[one.pk].setdefault(one.app_approval_id, 1)
    again = {key: {earlier: pk for pk, _, earlier in sorted(own) if earlier is not None} for key, own in rows.items()}
    return stages, again


class Undecided:
    """The undecided records of stage 2 of some submissions, with all that their ladders read: read together when one is first asked for.

    Args:
        submissions: records of one are not read again where they were prefetched.
    """

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self._submissions = submissions
        self._found: dict[int, list[Approval]] | None = None

    def of(self, submission: Submission) -> list[Approval]:
        """Those of one of the submissions, in the order in which they were asked."""
        if self._found is None:
            self._found = {one.pk: [] for one in self._submissions}
            unread = []
            for one in self._submissions:
                if "approvals" in getattr(one, "_prefetched_objects_cache", {}):
                    self._found[one.pk] = [record for record in one.approvals.all() if record.stage == 2]
                else:
                    unread.append(one.pk)
            for record in self._read(unread) if unread else ():
                self._found[record.submission_id].append(record)
        return [record for record in self._found[submission.pk] if not record.has_ended]

    @staticmethod
    def _read(submissions: Sequence[int]) -> QuerySet[Approval]:
        """In one query for one; for several, which have the same people and resources, these are read once."""
        asked = Approval.objects.filter(submission__in=submissions, stage=2).exclude(state__in=ENDED).order_by("pk")
        if len(submissions) == 1:
            return asked.select_related(*LADDER).prefetch_related("seats")
        return asked.prefetch_related("seats", *LADDER)


def complete(approval: Approval) -> None:
    """Read a record's seats, and who stands on the ladder of what it is about, where they were not: every duty asks for them."""
    if "seats" not in getattr(approval, "_prefetched_objects_cache", {}):
        prefetch_related_objects([approval], "seats")
    if approval.privilege_id is not None and not Approval.privilege.is_cached(approval):
        approval.privilege = Privilege.objects.select_related(*OF_PRIVILEGE).get(pk=approval.privilege_id)
    if approval.decided_on_id is not None and not Approval.decided_on.is_cached(approval):
        approval.decided_on = Resource.objects.select_related(*OF_RESOURCE).get(pk=approval.decided_on_id)
