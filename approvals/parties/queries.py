"""Who is a party of a submission, and in which capacity: named as it is submitted and as others come in, only ever more (S1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from approvals.assignment.escalation_chain import resource_of
from approvals.models import Approval, Candidate, DecisionPerson, Party, Submission, SubmissionState
from approvals.models.approval import ENDED
from approvals.models.submission import UNFINISHED, Capacity
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal
from governance.core.models import Person
from inventory.models import Automation, Version
from inventory.ownership import authors
from inventory.ownership.parties import WROTE

OWNING = (Capacity.BUSINESS_OWNER, Capacity.TECHNICAL_OWNER)
#: Whose work it is: whoever submits it is one of them, and need not be the one who made it (S10, A13).
BUILDING = (Capacity.IMPORTER, Capacity.EDITOR, Capacity.SUBMITTER)

_IN_FORCE = Submission.objects.filter(automation=OuterRef("submission__automation"), state=SubmissionState.IN_FORCE)
#: Parties of a submission from the one in force on: those of what came to nothing since are parties of what comes next (A15).
FROM_THE_ONE_IN_FORCE = Q(
    submission__gte=Coalesce(Subquery(_IN_FORCE.order_by("-ended_at", "-pk").values("pk")[:1]), Value(0))
)


def name_all(submission: Submission, submitter: Person, *, siblings: Collection[int], alike: Collection[int]) -> None:
    """Write down everybody who is a party.

    Args:
        submission: saved, without records yet.
        submitter: who submits it.
        siblings: ids of the automation in its other environments (I10).
        alike: ids of what it may be the same as (I9).
    """
    found = standing(submission.automation, asked=submission.version)
    found += [*of_siblings(siblings), *of_alike(alike)]
    write_down(submission, [*found, (submitter.pk, Capacity.SUBMITTER)])


@dataclass(frozen=True)
class CameIn:
    """Who has become a party since a submission was made, not written down yet.

    Args:
        pairs: ids and capacities that are new.
        people: whoever was no party before in any capacity.
    """

    pairs: tuple[tuple[int, Capacity], ...]
    people: tuple[Person, ...]


def who_came_in(submission: Submission, actor: Actor | None) -> CameIn:
    """Who has become a party since it was submitted: an editor, an importer, an owner or author named since (S1). Reads only.

    Args:
        submission: unfinished, its automation locked.
        actor: who has just written; whom they stand in for has written too (A11). None where nothing was written.
    """
    known = set(submission.parties.values_list("person", "capacity"))
    found = standing(submission.automation, asked=submission.version)
    if actor is not None and actor.standing_for is not None:
        found.append((actor.standing_for.pk, Capacity.EDITOR))
    new = {who for who, _ in found} - {who for who, _ in known}
    people = Person.objects.filter(pk__in=new).order_by("pk")
    return CameIn(tuple(pair for pair in dict.fromkeys(found) if pair not in known), tuple(people))


def write_down(submission: Submission, pairs: Iterable[tuple[int, Capacity]]) -> None:
    """Write parties down, each capacity of a person once; none of them has decided in it (S1)."""
    Party.objects.bulk_create(
        Party(submission=submission, person_id=who, capacity=capacity) for who, capacity in dict.fromkeys(pairs)
    )


def on_record(submission: Submission) -> list[str]:
    """Its parties as the ledger names them: opaque id and capacity of each."""
    found = submission.parties.order_by("pk").values_list("person__opaque_id", "capacity")
    return [f"{opaque_id} {capacity}" for opaque_id, capacity in found]


def standing(automation: Automation, *, asked: Version | None = None) -> list[tuple[int, Capacity]]:
    """Everybody who is a party of whatever is submitted next, beside who submits it: for the write and the preview alike.

    Importers and authors of versions since the approved one, also of newer ones than the submitted; editors since then; whoever
    is owner, was since then, or becomes it by what is asked; and the parties of submissions since the one in force, which were
    withdrawn, refused or go on in this one (A15). A fixed number of queries.

    Args:
        automation: saved.
        asked: the version that is submitted, which may be older than the approved one; None where there is none yet.

    Returns:
        Id of the person and capacity, each pair possibly more than once.
    """
    found = [*_of_versions(automation, asked), *_of_history(automation), *_of_submissions(automation)]
    return [(who, capacity) for who, capacity in found if who is not None]


def beside(*, siblings: Collection[int], alike: Collection[int]) -> list[int]:
    """Ids of the parties that a submission has from elsewhere: see `of_siblings` and `of_alike`."""
    return [who for who, _ in (*of_siblings(siblings), *of_alike(alike))]


def of_alike(others: Collection[int]) -> list[tuple[int, Capacity]]:
    """The parties of what an automation may be the same as: they decide nothing about it either (I9).

    Args:
        others: ids of automations.
    """
    if not others:
        return []
    found = Party.objects.filter(submission__automation__in=others).exclude(capacity=Capacity.ALIKE)
    submitted = Version.objects.filter(automation__in=others, submissions__isnull=False)
    people = {*found.values_list("person", flat=True), *authors.of(submitted)}
    return [(who, Capacity.ALIKE) for who in sorted(people)]


def of_siblings(siblings: Collection[int]) -> list[tuple[int, Capacity]]:
    """Whose work an automation is in its other environments: parties of what goes from one to the other (I10, S1).

    Whoever brought it in there, edited it, submitted it, or is named by its source. Its owners there own nothing here.

    Args:
        siblings: ids of the automations of its lineage.
    """
    if not siblings:
        return []
    built = Party.objects.filter(submission__automation__in=siblings, capacity__in=BUILDING).order_by()
    found = [(who, Capacity(capacity)) for who, capacity in built.values_list("person", "capacity").distinct()]
    versions = Version.objects.filter(automation__in=siblings).order_by()
    found += [(who, Capacity.IMPORTER) for who in versions.values_list("imported_by", flat=True).distinct() if who]
    found += [(who, Capacity.AUTHOR) for who in authors.of(versions)]
    rows = Automation.history.filter(id__in=siblings, history_user__isnull=False).order_by()
    wrote = rows.values_list("history_change_reason", "history_user").distinct()
    return [*found, *((who, Capacity.EDITOR) for why, who in wrote if (why or "").startswith(WROTE))]


def _of_versions(automation: Automation, asked: Version | None) -> Iterator[tuple[int | None, Capacity]]:
    approved = automation.approved_version
    counted = Q(number__gt=approved.number if approved else 0)
    if asked is not None:
        counted |= Q(pk=asked.pk)
    since = automation.versions.filter(counted)
    for importer in since.values_list("imported_by", flat=True):
        yield importer, Capacity.IMPORTER
    for author in authors.of(since):
        yield author, Capacity.AUTHOR


def _of_history(automation: Automation) -> Iterator[tuple[int | None, Capacity]]:
    owners = (automation.business_owner_id, automation.technical_owner_id)
    asked = (automation.asked["business_owner_id"], automation.asked["technical_owner_id"])
    approved = automation.approved_version
    is_over = False
    rows = automation.history.order_by("-history_id").values_list(
        *("history_change_reason", "history_user", "history_date"),
        *("business_owner", "technical_owner", "interim__person"),
    )
    for why, who, at, *then in [*rows]:
        # Owners count from when the approved version went live; editors from when it was made: what they wrote while it was
        # decided waits in the amendment and is decided with what comes now.
        if not is_over:
            yield from zip(then, (*OWNING, Capacity.BUSINESS_OWNER), strict=True)  # the last answered meanwhile (I3)
        if (why or "").startswith(WROTE) and (not is_over or approved is None or at > approved.created_at):
            yield who, Capacity.EDITOR
        is_over = is_over or (why or "").startswith("automation.went_live")
    for people in (owners, asked):
        yield from zip(people, OWNING, strict=True)


def _of_submissions(automation: Automation) -> Iterator[tuple[int | None, Capacity]]:
    in_force = (
        automation.submissions.filter(state=SubmissionState.IN_FORCE).order_by("-ended_at", "-pk").values("pk")[:1]
    )
    since = Submission.objects.filter(automation=automation, pk__gt=Coalesce(in_force, Value(0)))
    # Who built what it may be the same as is asked anew of each: somebody may have said that it is another one (I9).
    parties = Party.objects.filter(submission__in=since).exclude(capacity=Capacity.ALIKE)
    for who, capacity in parties.values_list("person", "capacity"):
        yield who, Capacity(capacity)


def building(submission: Submission) -> frozenset[int]:
    """Ids of everybody whose work a submission is: who brought it in, edited or submitted it. One query."""
    found = submission.parties.filter(capacity__in=BUILDING).values_list("person", flat=True)
    return frozenset({submission.submitted_by_id, *found})


def would_build(
    automation: Automation, submitter: Person, *, asked: Version, siblings: Collection[int]
) -> frozenset[int]:
    """The same of what somebody would submit now; ``siblings`` are ids of the automation in its other environments."""
    now = [*standing(automation, asked=asked), *of_siblings(siblings)]
    found = {who for who, capacity in now if capacity in BUILDING}
    return frozenset(found | {submitter.pk})


def in_what_rests(uses: QuerySet[Automation], people: Collection[int]) -> Party | None:
    """A party, of some people, to what runs of some automations or to whatever was submitted since; None where nobody is."""
    rests = Party.objects.filter(
        FROM_THE_ONE_IN_FORCE, submission__automation__in=uses.order_by().values("pk"), person__in=people
    )
    return rests.select_related("submission__automation", "person").order_by("pk").first()


def whose_word_counts_not(automation: Automation, now: datetime) -> dict[int, Refusal]:
    """Whoever is a party of what runs or of whatever is submitted next: what they say that a credential opens counts for nothing in it (S1, T1)."""
    no = Refusal("SOD-1", "duty", "A party's word on what a credential opens makes nothing of its own less risky.")
    return dict.fromkeys({*(who for who, _ in standing(automation)), *running(automation)}, no)


def running(automation: Automation) -> list[int]:
    """Ids of the parties of the running version and of later submissions. One query."""
    found = Party.objects.filter(FROM_THE_ONE_IN_FORCE, submission__automation=automation).order_by()
    return list(found.values_list("person", flat=True).distinct())


def kept_apart(automation: Automation, now: datetime) -> dict[int, Refusal]:
    """Who can't be named an owner while a submission is under way: whoever is asked in it, or has decided (S1, A9).

    Naming them would make a party of somebody who is to decide, and the ladder would go on to somebody else. Who is a party
    already decides nothing, so that naming them moves nobody. Reads only; a fixed number of queries.

    Args:
        automation: whose owner is named.
        now: business time.
    """
    submission = automation.submissions.filter(state__in=UNFINISHED).first()
    if submission is None:
        return {}
    parties = set(submission.parties.values_list("person", flat=True))
    decided = DecisionPerson.objects.filter(submission=submission)
    found = dict.fromkeys(decided.values_list("person", flat=True), "has decided")
    for pk in _asked(submission, now):
        found.setdefault(pk, "is asked to decide")
    names = Person.objects.in_bulk(found.keys() - parties)
    to_do = "Name somebody else; or wait until the submission has ended, or withdraw it."
    return {
        pk: Refusal(
            "SOD-1", "duty", f"{who.name} {found[pk]} in its open submission, and an owner decides nothing.", to_do
        )
        for pk, who in names.items()
    }


def _asked(submission: Submission, now: datetime) -> set[int]:
    """Ids of who was asked to fill a seat of a record that is not decided, and of who answers for what it is about."""
    records = Approval.objects.filter(submission=submission).exclude(state__in=ENDED)
    found = set(Candidate.objects.filter(seat__approval__in=records).values_list("person", flat=True))
    related = [f"{way}__interim__person" for way in ("privilege__entitlement__resource", "decided_on")]
    related += [f"{way}__owner" for way in ("privilege__entitlement__resource", "decided_on")]
    for record in records.select_related(*related):
        resource = resource_of(record)
        if resource is not None:
            meanwhile = resource.interim_owner(now)
            answering = (resource.owner_id, resource.deputy_id, meanwhile.pk if meanwhile is not None else None)
            found |= {pk for pk in answering if pk is not None}
    return found
