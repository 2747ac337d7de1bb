"""Approvals, their seats, and decisions: separate rows for separate questions (A2, A8).

The database itself refuses a decision by a party, by one person in both stages, or by a person who was no candidate.
It also refuses a second decision in a round. The triggers are in sql/decisions.sql and sql/approvals.sql.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from approvals.models.not_among import NotAmong
from approvals.models.submission import Submission
from governance.core.access import Actor
from governance.core.models import AppendOnly, FreeText, History, Person
from inventory.models import Credential, Level, Privilege, Resource

#: The key of the stage 1 approval. Stage 2 approvals have the keys of their grants.
APP_KEY = "app"


def credential_key(pk: int) -> str:
    """Return the key of the grant to use a credential."""
    return f"credential:{pk}"


class ApprovalKind(models.TextChoices):
    """The subject of an approval."""

    APP = "app", "App"
    PRIVILEGE = "privilege", "Privilege"
    CREDENTIAL = "credential", "Credential"


class ApprovalState(models.TextChoices):
    """Waiting until its stage opens. Carried over is a link, not a state."""

    WAITING = "waiting", "Waiting"
    OPEN = "open", "Open"
    CHANGES_ASKED = "changes_asked", "Changes asked"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    NOT_APPLICABLE = "not_applicable", "Not applicable"
    WITHDRAWN = "withdrawn", "Withdrawn"


UNENDED = (ApprovalState.WAITING, ApprovalState.OPEN, ApprovalState.CHANGES_ASKED)
#: Final states of an approval.
ENDED = tuple(state for state in ApprovalState if state not in UNENDED)


class Approval(models.Model):
    """One question to its own approvers, with its own state, decisions and reasons (A2)."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="approvals")
    stage = models.SmallIntegerField()
    kind = models.CharField(max_length=10, choices=ApprovalKind)
    privilege = models.ForeignKey(Privilege, models.PROTECT, null=True, blank=True, related_name="approvals")
    credential = models.ForeignKey(Credential, models.PROTECT, null=True, blank=True, related_name="approvals")
    #: The resource whose owner decides about a credential, fixed at submission: another store counts from the next
    #: submission on (A1, A2).
    decided_on = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="+")
    justification = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    tier = models.CharField(max_length=8)
    reasons = models.JSONField(default=list)
    state = models.CharField(max_length=14, choices=ApprovalState, default=ApprovalState.WAITING)
    round = models.PositiveSmallIntegerField(default=1)
    #: How often a decision was retracted. What was shown before does not match a later decision (A6).
    retracted = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: What was asked: days, level, scope. What was narrowed is in the granted_ fields (A7).
    term_days = models.PositiveSmallIntegerField()
    granted_term_days = models.PositiveSmallIntegerField(null=True, blank=True)
    granted_level = models.CharField(max_length=8, choices=Level, blank=True)
    granted_scope = ArrayField(models.TextField(), null=True, blank=True)
    #: The facts of the decision at submission, to compare with later changes (A6).
    facts = models.JSONField(default=dict)
    #: The earlier approval about the same that was rejected or withdrawn within the policy's days (A15).
    earlier = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="asked_again")
    opened_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    builder_due_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    carried_from = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="carried_to")
    #: The policy version that auto-approved it on the light path; None if a person decided (A13).
    by_policy = models.ForeignKey("approvals.PolicyVersion", models.PROTECT, null=True, blank=True, related_name="+")
    emergency = models.BooleanField(default=False)
    #: Ids of the people asked until it ended; written by the database from the candidates.
    asked = ArrayField(models.BigIntegerField(), default=list, editable=False)

    history = History(excluded_fields=["asked"])

    class Meta:
        ordering = ("-submission_id", "stage", "id")
        constraints = (
            models.CheckConstraint(
                name="approval_kind_has_its_reference",
                condition=(
                    Q(kind="app", stage=1, privilege__isnull=True, credential__isnull=True)
                    | Q(kind="privilege", stage=2, privilege__isnull=False, credential__isnull=True)
                    | Q(kind="credential", stage=2, privilege__isnull=True, credential__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="approval_policy_only_low",
                condition=Q(by_policy__isnull=True) | Q(tier="low", stage=2, state=ApprovalState.APPROVED),
            ),
            models.CheckConstraint(name="approval_state_known", condition=Q(state__in=ApprovalState.values)),
            models.CheckConstraint(
                name="approval_never_longer_than_asked",
                condition=Q(granted_term_days__isnull=True)
                | Q(granted_term_days__gte=1, granted_term_days__lte=models.F("term_days")),
            ),
            models.UniqueConstraint(
                fields=["submission", "kind", "privilege", "credential"],
                nulls_distinct=False,
                name="approval_one_record_per_question",
            ),
        )
        indexes = (
            models.Index(fields=["state", "due_at"], name="approval_due"),
            models.Index(fields=["state", "expires_at"], name="approval_expiry"),
            GinIndex(fields=["asked"], name="approval_asked", condition=Q(state="open")),
            models.Index(fields=["ended_at"], name="approval_by_policy", condition=Q(by_policy__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.submission}"

    def is_half_gone(self, now: datetime) -> bool:
        """Return whether half of the approvers' time is over (A10)."""
        if self.state != ApprovalState.OPEN or self.opened_at is None or self.due_at is None:
            return False
        return now >= self.opened_at + (self.due_at - self.opened_at) / 2

    @property
    def key(self) -> str:
        """The key of its question, the same in every submission."""
        if self.privilege is not None:
            return self.privilege.key
        return credential_key(self.credential_id) if self.credential_id is not None else APP_KEY

    @property
    def matter(self) -> str:
        """What it asks for, regardless of connection and credential: a refused matter can't return by another (A15)."""
        return self.privilege.matter if self.privilege is not None else self.key

    @property
    def title(self) -> str:
        """Its name in a mail or a sentence: "the app", or the privilege or credential in words."""
        if self.kind == ApprovalKind.APP:
            return "the app"
        if self.privilege is not None:
            return self.privilege.sentence
        return self.credential.sentence if self.credential is not None else ""

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Return timeline names of approvals with these ids that the reader may see: one query."""
        seen = cls.objects.filter(pk__in=keys, submission__in=Submission.objects.visible_to(actor, now))
        columns = ("kind", "privilege__target", "privilege__target_name", "credential__name", "credential__kind")
        columns_of_words = (f"privilege__entitlement__{name}" for name in ("words", "form", "resource__name"))
        rows = seen.select_related("privilege__entitlement__resource", "credential").only(*columns, *columns_of_words)
        return {row.pk: row.quoted for row in rows.order_by()}

    @property
    def quoted(self) -> str:
        """Its name in a timeline, in quotation marks unless it is the app."""
        return self.title if self.kind == ApprovalKind.APP else f"“{self.title}”"

    @property
    def has_ended(self) -> bool:
        """Whether it is final."""
        return self.state in ENDED

    @property
    def is_decided(self) -> bool:
        """Whether a person or a deadline decided it.

        An approval withdrawn or closed by stage 1 stays undecided (A4, A10).
        """
        return self.state in (ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.EXPIRED)

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: submission, automation and resource."""
        resource = self.privilege.entitlement.resource if self.privilege else None
        subjects = (self, self.submission, self.submission.automation, resource)
        return tuple(row for row in subjects if row is not None)


class SeatLabel(models.TextChoices):
    """Seats of the policy (T3, A8), an extra approval after a rejection (A15), and one for a conflict (S6)."""

    LEAD = "lead", "Team lead"
    OWNER = "owner", "Resource owner"
    SECURITY = "security", "Security"
    SECOND = "second", "Extra approval"
    CONFLICT = "conflict", "Conflict"


class Seat(AppendOnly):
    """One signature that an approval needs; distinct people fill its seats (A8)."""

    approval = models.ForeignKey(Approval, models.PROTECT, related_name="seats")
    label = models.CharField(max_length=10, choices=SeatLabel)

    class Meta(AppendOnly.Meta):
        ordering = ("approval_id", "id")
        constraints = (models.UniqueConstraint(fields=["approval", "label"], name="seat_once"),)

    def __str__(self) -> str:
        return self.get_label_display()


class Candidate(AppendOnly):
    """One person asked to fill a seat, when, and on what basis (A9). Skipped people are computed, and in the ledger."""

    seat = models.ForeignKey(Seat, models.PROTECT, related_name="candidates")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    order = models.PositiveSmallIntegerField()
    basis = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("seat_id", "order", "id")
        constraints = (models.UniqueConstraint(fields=["seat", "person"], name="candidate_once"),)

    def __str__(self) -> str:
        return f"{self.person} ({self.basis})"


class DecisionOutcome(models.TextChoices):
    """The outcome of a decision (A7)."""

    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"
    ASK = "ask", "Ask for changes"


class DecisionQuerySet(models.QuerySet["Decision"]):
    """Query set of decisions."""

    def standing(self) -> DecisionQuerySet:
        """Return decisions that were not retracted."""
        return self.filter(retraction__isnull=True)


class Decision(AppendOnly):
    """One person's vote on one approval in one round, bound to the page shown (A6).

    A retracted one stays with its `Retraction`.
    """

    approval = models.ForeignKey(Approval, models.PROTECT, related_name="decisions")
    seat = models.ForeignKey(Seat, models.PROTECT, related_name="decisions")
    person = models.ForeignKey(Person, models.PROTECT, related_name="decisions")
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="decisions_for")
    barred = ArrayField(models.BigIntegerField(), default=list)
    round = models.PositiveSmallIntegerField()
    #: How many of their decisions they had retracted in this round before.
    again = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=8, choices=DecisionOutcome)
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    term_days = models.PositiveSmallIntegerField(null=True, blank=True)
    level = models.CharField(max_length=8, choices=Level, blank=True)
    scope = ArrayField(models.TextField(), null=True, blank=True)
    shown_digest = models.CharField(max_length=64)
    high = models.BooleanField(default=False)
    seconds = models.PositiveIntegerField(null=True, blank=True)
    batch = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField()

    objects = DecisionQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["approval", "person", "round", "again"], name="decision_one_per_round"),
            models.CheckConstraint(
                name="decision_reason_where_needed",
                condition=Q(outcome="approve", high=False, batch__isnull=True) | Q(reason__isnull=False),
            ),
            models.CheckConstraint(
                name="decision_not_barred",
                condition=NotAmong(F("person"), F("barred")) & NotAmong(F("for_person"), F("barred")),
            ),
        )
        indexes = (models.Index(fields=["at"], name="decision_lately", condition=Q(outcome="approve")),)

    def __str__(self) -> str:
        return f"{self.person}: {self.outcome}"


class Retraction(AppendOnly):
    """A decision retracted while its submission was undecided: it no longer counts, and stays on record."""

    decision = models.OneToOneField(Decision, models.PROTECT, related_name="retraction")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person} took back: {self.decision}"


class DecisionPerson(AppendOnly):
    """A person used up by a decision: its maker, or the giver of a delegation; written by the database (S2, A11)."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="people")
    submission = models.ForeignKey(Submission, models.PROTECT, related_name="+")
    stage = models.SmallIntegerField()
    outcome = models.CharField(max_length=8)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")

    class Meta(AppendOnly.Meta):
        constraints = (
            ExclusionConstraint(
                name="decision_never_spans_stages",
                expressions=[
                    ("submission", RangeOperators.EQUAL),
                    ("person", RangeOperators.EQUAL),
                    ("stage", RangeOperators.NOT_EQUAL),
                ],
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} in stage {self.stage}"


class CarriedDecision(AppendOnly):
    """A decision on an earlier approval that counts in the first round of this one, because the question is the same
    (A14).
    """

    approval = models.ForeignKey(Approval, models.PROTECT, related_name="carried_decisions")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="carried_to")
    round = models.PositiveSmallIntegerField()

    class Meta(AppendOnly.Meta):
        constraints = (models.UniqueConstraint(fields=["approval", "decision"], name="carried_decision_once"),)

    def __str__(self) -> str:
        return f"{self.decision}, carried over"
