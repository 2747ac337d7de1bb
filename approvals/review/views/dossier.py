"""Loads one submission with all that the review page shows, in a fixed number of queries.

Other modules check the reader's actions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse

from approvals.assignment.context import SubmissionContext, load_context
from approvals.assignment.route import Route
from approvals.decisions import digest
from approvals.duplicates import views as duplicates
from approvals.inbox import waiting_for
from approvals.inbox.waiting_for import Waiting
from approvals.models import Approval, Comment, Submission
from approvals.models.submission import SubmissionQuerySet
from approvals.policies.facts import SUBMISSION_RELATIONS, load_privileges
from approvals.review import changes as since_approved
from approvals.review.changes import VersionChanges
from approvals.review.views.reader import Reader
from governance.core.database.related_people import PersonColumn
from governance.core.models import Person
from governance.web.pages.page import Shape
from inventory.models import Assessment, Finding

#: Large documents that the page does not show.
UNSHOWN = ("version__manifest", "version__secrets", "automation__search")


@dataclass(frozen=True)
class Dossier:
    """One submission with the data of its page.

    Args:
        context: of the submission.
        comments: oldest first, each with its author and text.
        earlier: earlier submissions of the automation with their versions, newest first.
        since: changes since the version in force before; None for a first version.
        owners: present, earlier and requested owners, by opaque id.
        findings: open findings of the newest assessment.
        rests_on: number of the version whose app approval counts, if the submission has none of its own.
        alike: automations that it may be the same as (I9).
        held: open seats and their holders.
    """

    context: SubmissionContext
    comments: Sequence[Comment]
    earlier: Sequence[Submission]
    since: VersionChanges | None
    owners: Mapping[str, Person]
    findings: Sequence[Finding]
    rests_on: int | None
    alike: Sequence[Shape] = ()
    held: Sequence[Waiting] = ()

    @property
    def submission(self) -> Submission:
        """The submission."""
        return self.context.submission

    @cached_property
    def href(self) -> str:
        """Path of its page."""
        return reverse("review", args=[self.submission.pk])

    @property
    def route(self) -> Route:
        """Its route."""
        return self.context.route

    @property
    def records(self) -> Sequence[Approval]:
        """Its approvals, stage 1 first."""
        return self.context.approvals

    @property
    def app(self) -> Approval | None:
        """The stage-1 approval; None if the submission rests on an earlier one."""
        return next((record for record in self.records if record.stage == 1), None)

    @property
    def second(self) -> list[Approval]:
        """The stage-2 approvals."""
        return self.context.facts.second

    def owner_named(self, opaque: object) -> str:
        """Name of an owner by opaque id; empty for nobody."""
        person = self.owners.get(str(opaque or ""))
        return person.name if person is not None else ""

    def held_of(self, record: Approval) -> list[Waiting]:
        """Open seats of one approval."""
        return [pending for pending in self.held if pending.approval == record.pk]

    @property
    def objected(self) -> frozenset[int]:
        """Ids of approvals with an objection (A3)."""
        return frozenset(
            comment.approval_id for comment in self.comments if comment.is_objection and comment.approval_id
        )


def visible_submissions(reader: Reader) -> SubmissionQuerySet:
    """Submissions that the reader may see, with the relations that the page shows."""
    seen = Submission.objects.visible_to(reader.actor, reader.now)
    owners = ("automation__business_owner", "automation__technical_owner")
    return seen.select_related(*SUBMISSION_RELATIONS, *owners).defer(*UNSHOWN)


def shown_submissions(reader: Reader) -> SubmissionQuerySet:
    """Submissions that the reader may see, for a page: `load_dossier` reads their people with those of the resources."""
    seen = Submission.objects.visible_to(reader.actor, reader.now)
    return seen.select_related("version", "policy", "automation__team__parent").defer(*UNSHOWN)


def _people_of(submission: Submission) -> Iterator[PersonColumn]:
    """Yield the columns with the people that the page shows of a submission, or that may decide its app."""
    automation, team = submission.automation, submission.automation.team
    yield from ((submission, "submitted_by"), (automation, "business_owner"), (automation, "technical_owner"))
    yield from ((team, "lead"), (team, "deputy_lead"))
    if team.parent is not None:
        yield team.parent, "lead"


def load_dossier(submission: Submission, reader: Reader) -> Dossier:
    """Load the rest of a submission: people, context, comments, changes, findings and holders.

    Args:
        submission: of `shown_submissions` or `visible_submissions`.
        reader: the reader of the page.
    """
    context = load_context(submission, reader.now)
    comments = list(submission.comments.select_related("text").order_by("pk"))
    shown_people = [*_people_of(submission), *((row, "by") for row in comments)]
    context.facts.privileges = load_privileges([submission.version_id], shown_people)
    earlier = list(_earlier(submission))
    since = since_approved.load_changes(context, earlier)
    newest = Assessment.objects.filter(version=submission.version_id).order_by("-pk").values("pk")[:1]
    return Dossier(
        context,
        comments=comments,
        earlier=earlier,
        since=since,
        owners=_owners(submission, since),
        findings=list(Finding.objects.filter(assessment=newest, state="open").order_by("pk")),
        rests_on=next((row.version.number for row in reversed(earlier) if _rests_on_same(row, submission)), None),
        alike=duplicates.possible_duplicates(submission, reader),
        held=waiting_for.waiting_on(context.route),
    )


def _earlier(submission: Submission) -> SubmissionQuerySet:
    rows = Submission.objects.filter(automation=submission.automation_id, pk__lt=submission.pk)
    shown = ("state", "submitted_at", "ended_at", "continues", "asked", "app_approval", "version__number")
    return rows.select_related("version").only(*shown).order_by("-pk")


def _rests_on_same(earlier: Submission, submission: Submission) -> bool:
    return earlier.app_approval_id is not None and earlier.app_approval_id == submission.app_approval_id


def _owners(submission: Submission, since: VersionChanges | None) -> dict[str, Person]:
    """Present, earlier and requested owners by opaque id; a query only for people who own it no more or not yet."""
    changed = since.app if since is not None else {}
    opaque_ids = {str(submission.asked.get(name) or "") for name in digest.OWNERS}
    opaque_ids |= {str(before or "") for name in digest.OWNERS for before, _ in [changed.get(name, ("", ""))]}
    present = (submission.automation.business_owner, submission.automation.technical_owner)
    owners = {str(person.opaque_id): person for person in present if person is not None}
    missing = opaque_ids - {"", *owners}
    others = Person.objects.filter(opaque_id__in=missing).order_by() if missing else ()
    return owners | {str(person.opaque_id): person for person in others}
