"""Parties of a submission and their capacities (S1). Parties are written at submission and only ever added to."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from approvals.assignment.escalation_chain import resource_of
from approvals.models import Approval, Candidate, DecisionPerson, Party, Submission, SubmissionState
from approvals.models.approval import ENDED
from approvals.models.submission import UNFINISHED, Capacity
from governance.core.access import Actor, Refusal
from governance.core.models import Person
from inventory.models import Automation, Version
from inventory.ownership import parties as ownership_parties
from inventory.ownership.parties import CONTENT_REASONS

OWNING = (Capacity.BUSINESS_OWNER, Capacity.TECHNICAL_OWNER)
#: Capacities of builders. The submitter is one, even if another person built the automation (S10, A13).
BUILDING = (Capacity.IMPORTER, Capacity.EDITOR, Capacity.SUBMITTER)

_IN_FORCE = Submission.objects.filter(automation=OuterRef("submission__automation"), state=SubmissionState.IN_FORCE)
#: Parties from the submission in force on. Parties of submissions that failed since stay parties of the next (A15).
FROM_THE_ONE_IN_FORCE = Q(
    submission__gte=Coalesce(Subquery(_IN_FORCE.order_by("-ended_at", "-pk").values("pk")[:1]), Value(0))
)


def new_parties(submission: Submission, actor: Actor | None) -> tuple[list[tuple[int, Capacity]], list[Person]]:
    """Find new parties since the submission: editors, importers, owners and authors (S1). Reads only.

    Args:
        submission: unfinished, its automation locked.
        actor: the person who has just edited; the giver of a delegation counts as an editor too (A11). None without an edit.

    Returns:
        New person ids with their capacities, and the people who were no party before.
    """
    known_pairs = set(submission.parties.values_list("person", "capacity"))
    current_pairs = next_parties(submission.automation, version=submission.version)
    if actor is not None and actor.standing_for is not None:
        current_pairs.append((actor.standing_for.pk, Capacity.EDITOR))
    new = {person_id for person_id, _ in current_pairs} - {party_id for party_id, _ in known_pairs}
    people = Person.objects.filter(pk__in=new).order_by("pk")
    return [pair for pair in dict.fromkeys(current_pairs) if pair not in known_pairs], list(people)


def write_parties(submission: Submission, pairs: Iterable[tuple[int, Capacity]]) -> None:
    """Write parties, each capacity of a person once. None of these people has decided in the submission (S1)."""
    Party.objects.bulk_create(
        Party(submission=submission, person_id=person_id, capacity=capacity)
        for person_id, capacity in dict.fromkeys(pairs)
    )


def for_ledger(submission: Submission) -> list[str]:
    """Return the parties for the ledger: opaque id and capacity of each."""
    parties = submission.parties.order_by("pk").values_list("person__opaque_id", "capacity")
    return [f"{opaque_id} {capacity}" for opaque_id, capacity in parties]


def next_parties(automation: Automation, *, version: Version | None = None) -> list[tuple[int, Capacity]]:
    """Return the parties of the next submission, apart from its submitter; for the write and the preview.

    Parties are:
    - importers and authors of versions since the approved one, including versions newer than the submitted one
    - editors since the approved version
    - current owners, owners since the approved version, and owners named in the amendment
    - parties of submissions since the one in force that were withdrawn, refused or continued (A15)

    A fixed number of queries.

    Args:
        automation: saved.
        version: the version that is submitted, which may be older than the approved one; None where there is none yet.

    Returns:
        Id of the person and capacity, each pair possibly more than once.
    """
    pairs = [*_of_versions(automation, version), *_of_history(automation), *_of_submissions(automation)]
    return [(person_id, capacity) for person_id, capacity in pairs if person_id is not None]


def of_duplicates(others: Collection[int]) -> list[tuple[int, Capacity]]:
    """Return the parties of possible duplicates. They decide nothing about this automation either (I9).

    Args:
        others: ids of automations.
    """
    if not others:
        return []
    parties = Party.objects.filter(submission__automation__in=others).exclude(capacity=Capacity.ALIKE)
    submitted = Version.objects.filter(automation__in=others, submissions__isnull=False)
    people = {*parties.values_list("person", flat=True), *ownership_parties.author_ids(submitted)}
    return [(person_id, Capacity.ALIKE) for person_id in sorted(people)]


def of_siblings(siblings: Collection[int]) -> list[tuple[int, Capacity]]:
    """Return the builders of the automation in its other environments (I10, S1).

    Builders are importers, editors, submitters and authors there. Owners there own nothing here.

    Args:
        siblings: ids of the automations of its lineage.
    """
    if not siblings:
        return []
    built = Party.objects.filter(submission__automation__in=siblings, capacity__in=BUILDING).order_by()
    parties = built.values_list("person", "capacity").distinct()
    versions = Version.objects.filter(automation__in=siblings).order_by()
    importers = versions.exclude(imported_by=None).values_list("imported_by", flat=True).distinct()
    rows = Automation.history.filter(id__in=siblings, history_user__isnull=False).order_by()
    edits = rows.values_list("history_change_reason", "history_user").distinct()
    return [
        *((person_id, Capacity(capacity)) for person_id, capacity in parties),
        *((person_id, Capacity.IMPORTER) for person_id in importers),
        *((person_id, Capacity.AUTHOR) for person_id in ownership_parties.author_ids(versions)),
        *((person_id, Capacity.EDITOR) for reason, person_id in edits if (reason or "").startswith(CONTENT_REASONS)),
    ]


def _of_versions(automation: Automation, version: Version | None) -> Iterator[tuple[int | None, Capacity]]:
    approved = automation.approved_version
    counted = Q(number__gt=approved.number if approved else 0)
    if version is not None:
        counted |= Q(pk=version.pk)
    importer_by_version = dict(automation.versions.filter(counted).values_list("pk", "imported_by"))
    for importer in importer_by_version.values():
        yield importer, Capacity.IMPORTER
    for author in ownership_parties.author_ids(Version.objects.filter(pk__in=importer_by_version)):
        yield author, Capacity.AUTHOR


def _of_history(automation: Automation) -> Iterator[tuple[int | None, Capacity]]:
    owners = (automation.business_owner_id, automation.technical_owner_id)
    asked_owners = (automation.requested_fields["business_owner_id"], automation.requested_fields["technical_owner_id"])
    approved = automation.approved_version
    is_over = False
    rows = automation.history.order_by("-history_id").values_list(
        *("history_change_reason", "history_user", "history_date"),
        *("business_owner", "technical_owner", "interim__person"),
    )
    for reason, person_id, at, *answerable in [*rows]:
        # Owners count until the approved version went live, editors until it was made. Edits made during its review
        # wait in the amendment and are decided now.
        if not is_over:
            yield from zip(answerable, (*OWNING, Capacity.BUSINESS_OWNER), strict=True)  # the interim owner (I3)
        if (reason or "").startswith(CONTENT_REASONS) and (not is_over or approved is None or at > approved.created_at):
            yield person_id, Capacity.EDITOR
        is_over = is_over or (reason or "").startswith("automation.went_live")
    for people in (owners, asked_owners):
        yield from zip(people, OWNING, strict=True)


def _of_submissions(automation: Automation) -> Iterator[tuple[int | None, Capacity]]:
    in_force = automation.submissions.filter(state=SubmissionState.IN_FORCE).order_by("-ended_at", "-pk")
    since = Submission.objects.filter(automation=automation, pk__gt=Coalesce(in_force.values("pk")[:1], Value(0)))
    # Builders of possible duplicates are worked out again each time: an answer may have changed (I9).
    parties = Party.objects.filter(submission__in=since).exclude(capacity=Capacity.ALIKE)
    for person_id, capacity in parties.values_list("person", "capacity"):
        yield person_id, Capacity(capacity)


def builder_ids(submission: Submission) -> frozenset[int]:
    """Return the ids of the builders of a submission: importers, editors and the submitter. One query."""
    person_ids = submission.parties.filter(capacity__in=BUILDING).values_list("person", flat=True)
    return frozenset({submission.submitted_by_id, *person_ids})


def party_of_running(uses: QuerySet[Automation], people: Collection[int]) -> Party | None:
    """Return a party among ``people`` to the running or a later submission of one of the automations, or None."""
    rests = Party.objects.filter(
        FROM_THE_ONE_IN_FORCE, submission__automation__in=uses.order_by().values("pk"), person__in=people
    )
    return rests.select_related("submission__automation", "person").order_by("pk").first()


def refusals_for_parties(automation: Automation, now: datetime) -> dict[int, Refusal]:
    """Return a refusal by person id for each party of the running or next version.

    Their statement about what a credential opens does not lower its tier (S1, T1).
    """
    refusal = Refusal("SOD-1", "duty", "A party's word on what a credential opens makes nothing of its own less risky.")
    party_ids = {person_id for person_id, _ in next_parties(automation)}
    return dict.fromkeys(party_ids | set(running_party_ids(automation)), refusal)


def running_party_ids(automation: Automation) -> list[int]:
    """Return the ids of the parties of the running version and of later submissions. One query."""
    parties = Party.objects.filter(FROM_THE_ONE_IN_FORCE, submission__automation=automation).order_by()
    return list(parties.values_list("person", flat=True).distinct())


def refusals_for_owners(automation: Automation, now: datetime) -> dict[int, Refusal]:
    """Return a refusal by person id for people who can't be named an owner during a submission (S1, A9).

    These are its candidates and deciders. Naming a candidate would make them a party, and the next person on the
    chain would be asked. A party already decides nothing, so parties can be named. Reads only; a fixed number of
    queries.

    Args:
        automation: whose owner is named.
        now: business time.
    """
    submission = automation.submissions.filter(state__in=UNFINISHED).first()
    if submission is None:
        return {}
    decided = DecisionPerson.objects.filter(submission=submission)
    reasons = dict.fromkeys(decided.values_list("person", flat=True), "has decided")
    for pk in _candidate_ids(submission, now):
        reasons.setdefault(pk, "is asked to decide")
    people = Person.objects.filter(pk__in=reasons).exclude(pk__in=submission.parties.values("person"))
    to_do = "Name somebody else; or wait until the submission has ended, or withdraw it."
    sentences = {
        pk: f"{name} {reasons[pk]} in its open submission, and an owner decides nothing."
        for pk, name in people.order_by().values_list("pk", "name")
    }
    return {pk: Refusal("SOD-1", "duty", sentence, to_do) for pk, sentence in sentences.items()}


def _candidate_ids(submission: Submission, now: datetime) -> set[int]:
    """Return the ids of candidates for undecided approvals, and of the owners of their resources."""
    records = Approval.objects.filter(submission=submission).exclude(state__in=ENDED)
    person_ids = set(Candidate.objects.filter(seat__approval__in=records).values_list("person", flat=True))
    paths = ("privilege__entitlement__resource", "decided_on")
    related = [f"{path}__{name}" for path in paths for name in ("interim__person", "owner")]
    for record in records.select_related(*related):
        resource = resource_of(record)
        if resource is not None:
            interim = resource.interim_owner(now)
            answering = (resource.owner_id, resource.deputy_id, interim.pk if interim is not None else None)
            person_ids |= {pk for pk in answering if pk is not None}
    return person_ids
