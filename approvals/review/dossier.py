"""Loads one submission with the facts of its page and API answer, in a fixed number of queries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.urls import reverse

from approvals.assignment.context import SubmissionContext, load_context
from approvals.assignment.route import Route
from approvals.decisions import digest
from approvals.inbox import waiting_for
from approvals.inbox.waiting_for import Waiting
from approvals.models import Approval, ApprovalState, Comment, Submission, SubmissionState
from approvals.models.submission import SubmissionQuerySet
from approvals.policies.facts import load_privileges
from approvals.review import changes as since_approved
from approvals.review.changes import VersionChanges
from governance.core.access import Actor
from governance.core.database.related_people import PersonColumn
from governance.core.models import Person
from inventory.models import Assessment, Finding

#: Large documents that the page does not show.
UNSHOWN = ("version__manifest", "version__secrets", "automation__search")


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One approval with the facts that every reader sees, for pages and API answers.

    Args:
        approval: with its privilege or credential.
        held: its open seats and questions, with their holders.
    """

    approval: Approval
    held: Sequence[Waiting]

    @property
    def sentence(self) -> str:
        """What it approves."""
        return self.approval.title if self.approval.stage == 2 else "May this app exist for business use?"

    @property
    def term_days(self) -> int:
        """The granted term, or else the requested one, in days."""
        return self.approval.granted_term_days or self.approval.term_days

    @property
    def due_at(self) -> datetime | None:
        """Deadline of the decision, or of the submitter's answer."""
        return self.approval.due_at if self.approval.state == ApprovalState.OPEN else self.approval.builder_due_at

    @property
    def since(self) -> datetime | None:
        """When its present holders were asked first."""
        return min((holder.since for pending in self.held for holder in pending.people), default=None)

    @property
    def holders(self) -> str:
        """Its holders in words: alternatives per seat, joined over its seats (A8)."""
        return " and ".join(pending.names for pending in self.held)


@dataclass(frozen=True)
class Dossier:
    """One submission with the facts of its page and API answer.

    Args:
        context: of the submission.
        comments: oldest first, each with its author and text.
        earlier: earlier submissions of the automation with their versions, newest first.
        since: changes since the version in force before; None for a first version.
        owners: present, earlier and requested owners, by opaque id.
        findings: open findings of the newest assessment.
        rests_on: number of the version whose app approval counts, if the submission has none of its own.
        held: open seats and their holders.
        rows: rows of the approvals by id, stage 1 first.
    """

    context: SubmissionContext
    comments: Sequence[Comment]
    earlier: Sequence[Submission]
    since: VersionChanges | None
    owners: Mapping[str, Person]
    findings: Sequence[Finding]
    rests_on: int | None
    held: Sequence[Waiting]
    rows: Mapping[int, ApprovalRow]

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
    def app(self) -> Approval | None:
        """The stage-1 approval; None if the submission rests on an earlier one."""
        return next((record for record in self.context.approvals if record.stage == 1), None)

    @property
    def second(self) -> list[Approval]:
        """The stage-2 approvals."""
        return self.context.facts.second

    @property
    def outcome(self) -> str:
        """What follows a submission that is no longer open, in words."""
        if self.submission.state == SubmissionState.IN_FORCE:
            return f"Version {self.submission.version.number} is in force."
        if self.submission.state == SubmissionState.DECIDED:
            owner = self.submission.automation.accepting(self.route.now)
            return f"{owner.name} accepts what was approved, or declines."
        return f"{self.submission.get_state_display()}: nothing of this came into force."

    def owner_named(self, opaque: object) -> str:
        """Name of an owner by opaque id; empty for nobody."""
        person = self.owners.get(str(opaque or ""))
        return person.name if person is not None else ""

    @property
    def objected(self) -> frozenset[int | None]:
        """Ids of approvals with an objection; None for the submission (A3)."""
        return frozenset(comment.approval_id for comment in self.comments if comment.is_objection)


def shown_submissions(actor: Actor, now: datetime) -> SubmissionQuerySet:
    """Submissions that the actor may see, for a page or API answer: `load_dossier` reads their people with those of the resources."""
    shown = Submission.objects.visible_to(actor, now).select_related("version", "policy", "automation__team__parent")
    return shown.defer(*UNSHOWN)


def _people_of(submission: Submission) -> Iterator[PersonColumn]:
    """Yield the columns with the people that the page shows of a submission, or that may decide its app."""
    automation, team = submission.automation, submission.automation.team
    yield from ((submission, "submitted_by"), (automation, "business_owner"), (automation, "technical_owner"))
    yield from ((team, "lead"), (team, "deputy_lead"))
    if team.parent is not None:
        yield team.parent, "lead"


def load_dossier(submission: Submission, now: datetime) -> Dossier:
    """Load the rest of a submission: people, context, comments, changes, findings and holders.

    Args:
        submission: of `shown_submissions`.
        now: business time.
    """
    context = load_context(submission, now)
    comments = list(submission.comments.select_related("text").order_by("pk"))
    shown_people = [*_people_of(submission), *((row, "by") for row in comments)]
    context.facts.privileges = load_privileges([submission.version_id], shown_people)
    earlier = list(_earlier(submission))
    since = since_approved.load_changes(context, earlier)
    newest = Assessment.objects.filter(version=submission.version_id).order_by("-pk").values("pk")[:1]
    held = waiting_for.waiting_on(context.route)
    return Dossier(
        context,
        comments=comments,
        earlier=earlier,
        since=since,
        owners=_owners(submission, since),
        findings=list(Finding.objects.filter(assessment=newest, state="open").order_by("pk")),
        rests_on=next((row.version.number for row in reversed(earlier) if _rests_on_same(row, submission)), None),
        held=held,
        rows={row.pk: ApprovalRow(row, [one for one in held if one.approval == row.pk]) for row in context.approvals},
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


def decided_words(records: Sequence[Approval]) -> str:
    """Count of ended approvals of a stage: "2 of 3 decided". Withdrawn or closed ones alone count as none."""
    ended = [record for record in records if record.has_ended]
    if len(ended) == len(records) and not any(record.is_decided for record in records):
        return f"None of {len(records)} decided"
    return f"{len(ended)} of {len(records)} decided"
