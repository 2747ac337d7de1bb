"""Reads one submission with everything that the review page draws, in a number of queries that no record adds to.

People and resources stand many times in a submission: each is read once, by id, and hung on every row that names it, so that no
query joins the same table eight times. What may be done with any of it is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import JSONObject

from approvals.assignment.escalation_chain import Bench
from approvals.assignment.route import Route
from approvals.conflicts.check import submission as conflicts
from approvals.decisions import digest
from approvals.decisions.rules import ownership
from approvals.inbox import waiting_for
from approvals.inbox.waiting_for import Held
from approvals.models import Approval, Comment, Likeness, Seat, Submission, Waiver
from approvals.models.submission import SubmissionQuerySet
from approvals.policies import tiers
from approvals.review import changes as since_approved
from approvals.review.changes import Since
from approvals.review.views import duplicates, earlier_submission
from approvals.review.views.reader import Reader
from governance.core.database import compiled_queries
from governance.core.models import Membership, Person, Team
from inventory.chains import queries as chain_queries
from inventory.models import Assessment, Credential, Finding, NonHumanIdentity, Privilege, Resource, Trigger, Version
from inventory.versions import trigger_descriptions

#: Documents that are large and that nothing on the page shows.
UNSHOWN = ("version__manifest", "version__secrets", "automation__search")
#: Foreign keys to people, by what they stand on.
LEADS = ("lead", "deputy_lead")
OWNERS = ("business_owner", "technical_owner")
ANSWERING = ("owner", "deputy")
KEPT_BY = ("owner",)


@dataclass(frozen=True)
class Dossier:
    """One submission as the page needs it; every record hangs on the same submission, people and resources.

    Args:
        submission: with its automation, teams, version and policy; its records count as prefetched.
        route: read with it, and known to whoever asks for the route of one of its records.
        records: stage 1 first, in the order in which they were asked.
        comments: what was said, oldest first, each with its author and text.
        people: everybody named above, by id.
        since: what changed since what was in force before; None for a first version.
        owners: everybody who owns it, owned it then, or would own it, by opaque id.
        starts: what starts the version, in words.
        noticed: what the newest assessment of the version found and nobody has closed.
        rests_on: the number of the version whose app approval counts for this submission, where it has none of its own.
        alike: what the automation may be the same as (I9).
        held: who holds which record, since when.
    """

    submission: Submission
    route: Route
    records: list[Approval]
    comments: list[Comment]
    people: Mapping[int, Person]
    since: Since | None
    owners: Mapping[str, Person]
    starts: Sequence[str]
    noticed: Sequence[Mapping[str, str]]
    rests_on: int | None
    alike: Sequence[duplicates.Known] = ()
    held: Sequence[Held] = ()

    @property
    def app(self) -> Approval | None:
        """The stage-1 record; none where the submission rests on an earlier one's."""
        return next((record for record in self.records if record.stage == 1), None)

    def owner_named(self, opaque: object) -> str:
        """The name of an owner whom what was asked names by an opaque id; empty for nobody."""
        person = self.owners.get(str(opaque or ""))
        return person.name if person is not None else ""

    def held_of(self, record: Approval) -> list[Held]:
        """Who holds one of the records, seat by seat."""
        return [one for one in self.held if one.record == record.pk]

    @property
    def second(self) -> list[Approval]:
        """The records of stage 2."""
        return [record for record in self.records if record.stage == 2]

    @property
    def objected(self) -> frozenset[int]:
        """Ids of the records that somebody objected to (A3)."""
        return frozenset(one.approval_id for one in self.comments if one.is_objection and one.approval_id)


def visible(reader: Reader) -> SubmissionQuerySet:
    """The submissions that the reader may see, each with its automation, teams, version and policy, and what it follows."""
    seen = Submission.objects.visible_to(reader.actor, reader.now)
    joined = seen.select_related("automation__team__parent", "version", "policy").defer(*UNSHOWN)
    me = reader.actor.person
    return waiting_for.told(joined).annotate(
        **conflicts.with_a_submission(reader.now),
        **{name: compiled_queries.annotation(Submission, build, reader.now) for name, build in BESIDE.items()},
        is_in_team=Exists(Membership.objects.filter(team=OuterRef("automation__team"), person=me)),
        was_asked=Exists(Submission.objects.asking(me.pk if me is not None else None).filter(pk=OuterRef("pk"))),
        rests_on=F("app_approval__submission__version__number"),
    )


def _noticed() -> ArraySubquery:
    newest = Assessment.objects.filter(version=OuterRef(OuterRef("version"))).order_by("-pk")
    found = Finding.objects.filter(assessment=Subquery(newest.values("pk")[:1]), state="open").order_by("pk")
    return ArraySubquery(
        found.values(said=JSONObject(code="code", severity="severity", detail="detail", place="place"))
    )


def _starts() -> ArraySubquery:
    starts = Trigger.objects.filter(version=OuterRef("version")).order_by("pk")
    return ArraySubquery(starts.values(said=JSONObject(kind="type", detail="detail")))


def _has_alike() -> Exists:
    return Exists(Likeness.objects.filter(automation=OuterRef("automation")).order_by())


def _is_run_by_nobodys() -> Exists:
    return Exists(NonHumanIdentity.objects.ownerless(compiled_queries.NOW).filter(used_by__version=OuterRef("version")))


def _runs_as_some() -> Exists:
    uses = Q(used_by__version=OuterRef("version")) | Q(automation=OuterRef("automation"))
    return Exists(NonHumanIdentity.objects.filter(uses))


def _has_waivers() -> Exists:
    of_it = Waiver.objects.filter(automation=OuterRef("automation"))
    return Exists((of_it.standing("", compiled_queries.NOW) | of_it.standing("live", compiled_queries.NOW)).order_by())


def _held_in_all() -> Subquery:
    held = Privilege.objects.filter(version=OuterRef("version")).order_by().values("version")
    return Subquery(held.values(found=Count("pk")))


def _may_be_joined() -> Subquery:
    return Subquery(Version.objects.filter(pk=OuterRef("version")).values(found=chain_queries.may_be_joined()))


#: What the page's one large query reads beside a submission, by name; nothing of it depends on the reader.
BESIDE: Mapping[str, Callable[[], Combinable]] = {
    "approved_before": since_approved.approved_before,
    "noticed": _noticed,
    "starts": _starts,
    "follows": earlier_submission.follows,
    "has_alike": _has_alike,
    "is_run_by_nobodys": _is_run_by_nobodys,
    "may_be_joined": _may_be_joined,
    "runs_as_some": _runs_as_some,
    "has_waivers": _has_waivers,
    "held_in_all": _held_in_all,
}


def dossier(submission: Submission, reader: Reader) -> Dossier:
    """Read the rest of a submission that `visible` found: its records, their resources, its people, route and comments."""
    records = _records(submission)
    resources = _resources(records)
    comments = list(submission.comments.select_related("by", "text").order_by("pk"))
    teams = _teams(submission, resources.values())
    credentials = [record.credential for record in records if record.credential is not None]
    bench, people = Bench.with_people(reader.now, _named(submission, teams, resources.values(), credentials))
    for team in teams:
        _hang(team, LEADS, people)
    for resource in resources.values():
        _hang(resource, ANSWERING, people)
    for credential in credentials:
        _hang(credential, KEPT_BY, people)
    _hang(submission.automation, OWNERS, people)
    _hang(submission, ("submitted_by",), people)
    _know(submission, reader)
    _know_held(submission, records)
    route = Route.load(submission, reader.now, bench)
    submission.__dict__["_route"] = route
    before = getattr(submission, "approved_before", None)
    since = since_approved.read(submission, [one for one in records if one.stage == 2], before) if before else None
    return Dossier(
        submission,
        route,
        records,
        comments,
        people | {one.by_id: one.by for one in comments},
        since=since,
        owners=_owners(submission, since, people),
        starts=[trigger_descriptions.said(one["kind"], one["detail"]) for one in getattr(submission, "starts", ())],
        noticed=getattr(submission, "noticed", ()),
        rests_on=None
        if any(one.pk == submission.app_approval_id for one in records)
        else getattr(submission, "rests_on", None),
        alike=duplicates.of(submission, reader),
        held=waiting_for.of(submission, reader.now, route),
    )


def _know(submission: Submission, reader: Reader) -> None:
    """Say what was read with the submission to whoever would read it again."""
    if reader.actor.person is not None and hasattr(submission, "was_asked"):
        submission.know_asked(reader.actor.person, was_asked=submission.was_asked)
        submission.automation.team.know_member(reader.actor.person, is_member=getattr(submission, "is_in_team", False))
    if not getattr(submission, "is_run_by_nobodys", True):
        ownership.know_none(submission)
    if not getattr(submission, "runs_as_some", True):
        tiers.know_no_sharers(submission)
        if not getattr(submission, "may_be_joined", True):
            tiers.know_none(submission)


def _know_held(submission: Submission, records: Sequence[Approval]) -> None:
    """Say what the version would hold to whoever would read it again, where its records are about all of it."""
    held = [record.privilege for record in records if record.privilege is not None]
    if len(held) == getattr(submission, "held_in_all", None):
        tiers.know_held(submission, held)


def _owners(submission: Submission, since: Since | None, people: Mapping[int, Person]) -> dict[str, Person]:
    """Whoever is named an owner by what was asked, now or then: read only where they own nothing here that was read already."""
    changed = since.app if since is not None else {}
    wanted = {str(submission.asked.get(name) or "") for name in digest.OWNERS}
    wanted |= {str(before or "") for name in digest.OWNERS for before, _ in [changed.get(name, ("", ""))]}
    found = {str(one.opaque_id): one for one in people.values()}
    missing = wanted - {"", *found}
    read = Person.objects.filter(opaque_id__in=missing).order_by() if missing else ()
    return found | {str(one.opaque_id): one for one in read}


def _records(submission: Submission) -> list[Approval]:
    """The records with what each is about; the submission has them prefetched afterwards."""
    records = sorted(RECORDS(submission=submission.pk), key=lambda record: (record.stage, record.pk))
    for record in records:
        record.submission = submission
    known = submission.approvals.all()
    known._result_cache = records  # so that whoever asks the submission for its records gets these very rows
    submission.__dict__.setdefault("_prefetched_objects_cache", {})["approvals"] = known
    return records


def _resources(records: Iterable[Approval]) -> dict[int, Resource]:
    """What the records are about, read once each and hung on every entitlement and credential that names it."""
    entitlements = [record.privilege.entitlement for record in records if record.privilege is not None]
    credentials = {record.credential.pk: record.credential for record in records if record.credential is not None}
    ids = {one.resource_id for one in entitlements}
    kept = {pk for one in credentials.values() for pk in (one.kept_in_id, one.opens_id)}
    ids |= {pk for pk in kept | {record.decided_on_id for record in records} if pk is not None}
    resources = {resource.pk: resource for resource in (RESOURCES(ids=ids) if ids else ())}
    for entitlement in entitlements:
        entitlement.resource = resources[entitlement.resource_id]
    for credential in credentials.values():
        _hang(credential, ("kept_in", "opens"), resources)
    for record in records:
        _hang(record, ("decided_on",), resources)
    _share_credentials(records, credentials)
    return resources


def _records_of() -> QuerySet[Approval]:
    seats = Prefetch("seats", queryset=Seat.objects.order_by("pk"))
    about = ("privilege__entitlement", "privilege__credential", "credential", "justification")
    read = Approval.objects.filter(submission=compiled_queries.number("submission")).select_related(*about)
    return read.defer("facts").prefetch_related(seats).order_by()


def _resources_among() -> QuerySet[Resource]:
    read = Resource.objects.filter(compiled_queries.among_those("ids")).select_related("team", "interim__person")
    return read.defer("search", "about").order_by()


RECORDS = compiled_queries.Statement(_records_of)
RESOURCES = compiled_queries.Statement(_resources_among)


def _share_credentials(records: Iterable[Approval], credentials: Mapping[int, Credential]) -> None:
    """A privilege's credential is mostly a record of the same submission: the very same row then."""
    for record in records:
        if record.privilege is not None:
            _hang(record.privilege, ("credential",), credentials)


def _teams(submission: Submission, resources: Iterable[Resource]) -> list[Team]:
    """The automation's team, the one above it, and those of the resources."""
    own = submission.automation.team
    found = [own, own.parent, *(resource.team for resource in resources)]
    return [team for team in found if team is not None]


def _named(
    submission: Submission, teams: Iterable[Team], resources: Iterable[Resource], credentials: Iterable[Credential]
) -> set[int]:
    """Ids of everybody whom these rows name."""
    rows: list[tuple[models.Model, tuple[str, ...]]] = [
        (submission, ("submitted_by",)),
        (submission.automation, OWNERS),
    ]
    rows += [(team, LEADS) for team in teams]
    rows += [(resource, ANSWERING) for resource in resources]
    rows += [(credential, KEPT_BY) for credential in credentials]
    ids = {getattr(row, f"{name}_id") for row, names in rows for name in names}
    return {pk for pk in ids if pk is not None}


def _hang(row: models.Model, names: Iterable[str], known: Mapping[int, models.Model]) -> None:
    """Give a row the related rows that were read already; what is not among them is read when it is asked for."""
    for name in names:
        found = known.get(getattr(row, f"{name}_id"))
        if found is not None:
            setattr(row, name, found)
