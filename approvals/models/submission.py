"""Submissions: one frozen version, its two stages, its parties and comments (A1, S1)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from approvals.models.policy import PolicyVersion
from governance.core.access import Actor
from governance.core.models import AppendOnly, FreeText, History, Person
from inventory.models import Automation, Version


class SubmissionKind(models.TextChoices):
    """Why a version is submitted."""

    NEW = "new", "New"
    CHANGE = "change", "Change"
    PROMOTION = "promotion", "Promotion"
    DRIFT = "drift", "Drift"
    EMERGENCY = "emergency", "Emergency"


class SubmissionState(models.TextChoices):
    """Open until every approval has ended; decided until the result is accepted or declined (A5)."""

    OPEN = "open", "Open"
    DECIDED = "decided", "Decided"
    IN_FORCE = "in_force", "In force"
    DECLINED = "declined", "Declined"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"


#: States of a submission that ended without coming into force.
TO_NOTHING = (SubmissionState.WITHDRAWN, SubmissionState.REJECTED, SubmissionState.EXPIRED, SubmissionState.DECLINED)
#: States in which a submission blocks another for its automation (A14).
UNFINISHED = (SubmissionState.OPEN, SubmissionState.DECIDED)


class SubmissionQuerySet(models.QuerySet["Submission"]):
    """Query set of submissions."""

    def visible_to(self, actor: Actor, now: datetime) -> SubmissionQuerySet:
        """Return submissions of automations that the actor may see."""
        return self.filter(automation__in=Automation.objects.visible_to(actor, now))

    def unfinished(self) -> SubmissionQuerySet:
        """Return open and decided submissions."""
        return self.filter(state__in=UNFINISHED)


class Submission(models.Model):
    """One version with its two stages. Frozen: the version, what is asked, and the policy version."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="submissions")
    version = models.ForeignKey(Version, models.PROTECT, related_name="submissions")
    kind = models.CharField(max_length=10, choices=SubmissionKind, default=SubmissionKind.NEW)
    submitted_by = models.ForeignKey(Person, models.PROTECT, related_name="submissions")
    submitted_at = models.DateTimeField()
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="+")
    tier = models.CharField(max_length=8)
    reasons = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=SubmissionState, default=SubmissionState.OPEN)
    #: What stage 1 decides about, fixed at submission: purpose, owners, kind, triggers (A1).
    asked = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    #: The version's access for conflict rules (S6); None for submissions older than the rules.
    held = models.JSONField(null=True, blank=True, default=None)
    #: The stage 1 approval that it rests on: its own, or that of an earlier submission still in force (A12, S2).
    app_approval = models.ForeignKey(
        "approvals.Approval", models.PROTECT, null=True, blank=True, related_name="carries"
    )
    #: Whether policy approves stage 2 after the app is approved, unless a condition fails by then (A13).
    light_path = models.BooleanField(default=False, db_default=False)
    #: The version of a lower environment that it promotes, fixed at submission (I10).
    promoted_from = models.ForeignKey(Version, models.PROTECT, null=True, blank=True, related_name="promotions")
    continues = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="continued_by")
    #: When all approvals had ended, and until when the business owner accepts or declines (A5, A14).
    decided_at = models.DateTimeField(null=True, blank=True)
    accept_due_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = SubmissionQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["automation"], condition=Q(state__in=["open", "decided"]), name="submission_one_unfinished"
            ),
            models.CheckConstraint(
                name="submission_light_path_only_low", condition=Q(light_path=False) | Q(tier="low")
            ),
            models.CheckConstraint(name="submission_state_known", condition=Q(state__in=SubmissionState.values)),
        )
        indexes = (models.Index(fields=["state", "-id"], name="submission_by_state"),)

    def __str__(self) -> str:
        return f"{self.automation}, version {self.version.number}"

    @property
    def reference(self) -> str:
        """Its number for people: the year and the id."""
        return f"{self.submitted_at:%Y}-{self.pk:04d}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: the automation."""
        return (self, self.automation)


class Capacity(models.TextChoices):
    """The capacity of a party (S1)."""

    IMPORTER = "importer", "Importer"
    EDITOR = "editor", "Editor"
    AUTHOR = "author", "Author named by the source"
    SUBMITTER = "submitter", "Submitter"
    BUSINESS_OWNER = "business_owner", "Business owner"
    TECHNICAL_OWNER = "technical_owner", "Technical owner"
    ANSWERED = "answered", "Answered for the builder"
    ALIKE = "alike", "Built what it may be the same as"


class Party(AppendOnly):
    """One person as a party of one submission in one capacity; parties are only added (S1)."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="parties")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    capacity = models.CharField(max_length=16, choices=Capacity)

    class Meta(AppendOnly.Meta):
        constraints = (
            models.UniqueConstraint(fields=["submission", "person", "capacity"], name="party_once_per_capacity"),
        )
        verbose_name_plural = "parties"

    def __str__(self) -> str:
        return f"{self.person}: {self.get_capacity_display()}"


class Comment(models.Model):
    """A comment to all readers of a submission, possibly about one approval; an objection shows at stage 1 (A3)."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="comments")
    approval = models.ForeignKey("approvals.Approval", models.PROTECT, null=True, blank=True, related_name="comments")
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    is_objection = models.BooleanField(default=False)

    history = History()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.by} on {self.submission}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its event: the submission."""
        return (self.submission, self.submission.automation)
