"""Rows of the ledger: events, seals, and the free texts of events (H1, H2, H6)."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Func, Q

from governance.core.models.row_protection import AppendOnly


class TransactionId(models.Field):
    """PostgreSQL's 64-bit transaction id, filled in by the database itself; an int in Python."""

    def db_type(self, connection: object) -> str:
        """The column's type."""
        return "xid8"

    def from_db_value(self, value: object, expression: object, connection: object) -> int | None:
        """Convert the driver's text to an int; the driver does not know the type."""
        return None if value is None else int(str(value))

    def get_prep_value(self, value: object) -> object:
        """Write it as text, which PostgreSQL takes for the type."""
        return None if value is None else str(value)


class CurrentTransaction(Func):
    """``pg_current_xact_id()``: the id of the transaction that is writing."""

    function = "pg_current_xact_id"
    arity = 0


#: Text on pages instead of an erased text.
ERASED_TEXT = "[erased]"


class FreeText(models.Model):
    """One text that a person typed. Ledger and history hold its keyed digest; erasing text and key leaves both valid.

    An erasure removes the text of an erased author, and the name of an erased person from other texts. Both destroy the key.
    """

    text = models.TextField()
    key = models.BinaryField(max_length=32)
    digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """Return the text, or a note that it was erased."""
        return self.text or ERASED_TEXT


class Outcome(models.TextChoices):
    """Result of an attempt."""

    DONE = "done", "Done"
    REFUSED = "refused", "Refused"


class ActorKind(models.TextChoices):
    """Kind of an actor."""

    PERSON = "person", "Person"
    JOB = "job", "Job"
    WORKLOAD = "workload", "Workload"


class LedgerEvent(AppendOnly):
    """One event, done or refused, written in the transaction of its change (H1)."""

    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=12, choices=ActorKind)
    actor_id = models.CharField(max_length=80)
    for_id = models.CharField(max_length=80, blank=True)
    verb = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=40)
    about = ArrayField(models.CharField(max_length=100), default=list)
    correlation = models.UUIDField()
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.DONE)
    code = models.CharField(max_length=40, blank=True)
    payload = models.JSONField(default=dict)
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    digest = models.CharField(max_length=64)

    class Meta(AppendOnly.Meta):
        ordering = ("xid", "id")
        indexes = (
            models.Index(fields=["xid", "id"], name="ledger_seal_order"),
            models.Index(fields=["subject_type", "subject_id", "-id"], name="ledger_subject"),
            models.Index(fields=["actor_id", "-id"], name="ledger_actor"),
            models.Index(fields=["verb", "-id"], name="ledger_verb"),
            GinIndex(fields=["about"], name="ledger_about"),
        )
        constraints = (
            models.CheckConstraint(name="ledger_known_actor_kind", condition=Q(actor_kind__in=ActorKind.values)),
            models.CheckConstraint(
                name="ledger_refused_has_code",
                condition=Q(outcome=Outcome.DONE, code="") | (Q(outcome=Outcome.REFUSED) & ~Q(code="")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type}:{self.subject_id}"


class Seal(AppendOnly):
    """One Merkle batch: the root over the next ``count`` events in seal order, chained to the seal before, signed.

    ``total`` counts the events of this seal and all before it. The signature does not cover ``last_xid`` and ``total``, which only
    help queries.
    """

    number = models.BigIntegerField(unique=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    last_xid = TransactionId()
    count = models.IntegerField()
    total = models.BigIntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    key_id = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("number",)
        indexes = (models.Index(fields=["last_xid", "last"], name="seal_end"),)
        constraints = (models.CheckConstraint(name="seal_covers_something", condition=Q(number__gte=1, count__gte=1)),)

    def __str__(self) -> str:
        return f"Seal {self.number}"
