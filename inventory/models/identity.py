"""What automations run as and what opens doors for them. A credential is metadata only: no value column (I5, I6)."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.controls.models import NEVER_REMOVED, History, Person, Team
from governance.controls.roles import Relation
from inventory.models.interim import Owned, nobody_answers, points_to_its_own
from inventory.models.resource import Resource


class IdentityState(models.TextChoices):
    """A retired identity's subject is never used again (I5)."""

    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"


class Lifetime(models.TextChoices):
    """How long a credential lives."""

    STATIC = "static", "Static"
    LONG = "long", "Long-lived"
    SHORT = "short", "Short-lived"
    UNKNOWN = "unknown", "Unknown"


class Reach(models.TextChoices):
    """How it is known what a credential opens (I6)."""

    READ = "read", "Read from the backend"
    DECLARED = "declared", "Declared"
    UNKNOWN = "unknown", "Unknown"


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


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Credentials by whether somebody answers for them."""

    def ownerless(self, now: datetime) -> CredentialQuerySet:
        """Those whose owner has left and for which nobody answers meanwhile (I3); one that never had an owner is not known to have lost one."""
        return self.filter(nobody_answers("owner", now), owner__isnull=False)


class Credential(Owned):
    """One secret that exists somewhere, described and never held: kind, place, age, owner, fingerprint, reach."""

    kind = models.CharField(max_length=80)
    name = models.CharField(max_length=160, blank=True)
    platform_instance = models.CharField(max_length=120, blank=True)
    external_id = models.CharField(max_length=160, blank=True)
    kept_in = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="kept_credentials")
    opens = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="opening_credentials")
    lifetime = models.CharField(max_length=8, choices=Lifetime, default=Lifetime.UNKNOWN)
    issued_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    rotation_due_on = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="owned_credentials")
    fingerprint = models.CharField(max_length=64, blank=True)
    reach_kind = models.CharField(max_length=8, choices=Reach, default=Reach.UNKNOWN)
    reach = ArrayField(models.CharField(max_length=200), default=list, blank=True)

    objects = CredentialQuerySet.as_manager()
    history = History()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["platform_instance", "kind", "external_id"],
                condition=~Q(external_id=""),
                name="credential_once_per_platform",
            ),
        )
        triggers = (points_to_its_own("credential"), *NEVER_REMOVED)

    def __str__(self) -> str:
        return self.name or self.kind

    @property
    def sentence(self) -> str:
        """In words: "Uses the credential Finance Slack workspace". Its kind is the source's own word and stands beside it."""
        return (
            f"Uses the credential {self.name}"
            if self.name
            else f"Uses a credential without a name, of kind {self.kind}"
        )

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the timelines of what keeps it and what it opens."""
        return tuple(row for row in (self, self.kept_in, self.opens) if row is not None)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Its owner, or who answers for it meanwhile; and whoever answers for the resource on which it is decided."""
        is_its_own = person.pk == self.owner_id or person == self.interim_owner(now)
        found = {Relation.TECHNICAL_OWNER} if is_its_own else set()
        if self.decided_on is not None:
            found |= self.decided_on.relations(person, now)
        if self.owning_team is None and self.is_led_by(person):
            found.add(Relation.OWNERS_LEAD)
        return frozenset(found)

    @property
    def accountable(self) -> Person | None:
        """Its owner, where one is known."""
        return self.owner

    @property
    def owning_team(self) -> Team | None:
        """The team of the resource on which it is decided."""
        return self.decided_on.team if self.decided_on is not None else None

    def is_ownerless(self, now: datetime) -> bool:
        """Whether its owner has left and nobody answers for it meanwhile; one that never had an owner has not lost one (I3)."""
        return self.owner is not None and super().is_ownerless(now)

    @property
    def decided_on(self) -> Resource | None:
        """The resource whose owner decides it: the store that keeps it, else what it opens (A2)."""
        return self.kept_in or self.opens
