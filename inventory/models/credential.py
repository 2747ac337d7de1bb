"""Credentials: descriptions of secrets. There is no column for a value (I6).

One person names the store and another, the store's owner, confirms it. Until then the owner of the opened resource
decides about the credential (A2). A narrower reach may lower a tier (T1), so the database also checks who declared it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from governance.core.access import Actor, Relation, access
from governance.core.models import History, Membership, Person, Team
from inventory.models.automation import Automation, AutomationState
from inventory.models.interim_owner import InterimOwner, Owned, interim_condition, ownerless_condition
from inventory.models.resource import Resource, sees_whole_register
from inventory.models.version import VersionCredential


class Lifetime(models.TextChoices):
    """Lifetime of a credential."""

    STATIC = "static", "Static"
    LONG = "long", "Long-lived"
    SHORT = "short", "Short-lived"
    UNKNOWN = "unknown", "Unknown"


class Reach(models.TextChoices):
    """How the reach of a credential is known (I6)."""

    READ = "read", "Read from the backend"
    DECLARED = "declared", "Declared"
    UNKNOWN = "unknown", "Unknown"


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Credentials by visibility and ownership."""

    def visible_to(self, actor: Actor, now: datetime) -> CredentialQuerySet:
        """Credentials that the actor owns, that their resources keep or that open them, and those of visible automations.

        A lead of a team of an owner who left sees the credential too: they name an interim owner (I3).

        A resource that is visible by name only does not show its credentials.
        """
        if actor.person is None:
            return self.none()
        if sees_whole_register(actor, now):
            return self
        people = access.answers_as(actor, now)
        answering = Resource.objects.filter(
            Q(owner__in=people)
            | Q(deputy__in=people)
            | Q(team__lead__in=people)
            | Q(team__deputy_lead__in=people)
            | interim_condition(people, now)
        ).order_by()
        visible = Automation.objects.visible_to(actor, now)
        seen = VersionCredential.objects.filter(credential=OuterRef("pk"), version__automation__in=visible)
        led = Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people), members=OuterRef("owner"))
        gone = Q(owner__is_active=False) | Q(owner__left_at__isnull=False)
        named = InterimOwner.objects.filter(credential=OuterRef("pk"), person__in=people, ended_at__isnull=True)
        touched = Q(opens__in=answering) | Q(kept_in__in=answering) | Q(said_kept_in__in=answering)
        return self.filter(Q(owner__in=people) | touched | Exists(seen) | Exists(named) | (gone & Exists(led)))

    def ownerless(self, now: datetime) -> CredentialQuerySet:
        """Credentials whose owner has left and that have no interim owner (I3); one without any owner does not count."""
        return self.filter(ownerless_condition("owner", now), owner__isnull=False)


class Credential(Owned):
    """One secret, described by kind, place, age, owner, fingerprint and reach."""

    kind = models.CharField(max_length=80)
    name = models.CharField(max_length=160, blank=True)
    platform_instance = models.CharField(max_length=120, blank=True)
    external_id = models.CharField(max_length=160, blank=True)
    #: Store that keeps it, after the store's owner confirmed it; that owner then decides about the credential (A2).
    kept_in = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="kept_credentials")
    kept_confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    kept_confirmed_at = models.DateTimeField(null=True, blank=True)
    #: Claimed store, the person who claims it and the person represented (A11); a claim has no effect by itself.
    said_kept_in = models.ForeignKey(
        Resource, models.PROTECT, null=True, blank=True, related_name="said_to_keep_credentials"
    )
    said_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    said_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    said_at = models.DateTimeField(null=True, blank=True)
    #: Ids of the stores whose owners refused the credential.
    kept_refused_for = ArrayField(models.BigIntegerField(), default=list, blank=True)
    opens = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="opening_credentials")
    lifetime = models.CharField(max_length=8, choices=Lifetime, default=Lifetime.UNKNOWN)
    issued_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    rotation_due_on = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="owned_credentials")
    fingerprint = models.CharField(max_length=64, blank=True)
    reach_kind = models.CharField(max_length=8, choices=Reach, default=Reach.UNKNOWN)
    #: Codes of the entitlements that it opens on `opens`, with the person who declared them and the person represented
    #: (A11); none if the backend did.
    reach = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    reach_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reach_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reach_at = models.DateTimeField(null=True, blank=True)

    objects = CredentialQuerySet.as_manager()
    history = History()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["platform_instance", "kind", "external_id"],
                condition=~Q(external_id=""),
                name="credential_once_per_platform",
            ),
            models.CheckConstraint(
                name="credential_kept_once_confirmed",
                condition=Q(kept_in__isnull=True, kept_confirmed_by__isnull=True, kept_confirmed_at__isnull=True)
                | Q(kept_in__isnull=False, kept_confirmed_by__isnull=False, kept_confirmed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="credential_said_by_somebody",
                condition=Q(said_kept_in__isnull=True)
                | Q(said_by__isnull=False) & (Q(kept_in__isnull=True) | ~Q(said_kept_in=F("kept_in"))),
            ),
            models.CheckConstraint(
                name="credential_declared_by_somebody",
                condition=~Q(reach_kind="declared") | Q(reach_by__isnull=False, reach__len__gt=0),
            ),
        )

    def __str__(self) -> str:
        return self.name or self.kind

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with a sorted reach, so that equal sets are equal values."""
        self.reach = sorted(set(self.reach))
        super().save(*args, **kwargs)

    @property
    def sentence(self) -> str:
        """Sentence: "Use the credential Finance Slack workspace". The kind, in the source's words, is shown separately."""
        called = f"the credential {self.name}" if self.name else f"a credential without a name, of kind {self.kind}"
        return f"Use {called}"

    def is_expired(self, now: datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def is_overdue(self, now: datetime) -> bool:
        """Whether its rotation was due before today and is still missing."""
        due = self.rotation_due_on
        rotated = self.rotated_at is not None and due is not None and self.rotated_at.date() >= due
        return due is not None and due < now.date() and not rotated

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines: its store, its claimed store, and the resource that it opens."""
        return tuple(row for row in (self, self.kept_in, self.said_kept_in, self.opens) if row is not None)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations of a person: owner or interim owner; owner or deputy of its resource, store or claimed store; builder
        of an automation that uses it; lead of its team.
        """
        is_its_own = person.pk == self.owner_id or person == self.interim_owner(now)
        relations: set[Relation] = {Relation.CREDENTIAL_OWNER} if is_its_own else set()
        for resource in (self.opens, self.kept_in):
            relations |= resource.answering_as(person, now) if resource is not None else set()
        if self.said_kept_in is not None and self.said_kept_in.answering_as(person, now):
            relations.add(Relation.KEEPER)
        if self.is_led_by(person):
            relations.add(Relation.OWNERS_LEAD)
        uses = Automation.objects.filter(versions__version_credentials__credential=self)
        member = Membership.objects.filter(team=OuterRef("team"), person=person)
        uses_as_member = Q(business_owner=person) | Q(technical_owner=person) | Exists(member)
        if uses.exclude(state=AutomationState.RETIRED).filter(uses_as_member).exists():
            relations.add(Relation.CREDENTIAL_USER)
        return frozenset(relations)

    @property
    def decided_on(self) -> Resource | None:
        """Resource whose owner decides about it: its store, otherwise the resource that it opens (A2)."""
        return self.kept_in or self.opens

    @property
    def owning_team(self) -> Team | None:
        """Team of the resource that decides about it."""
        return self.decided_on.team if self.decided_on is not None else None

    def is_ownerless(self, now: datetime) -> bool:
        """Whether its owner has left and it has no interim owner; False without any owner (I3)."""
        return self.owner is not None and super().is_ownerless(now)
