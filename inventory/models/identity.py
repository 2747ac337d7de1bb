"""What automations run as: one register entry of its own for each (I5)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from governance.controls.models import NEVER_REMOVED, History, Person
from governance.controls.roles import Relation


class IdentityState(models.TextChoices):
    """A retired identity's subject is never used again (I5)."""

    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"


class NonHumanIdentity(models.Model):
    """One register entry of something that acts: a workload, a service account; issuer and subject are never reused."""

    kind = models.CharField(max_length=40)
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=2048)
    owner = models.ForeignKey(Person, models.PROTECT, related_name="owned_identities")
    automation = models.ForeignKey(
        "inventory.Automation", models.PROTECT, null=True, blank=True, related_name="identities"
    )
    state = models.CharField(max_length=10, choices=IdentityState, default=IdentityState.ACTIVE)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    history = History()

    class Meta:
        verbose_name = "non-human identity"
        verbose_name_plural = "non-human identities"
        constraints = (
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_never_reused"),
            models.CheckConstraint(name="identity_state_known", condition=Q(state__in=IdentityState.values)),
        )
        triggers = NEVER_REMOVED

    def __str__(self) -> str:
        return self.subject

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the timeline of the automation that it serves."""
        return (self, self.automation) if self.automation is not None else (self,)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """The owner stands to it as a technical owner does to an automation."""
        return frozenset({Relation.TECHNICAL_OWNER}) if person.pk == self.owner_id else frozenset()
