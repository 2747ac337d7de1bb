"""Spot checks: changes in force without stage 1, some of which a person looks at (A12, A13)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from approvals.models.approval import Approval
from approvals.models.submission import Submission
from governance.core.access import Actor, Relation, Role, access
from governance.core.models import HasPage, History, Membership, Person, TeamKind
from inventory.models import Automation, Version


class SampleState(models.TextChoices):
    """Waiting until the ledger's next seal decides whether it is drawn; open until a person has looked."""

    WAITING = "waiting", "Not drawn yet"
    NOT_DRAWN = "not_drawn", "Not drawn"
    OPEN = "open", "Waiting"
    FINE = "fine", "Looked at: fine"
    NOT_FINE = "not_fine", "Looked at: not fine"
    UNANSWERED = "unanswered", "Not looked at in time"
    NOT_APPLICABLE = "not_applicable", "Ended before anybody looked"


class SampleQuerySet(models.QuerySet["Sample"]):
    """Query set of samples."""

    def visible_to(self, actor: Actor, now: datetime) -> SampleQuerySet:
        """Return samples of visible automations; a person asked to look sees theirs."""
        return self.filter(submission__automation__in=Automation.objects.visible_to(actor, now))


class Sample(HasPage, models.Model):
    """A version in force whose source nobody was asked about, or one light-path approval (A12, A13).

    It is written at once, drawn or not. `approval` is the light-path approval; None for a version.
    """

    page_name = "sample"
    submission = models.ForeignKey(Submission, models.PROTECT, related_name="samples")
    approval = models.OneToOneField(Approval, models.PROTECT, null=True, blank=True, related_name="sample")
    #: The version in force before, to compare with.
    before = models.ForeignKey(Version, models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=14, choices=SampleState, default=SampleState.WAITING)
    noted_at = models.DateTimeField()
    #: The number of the seal whose hash was the draw.
    drawn_from_seal = models.BigIntegerField(null=True, blank=True)
    drawn_at = models.DateTimeField(null=True, blank=True)
    #: Ids of people asked to look, in order.
    asked = ArrayField(models.BigIntegerField(), default=list)
    due_at = models.DateTimeField(null=True, blank=True)
    looked_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: The giver of a delegation (A11).
    looked_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    looked_at = models.DateTimeField(null=True, blank=True)

    objects = SampleQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["submission"], condition=Q(approval__isnull=True), name="sample_once_per_submission"
            ),
            models.CheckConstraint(name="sample_state_known", condition=Q(state__in=SampleState.values)),
            models.CheckConstraint(
                name="sample_drawn_from_a_seal",
                condition=Q(state__in=["waiting", "not_applicable"]) | Q(drawn_from_seal__isnull=False),
            ),
            models.CheckConstraint(
                name="sample_verdict_has_its_looker",
                condition=Q(state__in=["fine", "not_fine"], looked_by__isnull=False, looked_at__isnull=False)
                | ~Q(state__in=["fine", "not_fine"]) & Q(looked_by__isnull=True),
            ),
        )
        indexes = (models.Index(fields=["state", "due_at"], name="sample_due"),)

    def __str__(self) -> str:
        return f"Sample of {self.submission}"

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Return timeline names of samples with these ids that the reader may see: one query."""
        relations = ("approval__privilege__entitlement__resource", "approval__credential")
        rows = cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by().select_related(*relations)
        return {row.pk: row.approval.quoted if row.approval is not None else "the change" for row in rows}

    @property
    def is_of_policy(self) -> bool:
        """Whether policy approved it, rather than its source having changed (A13)."""
        return self.approval_id is not None

    @property
    def tier(self) -> str:
        """The tier of its subject."""
        return self.submission.tier

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: submission and automation."""
        return (self, self.submission, self.submission.automation)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return relations to the automation. A security reviewer looks, or a fallback owner if no reviewer is free."""
        relations = set(self.submission.automation.relations(person, now))
        fallback = Membership.objects.filter(team__kind=TeamKind.FALLBACK, person=person)
        if access.holds(person, Role.SECURITY_REVIEWER, now) or (person.is_here and fallback.exists()):
            relations.add(Relation.LOOKER)
        return frozenset(relations)


#: States of a failed or missing spot check.
NOT_PASSED = (SampleState.NOT_FINE, SampleState.UNANSWERED)
