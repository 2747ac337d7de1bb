"""What automations run as: one register entry of its own for each (I5)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from governance.controls.models import NEVER_REMOVED, History, Person, Team
from governance.controls.roles import Relation
from inventory.models.interim import Owned, nobody_answers, points_to_its_own


class IdentityState(models.TextChoices):
    """A retired identity's subject is never used again (I5)."""

    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"


class IdentityQuerySet(models.QuerySet["NonHumanIdentity"]):
    """Identities by whether somebody answers for them."""

    def ownerless(self, now: datetime) -> IdentityQuerySet:
        """Those not retired whose owner has left and for which nobody answers meanwhile (I3)."""
        return self.filter(nobody_answers("owner", now)).exclude(state=IdentityState.RETIRED)


class NonHumanIdentity(Owned):
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

    objects = IdentityQuerySet.as_manager()
    history = History()

    class Meta:
        verbose_name = "non-human identity"
        verbose_name_plural = "non-human identities"
        constraints = (
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_never_reused"),
            models.CheckConstraint(name="identity_state_known", condition=Q(state__in=IdentityState.values)),
        )
        triggers = (points_to_its_own("identity"), *NEVER_REMOVED)

    def __str__(self) -> str:
        return self.subject

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the timeline of the automation that it serves."""
        return (self, self.automation) if self.automation is not None else (self,)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """The owner, or who answers for it meanwhile, stands to it as a technical owner does to an automation; and the lead of its team."""
        found = set()
        if person.pk == self.owner_id or person == self.interim_owner(now):
            found.add(Relation.TECHNICAL_OWNER)
        if self.is_led_by(person):
            found.add(Relation.OWNERS_LEAD)
        return frozenset(found)

    @property
    def accountable(self) -> Person:
        """Its owner."""
        return self.owner

    @property
    def owning_team(self) -> Team | None:
        """The team of the automation that it serves."""
        return self.automation.team if self.automation is not None else None
