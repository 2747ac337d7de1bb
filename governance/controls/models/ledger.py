"""The ledger's rows: what happened, the seals over it, and the free texts that stand beside it (H1, H2, H6)."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Func


class AppendOnly(models.Model):
    """A row that is written once: the database refuses UPDATE and DELETE on it, whoever asks."""

    class Meta:
        abstract = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]


class TransactionId(models.Field):
    """PostgreSQL's 64-bit transaction id, filled in by the database itself."""

    def db_type(self, connection: object) -> str:
        return "xid8"

    def from_db_value(self, value: object, expression: object, connection: object) -> int | None:
        return None if value is None else int(str(value))

    def get_prep_value(self, value: object) -> object:
        return None if value is None else str(value)


class CurrentTransaction(Func):
    """``pg_current_xact_id()``: the id of the transaction that is writing."""

    function = "pg_current_xact_id"
    arity = 0


class FreeText(models.Model):
    """One text that a person typed. Ledger and history hold its keyed digest; erasing text and key leaves both valid."""

    text = models.TextField()
    key = models.BinaryField(max_length=32)
    digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.text


class Outcome(models.TextChoices):
    """What became of what was tried."""

    DONE = "done", "Done"
    REFUSED = "refused", "Refused"


class LedgerEvent(AppendOnly):
    """One thing that happened, or was refused, written in the transaction of the change itself (H1)."""

    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=12)
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

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type}:{self.subject_id}"


class Seal(AppendOnly):
    """One Merkle batch: the root over the next ``count`` events in seal order, chained to the seal before, signed."""

    number = models.BigIntegerField(unique=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    last_xid = TransactionId()
    count = models.IntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    key_id = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("number",)

    def __str__(self) -> str:
        return f"Seal {self.number}"
