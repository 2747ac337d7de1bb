"""The register's facts about one submission: approvals, privileges, connections, parties and chain.

A submission freezes its version and policy. The register may change. A page or an operation reads these facts once and
passes them on; an operation inside another reads its own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from approvals.models import Approval, Party, Seat, Submission
from approvals.models.submission import Capacity
from approvals.policies import queries as policy_queries
from approvals.policies.queries import Policy
from governance.core.database.grouping import grouped
from governance.core.database.related_people import PersonColumn
from governance.core.models import Person
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.models import Credential, NonHumanIdentity, Privilege, Resource, Version
from inventory.resources import queries as resource_queries
from inventory.resources.queries import Bindings
from inventory.risk.tiers import Tier
from inventory.versions import assessment

#: Relations of a submission that notices and escalation chains read.
SUBMISSION_RELATIONS = (
    *("version", "policy", "submitted_by"),
    *(f"automation__team__{name}" for name in ("lead", "deputy_lead", "parent__lead")),
)
#: The people who were asked to fill a seat, by its id: their ids in order, and since when (A9).
Candidates = defaultdict[int, dict[int, datetime]]
SEAT_COLUMNS = tuple(field.attname for field in Seat._meta.concrete_fields)
#: Relations of an approval that are copied to the locked row of an operation.
COPIED_RELATIONS = ("privilege", "credential", "decided_on", "justification")


class SubmissionFacts:
    """The facts of one submission, each read at its first use.

    Args:
        submission: in any state.
        now: business time.
        locked: the locked approval of an operation. It takes its place among the approvals, with what is narrowed in it.
    """

    def __init__(self, submission: Submission, now: datetime, locked: Approval | None = None) -> None:
        self.submission, self.now, self._locked = submission, now, locked
        self._candidates = Candidates(dict)

    @cached_property
    def policy(self) -> Policy:
        """The frozen policy."""
        return policy_queries.policy_of(self.submission.policy)

    @cached_property
    def approvals(self) -> list[Approval]:
        """All approvals, stage 1 first, in the order in which they were asked."""
        rows = _approvals([self.submission.pk], self.privileges)
        return self.adopt(rows, *_seats(rows))

    def adopt(
        self, rows: Iterable[Approval], seats: Mapping[int, list[Seat]], candidates: Candidates
    ) -> list[Approval]:
        """Return these approvals with the submission of the facts. The locked approval replaces its row.

        Args:
            rows: of the submission.
            seats: of these approvals by their ids, oldest first.
            candidates: of these seats, and maybe of others.
        """
        approvals, self._candidates = [], candidates
        for row in rows:
            approval = row
            if self._locked is not None and self._locked.pk == row.pk:
                approval = self._locked
            self._relate(approval, row)
            approvals.append(approval)
            self.seats[approval.pk] = seats.get(row.pk, [])
        return approvals

    def relate(self, approval: Approval) -> None:
        """Give a locked approval the submission and the relations of its row in the facts."""
        self._relate(approval, self.approval(approval.pk))

    def _relate(self, approval: Approval, row: Approval) -> None:
        approval.submission = self.submission
        if approval is not row:
            for name in COPIED_RELATIONS:
                setattr(approval, name, getattr(row, name))

    @cached_property
    def seats(self) -> dict[int, list[Seat]]:
        """The seats of each approval by its id, filled with the approvals."""
        return {}

    @property
    def candidates(self) -> Candidates:
        """The people who were asked (A9)."""
        assert self.approvals is not None  # reads the candidates
        return self._candidates

    def seats_of(self, approval: Approval) -> list[Seat]:
        """Return the seats of an approval."""
        assert self.approvals is not None  # reads the seats
        return self.seats.get(approval.pk, [])

    def approval(self, pk: int) -> Approval:
        """Return one of the approvals by id."""
        return next(approval for approval in self.approvals if approval.pk == pk)

    @property
    def second(self) -> list[Approval]:
        """The approvals of stage 2."""
        return [approval for approval in self.approvals if approval.stage == 2]

    @cached_property
    def parties(self) -> Mapping[int, str]:
        """The capacity of each party by person id (S1)."""
        return _parties([self.submission.pk])[self.submission.pk]

    @property
    def party_ids(self) -> Collection[int]:
        """Ids of the parties."""
        return self.parties.keys()

    @cached_property
    def privileges(self) -> Sequence[Privilege]:
        """The privileges of the version with entitlement, credential, and resource with its people."""
        return load_privileges([self.submission.version_id])

    @cached_property
    def bindings(self) -> Bindings:
        """The bindings of the privileges by connector and instance."""
        return resource_queries.bindings_of(self.privileges)

    @cached_property
    def chain(self) -> Chain:
        """The chain of the version (A16)."""
        version = self.submission.version
        if not self.identities and not chain_queries.ids_that_join([version]):
            return Chain()
        return chain_queries.chain_with_version(version, self.privileges)

    @cached_property
    def chain_ids(self) -> frozenset[int]:
        """Ids of the other automations in the chain."""
        return self.chain.others

    @cached_property
    def identities(self) -> Sequence[NonHumanIdentity]:
        """Identities that the version names, and those that serve its automation (I5)."""
        return assessment.identities_of([self.submission.version])

    @cached_property
    def shared_tier(self) -> Tier:
        """Highest tier of the other automations with the same identity (I5)."""
        return assessment.shared_tier(self.submission.automation, self.identities)

    @cached_property
    def ownerless_identities(self) -> Sequence[NonHumanIdentity]:
        """Identities that the version names without an owner (I3)."""
        if not self.identities:
            return []
        running = NonHumanIdentity.objects.ownerless(self.now).filter(used_by__version=self.submission.version_id)
        return list(running.select_related("owner").order_by("pk"))

    @cached_property
    def names_present_owner(self) -> bool:
        """Whether the submission names another, present business owner."""
        wanted = str(self.submission.asked.get("business_owner", ""))
        if not wanted or wanted == str(self.submission.automation.business_owner.opaque_id):
            return False
        return Person.objects.filter(opaque_id=wanted, is_active=True, left_at__isnull=True).exists()


def load_facts(submissions: Sequence[Submission], now: datetime) -> dict[int, SubmissionFacts]:
    """Return the facts of several submissions by id, in a fixed number of queries; none for none.

    Chains and tiers of shared identities are read at their first use.
    """
    facts = load_version_facts(submissions, now)
    privileges = [privilege for of_one in facts.values() for privilege in of_one.privileges]
    rows = _approvals(facts, privileges) if facts else []
    approvals, (seats, candidates) = grouped((row.submission_id, row) for row in rows), _seats(rows)
    for pk, of_one in facts.items():
        of_one.approvals = of_one.adopt(approvals.get(pk, []), seats, candidates)
    return facts


def load_version_facts(submissions: Sequence[Submission], now: datetime) -> dict[int, SubmissionFacts]:
    """Return the facts of several submissions without approvals, which are read at their first use."""
    facts = {submission.pk: SubmissionFacts(submission, now) for submission in submissions}
    parties = _parties(list(facts))
    rows = load_privileges({submission.version_id for submission in submissions})
    privileges = grouped((privilege.version_id, privilege) for privilege in rows)
    bindings = resource_queries.bindings_of(privilege for held in privileges.values() for privilege in held)
    for submission in submissions:
        of_one = facts[submission.pk]
        of_one.parties = parties[submission.pk]
        of_one.privileges, of_one.bindings = privileges.get(submission.version_id, []), bindings
    return facts


def load_chain_ids(facts: Sequence[SubmissionFacts]) -> None:
    """Read which automations are in the chains of several submissions: a fixed number of queries, three without a chain."""
    pks = {of_one.submission.version_id for of_one in facts}
    versions = list(Version.objects.filter(pk__in=pks).only("automation", "meets").order_by())
    joining = frozenset(pks) if assessment.identities_of(versions) else chain_queries.ids_that_join(versions)
    by_version = chain_queries.others_with(joining) if joining else {}
    for of_one in facts:
        of_one.chain_ids = by_version.get(of_one.submission.version_id, frozenset())


def _approvals(submissions: Collection[int], privileges: Iterable[Privilege]) -> list[Approval]:
    """Return the approvals of submissions, with the privileges of their versions and the resources of these."""
    asked = Approval.objects.filter(submission__in=submissions).select_related("justification").order_by()
    rows = list(asked)
    privilege_by_id = {privilege.pk: privilege for privilege in privileges}
    resources = {row.pk: row for privilege in privilege_by_id.values() for row in _resources_of(privilege)}
    credential_by_id = {row.credential.pk: row.credential for row in privilege_by_id.values() if row.credential}
    if missing := {row.credential_id for row in rows} - {None, *credential_by_id}:
        credential_by_id |= Credential.objects.select_related("owner").in_bulk(missing)
    for row in rows:
        row.credential = credential_by_id[row.credential_id] if row.credential_id is not None else None
    credentials = [row.credential for row in rows if row.credential is not None]
    wanted = {row.decided_on_id for row in rows}.union(*map(_store_ids, credentials))
    resources |= resource_queries.with_people(wanted - resources.keys())
    for row in rows:
        row.privilege = privilege_by_id[row.privilege_id] if row.privilege_id is not None else None
        row.decided_on = resources[row.decided_on_id] if row.decided_on_id is not None else None
    _set_stores(credentials, resources)
    return sorted(rows, key=lambda row: (row.submission_id, row.stage, row.pk))


def load_privileges(versions: Collection[int], also: Iterable[PersonColumn] = ()) -> list[Privilege]:
    """Return the privileges of versions, each with its entitlement, credential, and resource with its people.

    Args:
        versions: ids.
        also: columns of other rows whose people are read with those of the resources.
    """
    also = list(also)
    credential = "credential" if also else "credential__owner"
    rows = Privilege.objects.filter(version__in=versions).select_related("entitlement", credential).order_by()
    privileges = sorted(rows, key=lambda row: row.pk)
    credentials = [row.credential for row in privileges if row.credential is not None]
    if also:
        also += [(row, "owner") for row in credentials]
    wanted = {row.entitlement.resource_id for row in privileges}.union(*map(_store_ids, credentials))
    resources = resource_queries.with_people(wanted, also)
    for row in privileges:
        row.entitlement.resource = resources[row.entitlement.resource_id]
    _set_stores(credentials, resources)
    return privileges


def _resources_of(privilege: Privilege) -> list[Resource]:
    """Return the resource of a privilege, and those that keep its credential or are opened by it."""
    credential = privilege.credential
    stores = (credential.kept_in, credential.opens) if credential is not None else ()
    return [privilege.entitlement.resource, *(store for store in stores if store is not None)]


def _store_ids(credential: Credential) -> tuple[int | None, int | None]:
    return credential.kept_in_id, credential.opens_id


def _set_stores(credentials: Iterable[Credential], resources: Mapping[int, Resource]) -> None:
    for credential in credentials:
        credential.kept_in = resources[credential.kept_in_id] if credential.kept_in_id is not None else None
        credential.opens = resources[credential.opens_id] if credential.opens_id is not None else None


def _seats(approvals: Iterable[Approval]) -> tuple[dict[int, list[Seat]], Candidates]:
    """Return the seats of approvals by the ids of these, oldest first, and their candidates: one query."""
    columns = ("pk", "candidates__order", "candidates__pk", "approval", "label", "candidates__person", "candidates__at")
    rows = Seat.objects.filter(approval__in=[row.pk for row in approvals]).order_by().values_list(*columns)
    seats, candidates = dict[int, Seat](), Candidates(dict)
    for pk, order, _, approval, label, person, at in sorted(rows, key=_place_of_candidate):
        seats.setdefault(pk, Seat.from_db(rows.db, SEAT_COLUMNS, (pk, approval, label)))
        if order is not None:
            candidates[pk][person] = at
    return grouped((seat.approval_id, seat) for seat in seats.values()), candidates


def _place_of_candidate(row: tuple[Any, ...]) -> tuple[int, int, int]:
    """Sort key of `_seats`: by seat, then in the order of asking."""
    seat, order, candidate = row[:3]
    return seat, order or 0, candidate or 0


def _parties(submissions: Collection[int]) -> dict[int, dict[int, str]]:
    parties: dict[int, dict[int, str]] = {pk: {} for pk in submissions}
    rows = (
        Party.objects.filter(submission__in=submissions)
        .order_by()
        .values_list("pk", "submission", "person", "capacity")
    )
    for _, submission, person, capacity in sorted(rows, reverse=True):
        parties[submission][person] = str(Capacity(capacity).label)
    return parties
