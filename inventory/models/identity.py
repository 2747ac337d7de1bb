"""Non-human identities: one register entry for each (I5)."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Upper

from governance.core.access import Actor, Relation, access
from governance.core.models import History, Person, Team
from inventory.models.automation import Automation
from inventory.models.interim_owner import InterimOwner, Owned, ownerless_condition
from inventory.models.resource import sees_whole_register
from inventory.models.version import Version, VersionIdentity, counted_versions


class IdentityState(models.TextChoices):
    """State; the subject of a retired identity is never used again (I5)."""

    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"


def identity_without_owner(now: datetime) -> Q:
    """Condition for identities of `IdentityQuerySet.ownerless` (I3)."""
    return ownerless_condition("owner", now) & ~Q(state=IdentityState.RETIRED)


class IdentityQuerySet(models.QuerySet["NonHumanIdentity"]):
    """Identities by visibility and ownership."""

    def visible_to(self, actor: Actor, now: datetime) -> IdentityQuerySet:
        """Identities that the actor owns, of a team they lead, of an automation they see, or that a visible automation
        runs as.

        A draft does not count here: naming another team's identity in a draft shows nothing of it (I5).
        """
        if actor.person is None:
            return self.none()
        if sees_whole_register(actor, now):
            return self
        people = access.answers_as(actor, now)
        seen = Automation.objects.visible_to(actor, now)
        counting = Version.objects.filter(counted_versions(), automation__in=seen).order_by()
        runs = VersionIdentity.objects.filter(identity=OuterRef("pk"), version__in=counting)
        named = InterimOwner.objects.filter(identity=OuterRef("pk"), person__in=people, ended_at__isnull=True)
        led = Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people), members=OuterRef("owner"))
        return self.filter(Q(owner__in=people) | Q(automation__in=seen) | Exists(runs) | Exists(named) | Exists(led))

    def ownerless(self, now: datetime) -> IdentityQuerySet:
        """Identities that are not retired, whose owner has left and that have no interim owner (I3)."""
        return self.filter(identity_without_owner(now))


class NonHumanIdentity(Owned):
    """One register entry of a workload or service account; issuer and subject are never reused."""

    kind = models.CharField(max_length=40)
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=2048)
    owner = models.ForeignKey(Person, models.PROTECT, related_name="owned_identities")
    automation = models.ForeignKey(Automation, models.PROTECT, null=True, blank=True, related_name="identities")
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
        #: For the search: any part, in any case.
        indexes = (GinIndex(OpClass(Upper("subject"), name="gin_trgm_ops"), name="identity_subject_trgm"),)

    def __str__(self) -> str:
        return self.subject

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the automation that it serves."""
        return (self, self.automation) if self.automation is not None else (self,)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations of a person: an owner or interim owner counts as technical owner; also the lead of its team."""
        relations = set()
        if person.pk == self.owner_id or person == self.interim_owner(now):
            relations.add(Relation.TECHNICAL_OWNER)
        if self.is_led_by(person):
            relations.add(Relation.OWNERS_LEAD)
        return frozenset(relations)

    @property
    def owning_team(self) -> Team | None:
        """Team of the automation that it serves."""
        return self.automation.team if self.automation is not None else None
