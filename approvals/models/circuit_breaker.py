"""The circuit breaker: too many ends by one cause are held until Security and an admin answer (G6).

A held grant keeps its state. Which grants of a batch end follows only from how the batch ended, so each is released
or kept exactly once.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from approvals.models.grant import WHY_WORDS, Grant, GrantState
from governance.core.access import ROLE_WORDS, Actor, Role, access
from governance.core.models import AppendOnly, FreeText, HasPage, History, Person

#: The two roles that answer together, one person each.
ANSWERING = (Role.SECURITY_REVIEWER, Role.ADMIN)
#: Roles that read batches.
READING = frozenset({*ANSWERING, Role.AUDITOR})


class EndCause(AppendOnly):
    """A cause of grant ends: a campaign, person or job. Its row is the lock under which its ends are counted."""

    key = models.CharField(max_length=80, unique=True)
    #: Its name on pages; empty if a person ends the grants directly.
    title = models.CharField(max_length=200, blank=True)
    person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.key

    @property
    def words(self) -> str:
        """Its name in sentences: "What Jonas Weil ends"."""
        return self.title or (f"What {self.person.name} ends" if self.person is not None else "")


class LetThrough(AppendOnly):
    """One grant that a cause was let end, and when; after a release it no longer counts."""

    cause = models.ForeignKey(EndCause, models.PROTECT, related_name="let_through")
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by_release = models.BooleanField(default=False)

    class Meta(AppendOnly.Meta):
        constraints = (models.UniqueConstraint(fields=["cause", "grant"], name="let_through_once"),)
        indexes = (models.Index(fields=["cause", "at"], name="let_through_lately"),)

    def __str__(self) -> str:
        return f"{self.cause}: {self.grant_id}"


class BatchState(models.TextChoices):
    """Open until both roles agree, or the time is over."""

    OPEN = "open", "Open"
    RELEASED = "released", "Released"
    DISCARDED = "discarded", "Discarded"
    LAPSED = "lapsed", "Not answered in time"


class HeldBatchQuerySet(models.QuerySet["HeldBatch"]):
    """Query set of batches."""

    def visible_to(self, actor: Actor, now: datetime) -> HeldBatchQuerySet:
        """Return all batches for Security, admins and auditors; else none, because batches cover all teams."""
        return self if READING & access.roles_held(actor, now) else self.none()


class HeldBatch(HasPage, models.Model):
    """Grants that one cause would end at once, held (G6)."""

    page_name = "held_batch"
    cause = models.ForeignKey(EndCause, models.PROTECT, related_name="batches")
    opened_at = models.DateTimeField()
    answer_by = models.DateTimeField()
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.OPEN)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Whether its cause ends released grants itself, as a review does; else a job does it.
    comes_again = models.BooleanField(default=False)
    #: Live grants then, and grants that the cause was let end in the hour before.
    live = models.PositiveIntegerField()
    lately = models.PositiveIntegerField()

    objects = HeldBatchQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="held_batch_state_known", condition=Q(state__in=BatchState.values)),
            models.CheckConstraint(
                name="held_batch_ended_says_when",
                condition=Q(state="open", ended_at__isnull=True) | ~Q(state="open") & Q(ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="held_batch_lapses_in_time", condition=~Q(state="lapsed") | Q(ended_at__gte=F("answer_by"))
            ),
        )
        indexes = (models.Index(fields=["answer_by"], condition=Q(state="open"), name="held_batch_open"),)

    def __str__(self) -> str:
        return f"Batch {self.pk} of {self.cause}"

    @property
    def number(self) -> int:
        """The number of its grants."""
        return self.held.count()


#: Held grants of a released batch, and high-risk ones of a batch that lapsed.
GOES_THROUGH = Q(batch__state=BatchState.RELEASED) | Q(batch__state=BatchState.LAPSED, tier="high")


class HeldGrantQuerySet(models.QuerySet["HeldGrant"]):
    """Query set of held grants by the state of their batch."""

    def waiting(self) -> HeldGrantQuerySet:
        """Return grants of open batches."""
        return self.filter(batch__state=BatchState.OPEN)

    def released(self) -> HeldGrantQuerySet:
        """Return grants that end: those of a released batch, and high-risk ones of a lapsed batch (G6)."""
        return self.filter(GOES_THROUGH)

    def to_end(self) -> HeldGrantQuerySet:
        """Return released grants that have not ended and whose cause does not end them itself."""
        standing = Grant.objects.filter(pk=OuterRef("grant")).exclude(state=GrantState.ENDED)
        return self.released().filter(Exists(standing), batch__comes_again=False)


class HeldGrant(AppendOnly):
    """One grant in a batch, with its tier and the reason why it would have ended."""

    batch = models.ForeignKey(HeldBatch, models.PROTECT, related_name="held")
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="+")
    tier = models.CharField(max_length=8)
    why = models.CharField(max_length=40)

    objects = HeldGrantQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["batch", "grant"], name="held_grant_once"),)

    def __str__(self) -> str:
        return f"{self.grant_id} in {self.batch_id}"

    @property
    def why_words(self) -> str:
        """Why it would have ended, in words."""
        return WHY_WORDS.get(self.why, self.why)

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its end: batch and grant."""
        return (self, self.batch, *self.grant.ledger_about())


class BatchSays(models.TextChoices):
    """An answer of one role."""

    RELEASE = "release", "Release"
    DISCARD = "discard", "Discard"


class BatchAnswer(AppendOnly):
    """One person's answer to a batch, as Security or admin; the last answer of each role counts."""

    batch = models.ForeignKey(HeldBatch, models.PROTECT, related_name="answers")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    says = models.CharField(max_length=8, choices=BatchSays)
    reason = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    said_at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(name="batch_answer_known", condition=Q(says__in=BatchSays.values)),
            models.CheckConstraint(name="batch_answer_role", condition=Q(role__in=[str(role) for role in ANSWERING])),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.says}"

    @property
    def role_words(self) -> str:
        """The role in words."""
        return ROLE_WORDS[Role(self.role)].lower()
