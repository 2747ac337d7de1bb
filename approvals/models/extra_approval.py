"""The extra approval of a conflict: one person of Security signs the combination once, with a reason (S6)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q

from approvals.models.approval import Decision
from approvals.models.conflict_rule import ConflictRule
from approvals.models.submission import Party, Submission
from governance.core.actors.actor import Actor
from governance.core.models import AppendOnly, FreeText, Person


class ConflictSignatureQuerySet(models.QuerySet["ConflictSignature"]):
    """Query set of signatures."""

    def standing(self) -> ConflictSignatureQuerySet:
        """Return signatures not retracted whose signer is no party to a later submission of the automation (SOD-1)."""
        signer = Q(person=OuterRef("person")) | Q(person=OuterRef("for_person"))
        later = Q(submission__automation=OuterRef("submission__automation"), submission__gt=OuterRef("submission"))
        return self.filter(~Exists(Party.objects.filter(signer, later)), decision__retraction__isnull=True)


class ConflictSignature(AppendOnly):
    """One signature for the whole combination that a conflict rule forbids.

    It covers the access in conflict then, at the same or a lower level. A raised level, other access or a changed rule
    needs another signature.
    """

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="signatures")
    rule = models.ForeignKey(ConflictRule, models.PROTECT, related_name="signatures")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="signatures")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    #: The giver of the delegation, if a delegate signed (A11).
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    #: Digest of the rule and of all access held under it (`transitions.signing.digest_of`).
    digest = models.CharField(max_length=64)
    #: All access that it covers, each as ``automation id/key level`` (`conflicts.held_access.covered_by`).
    covers = ArrayField(models.CharField(max_length=140))
    at = models.DateTimeField()

    objects = ConflictSignatureQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["decision", "digest"], name="conflict_signed_once"),)

    def __str__(self) -> str:
        return f"{self.rule}, signed by {self.who}"

    @property
    def who(self) -> str:
        """The signer's name, and for a delegate the name of the giver."""
        return f"{self.person} for {self.for_person}" if self.for_person is not None else str(self.person)

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Return timeline names of conflicts with these signatures that the reader may see: one query."""
        seen = cls.objects.filter(pk__in=keys, submission__in=Submission.objects.visible_to(actor, now))
        return {pk: f"the conflict “{title}”" for pk, title in seen.order_by().values_list("pk", "rule__title")}

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its event: submission and automation."""
        return (self, self.submission, self.submission.automation)
