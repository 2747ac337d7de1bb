"""Loads one submission with all that the review page shows, in a fixed number of queries.

People and resources occur many times in a submission: each is loaded once by id and assigned to every row, so that queries need no
repeated joins. Other modules check the reader's actions.
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
from approvals.inbox.waiting_for import PendingItem
from approvals.models import Approval, Comment, Likeness, Seat, Submission, Waiver
from approvals.models.submission import SubmissionQuerySet
from approvals.policies import tiers
from approvals.review import changes as since_approved
from approvals.review.changes import VersionChanges
from approvals.review.views import duplicates, earlier_submission
from approvals.review.views.reader import Reader
from governance.core.database import compiled_queries
from governance.core.models import Person, Team
from inventory.chains import queries as chain_queries
from inventory.models import Assessment, Credential, Finding, NonHumanIdentity, Privilege, Resource, Trigger, Version
from inventory.versions import trigger_descriptions

#: Large documents that the page does not show.
UNSHOWN = ("version__manifest", "version__secrets", "automation__search")
#: Foreign keys to people, by model.
LEADS = ("lead", "deputy_lead")
OWNERS = ("business_owner", "technical_owner")
ANSWERING = ("owner", "deputy")
KEPT_BY = ("owner",)


@dataclass(frozen=True)
class Dossier:
    """One submission with the data of its page. All approvals share the same submission, people and resources.

    Args:
        submission: with its automation, teams, version and policy; its approvals count as prefetched.
        route: loaded with it and cached on the submission.
        records: its approvals, stage 1 first, in the order in which they were asked.
        comments: oldest first, each with its author and text.
        people: all people named above, by id.
        since: changes since the version in force before; None for a first version.
        owners: present, earlier and requested owners, by opaque id.
        starts: triggers of the version, in words.
        noticed: open findings of the newest assessment.
        rests_on: number of the version whose app approval counts, if the submission has none of its own.
        alike: automations that it may be the same as (I9).
        held: open seats and their holders.
    """

    submission: Submission
    route: Route
    records: list[Approval]
    comments: list[Comment]
    people: Mapping[int, Person]
    since: VersionChanges | None
    owners: Mapping[str, Person]
    starts: Sequence[str]
    noticed: Sequence[Mapping[str, str]]
    rests_on: int | None
    alike: Sequence[duplicates.PossibleDuplicate] = ()
    held: Sequence[PendingItem] = ()

    @property
    def app(self) -> Approval | None:
        """The stage-1 approval; None if the submission rests on an earlier one."""
        return next((record for record in self.records if record.stage == 1), None)

    def owner_named(self, opaque: object) -> str:
        """Name of an owner by opaque id; empty for nobody."""
        person = self.owners.get(str(opaque or ""))
        return person.name if person is not None else ""

    def held_of(self, record: Approval) -> list[PendingItem]:
        """Open seats of one approval."""
        return [pending for pending in self.held if pending.record == record.pk]

    @property
    def second(self) -> list[Approval]:
        """The stage-2 approvals."""
        return [record for record in self.records if record.stage == 2]

    @property
    def objected(self) -> frozenset[int]:
        """Ids of approvals with an objection (A3)."""
        return frozenset(
            comment.approval_id for comment in self.comments if comment.is_objection and comment.approval_id
        )


def visible_submissions(reader: Reader) -> SubmissionQuerySet:
    """Submissions that the reader may see, with automation, teams, version, policy and the columns of `EXTRA_COLUMNS`."""
    seen = Submission.objects.visible_to(reader.actor, reader.now)
    joined = seen.select_related("automation__team__parent", "version", "policy").defer(*UNSHOWN)
    me = reader.actor.person
    return waiting_for.with_holders(joined).annotate(
        **conflicts.submission_annotations(reader.now),
        **{name: compiled_queries.annotation(Submission, build, reader.now) for name, build in EXTRA_COLUMNS.items()},
        was_asked=Exists(Submission.objects.asking(me.pk if me is not None else None).filter(pk=OuterRef("pk"))),
        rests_on=F("app_approval__submission__version__number"),
    )


def _noticed() -> ArraySubquery:
    newest = Assessment.objects.filter(version=OuterRef(OuterRef("version"))).order_by("-pk")
    findings = Finding.objects.filter(assessment=Subquery(newest.values("pk")[:1]), state="open").order_by("pk")
    return ArraySubquery(
        findings.values(row=JSONObject(code="code", severity="severity", detail="detail", place="place"))
    )


def _starts() -> ArraySubquery:
    starts = Trigger.objects.filter(version=OuterRef("version")).order_by("pk")
    return ArraySubquery(starts.values(row=JSONObject(kind="type", detail="detail")))


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
    return Subquery(Version.objects.filter(pk=OuterRef("version")).values(found=chain_queries.annotate_joined()))


#: Additional columns of the page's large query, by name. None depends on the reader.
EXTRA_COLUMNS: Mapping[str, Callable[[], Combinable]] = {
    "approved_before": since_approved.approved_before,
    "noticed": _noticed,
    "starts": _starts,
    "follows": earlier_submission.previous_without_effect,
    "has_alike": _has_alike,
    "is_run_by_nobodys": _is_run_by_nobodys,
    "may_be_joined": _may_be_joined,
    "runs_as_some": _runs_as_some,
    "has_waivers": _has_waivers,
    "held_in_all": _held_in_all,
}


def load_dossier(submission: Submission, reader: Reader) -> Dossier:
    """Load the rest of a submission of `visible_submissions`: approvals, resources, people, route and comments."""
    records = _records(submission)
    resources = _resources(records)
    comments = list(submission.comments.select_related("by", "text").order_by("pk"))
    teams = _teams(submission, resources.values())
    credentials = [record.credential for record in records if record.credential is not None]
    bench, people = Bench.with_people(reader.now, _person_ids(submission, teams, resources.values(), credentials))
    for team in teams:
        _assign_loaded(team, LEADS, people)
    for resource in resources.values():
        _assign_loaded(resource, ANSWERING, people)
    for credential in credentials:
        _assign_loaded(credential, KEPT_BY, people)
    _assign_loaded(submission.automation, OWNERS, people)
    _assign_loaded(submission, ("submitted_by",), people)
    _cache_loaded(submission, reader)
    _cache_privileges(submission, records)
    route = Route.load(submission, reader.now, bench)
    submission.__dict__["_route"] = route
    before = getattr(submission, "approved_before", None)
    since = (
        since_approved.load_changes(submission, [record for record in records if record.stage == 2], before)
        if before
        else None
    )
    return Dossier(
        submission,
        route,
        records,
        comments,
        people | {comment.by_id: comment.by for comment in comments},
        since=since,
        owners=_owners(submission, since, people),
        starts=[
            trigger_descriptions.trigger_sentence(trigger["kind"], trigger["detail"])
            for trigger in getattr(submission, "starts", ())
        ],
        noticed=getattr(submission, "noticed", ()),
        rests_on=None
        if any(record.pk == submission.app_approval_id for record in records)
        else getattr(submission, "rests_on", None),
        alike=duplicates.possible_duplicates(submission, reader),
        held=waiting_for.pending_items(submission, reader.now, route),
    )


def _cache_loaded(submission: Submission, reader: Reader) -> None:
    """Cache on the submission what its query has loaded."""
    if reader.actor.person is not None and hasattr(submission, "was_asked"):
        submission.know_asked(reader.actor.person, was_asked=submission.was_asked)
    if not getattr(submission, "is_run_by_nobodys", True):
        ownership.assume_identities_owned(submission)
    if not getattr(submission, "runs_as_some", True):
        tiers.set_no_sharers(submission)
        if not getattr(submission, "may_be_joined", True):
            tiers.set_no_chain(submission)


def _cache_privileges(submission: Submission, records: Sequence[Approval]) -> None:
    """Cache the version's privileges, if its approvals cover all of them."""
    held = [record.privilege for record in records if record.privilege is not None]
    if len(held) == getattr(submission, "held_in_all", None):
        tiers.set_privileges(submission, held)


def _owners(submission: Submission, since: VersionChanges | None, people: Mapping[int, Person]) -> dict[str, Person]:
    """Present and requested owners by opaque id; a query only for people not loaded yet."""
    changed = since.app if since is not None else {}
    opaque_ids = {str(submission.asked.get(name) or "") for name in digest.OWNERS}
    opaque_ids |= {str(before or "") for name in digest.OWNERS for before, _ in [changed.get(name, ("", ""))]}
    owners = {str(person.opaque_id): person for person in people.values()}
    missing = opaque_ids - {"", *owners}
    missing_people = Person.objects.filter(opaque_id__in=missing).order_by() if missing else ()
    return owners | {str(person.opaque_id): person for person in missing_people}


def _records(submission: Submission) -> list[Approval]:
    """Load the approvals with their subjects, and cache them as prefetched."""
    records = sorted(RECORDS(submission=submission.pk), key=lambda record: (record.stage, record.pk))
    for record in records:
        record.submission = submission
    related = submission.approvals.all()
    related._result_cache = records  # later readers of the submission get these rows
    submission.__dict__.setdefault("_prefetched_objects_cache", {})["approvals"] = related
    return records


def _resources(records: Iterable[Approval]) -> dict[int, Resource]:
    """Load each resource of the approvals once, and assign it to entitlements and credentials."""
    entitlements = [record.privilege.entitlement for record in records if record.privilege is not None]
    credentials = {record.credential.pk: record.credential for record in records if record.credential is not None}
    ids = {entitlement.resource_id for entitlement in entitlements}
    linked_ids = {pk for credential in credentials.values() for pk in (credential.kept_in_id, credential.opens_id)}
    ids |= {pk for pk in linked_ids | {record.decided_on_id for record in records} if pk is not None}
    resources = {resource.pk: resource for resource in (RESOURCES(ids=ids) if ids else ())}
    for entitlement in entitlements:
        entitlement.resource = resources[entitlement.resource_id]
    for credential in credentials.values():
        _assign_loaded(credential, ("kept_in", "opens"), resources)
    for record in records:
        _assign_loaded(record, ("decided_on",), resources)
    _share_credentials(records, credentials)
    return resources


def _records_of() -> QuerySet[Approval]:
    seats = Prefetch("seats", queryset=Seat.objects.order_by("pk"))
    relations = ("privilege__entitlement", "privilege__credential", "credential", "justification")
    approvals = Approval.objects.filter(submission=compiled_queries.number("submission")).select_related(*relations)
    return approvals.defer("facts").prefetch_related(seats).order_by()


def _resources_among() -> QuerySet[Resource]:
    resources = Resource.objects.filter(compiled_queries.among_those("ids")).select_related("team", "interim__person")
    return resources.defer("search", "about").order_by()


RECORDS = compiled_queries.Statement(_records_of)
RESOURCES = compiled_queries.Statement(_resources_among)


def _share_credentials(records: Iterable[Approval], credentials: Mapping[int, Credential]) -> None:
    """Assign to privileges the credential row of the same submission, if there is one."""
    for record in records:
        if record.privilege is not None:
            _assign_loaded(record.privilege, ("credential",), credentials)


def _teams(submission: Submission, resources: Iterable[Resource]) -> list[Team]:
    """Teams of the automation, its parent, and the resources."""
    team_of_automation = submission.automation.team
    teams = [team_of_automation, team_of_automation.parent, *(resource.team for resource in resources)]
    return [team for team in teams if team is not None]


def _person_ids(
    submission: Submission, teams: Iterable[Team], resources: Iterable[Resource], credentials: Iterable[Credential]
) -> set[int]:
    """Ids of all people that these rows name."""
    rows: list[tuple[models.Model, tuple[str, ...]]] = [
        (submission, ("submitted_by",)),
        (submission.automation, OWNERS),
    ]
    rows += [(team, LEADS) for team in teams]
    rows += [(resource, ANSWERING) for resource in resources]
    rows += [(credential, KEPT_BY) for credential in credentials]
    ids = {getattr(row, f"{name}_id") for row, names in rows for name in names}
    return {pk for pk in ids if pk is not None}


def _assign_loaded(row: models.Model, names: Iterable[str], loaded: Mapping[int, models.Model]) -> None:
    """Assign loaded related rows to a row; others load on access."""
    for name in names:
        related = loaded.get(getattr(row, f"{name}_id"))
        if related is not None:
            setattr(row, name, related)
