"""What opens doors for automations: a credential, described and never held. There is no column for a value (I6).

Where it is kept is said by one person and confirmed by another, who answers for that store; until then whoever answers for what it
opens decides about it (A2). What it opens may lower a tier (T1), so the database asks too who said it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import History, Membership, Person, Team
from governance.core.roles.roles import Relation
from inventory.models.interim_owner import Owned, nobody_answers, still_answering
from inventory.models.resource import Resource, sees_all


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


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Credentials as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> CredentialQuerySet:
        """Those that the actor owns, that a resource they answer for keeps or opens by, and those of automations they see.

        That anybody finds a resource by its name does not show what opens it.
        """
        from inventory.models.automation import Automation  # these refer to credentials
        from inventory.models.version import VersionCredential

        if actor.person is None:
            return self.none()
        if sees_all(actor, now):
            return self
        people = access.answers_as(actor, now)
        answering = Resource.objects.filter(
            Q(owner__in=people)
            | Q(deputy__in=people)
            | Q(team__lead__in=people)
            | Q(team__deputy_lead__in=people)
            | still_answering(people, now)
        ).order_by()
        seen = VersionCredential.objects.filter(
            credential=OuterRef("pk"), version__automation__in=Automation.objects.visible_to(actor, now)
        )
        touched = Q(opens__in=answering) | Q(kept_in__in=answering) | Q(said_kept_in__in=answering)
        return self.filter(Q(owner__in=people) | still_answering(people, now) | touched | Exists(seen))

    def ownerless(self, now: datetime) -> CredentialQuerySet:
        """Those whose owner has left and for which nobody answers meanwhile (I3); one that never had an owner has not lost one."""
        return self.filter(nobody_answers("owner", now), owner__isnull=False)


class Credential(Owned):
    """One secret that exists somewhere, described and never held: kind, place, age, owner, fingerprint, reach."""

    kind = models.CharField(max_length=80)
    name = models.CharField(max_length=160, blank=True)
    platform_instance = models.CharField(max_length=120, blank=True)
    external_id = models.CharField(max_length=160, blank=True)
    #: The store that keeps it, once who answers for that has confirmed it: then they decide about it (A2).
    kept_in = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="kept_credentials")
    kept_confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    kept_confirmed_at = models.DateTimeField(null=True, blank=True)
    #: The store that somebody says keeps it, who says so and for whom they stood in (A11): it moves nothing by itself.
    said_kept_in = models.ForeignKey(
        Resource, models.PROTECT, null=True, blank=True, related_name="said_to_keep_credentials"
    )
    said_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    said_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    said_at = models.DateTimeField(null=True, blank=True)
    #: Ids of the stores whose side said that they do not keep it.
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
    #: Codes of the entitlements that it opens, of the resource in `opens`; who said so and for whom (A11), unless the backend did.
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

    def prepare(self) -> None:
        """Put the reach in one order, so that it is the same set however it was said."""
        self.reach = sorted(set(self.reach))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, prepared."""
        self.prepare()
        super().save(*args, **kwargs)

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("credential", args=[self.pk])

    @property
    def sentence(self) -> str:
        """In words: "Uses the credential Finance Slack workspace". Its kind is the source's own word and stands beside it."""
        return (
            f"Uses the credential {self.name}"
            if self.name
            else f"Uses a credential without a name, of kind {self.kind}"
        )

    def is_expired(self, now: datetime) -> bool:
        """Whether it is known to open nothing any more."""
        return self.expires_at is not None and self.expires_at <= now

    def is_overdue(self, now: datetime) -> bool:
        """Whether it was to be rotated before today and was not since."""
        due = self.rotation_due_on
        rotated = self.rotated_at is not None and due is not None and self.rotated_at.date() >= due
        return due is not None and due < now.date() and not rotated

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the timelines of what keeps it, what is said to keep it, and what it opens."""
        return tuple(row for row in (self, self.kept_in, self.said_kept_in, self.opens) if row is not None)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Its owner, or who answers for it meanwhile; owner and deputy of what it opens and of what keeps it; who is asked whether
        theirs does; who builds with it; the lead of the team whose it is.
        """
        is_its_own = person.pk == self.owner_id or person == self.interim_owner(now)
        relations: set[Relation] = {Relation.CREDENTIAL_OWNER} if is_its_own else set()
        for resource in (self.opens, self.kept_in):
            relations |= resource.answering_as(person, now) if resource is not None else set()
        if self.said_kept_in is not None and self.said_kept_in.answering_as(person, now):
            relations.add(Relation.KEEPER)
        if self.is_led_by(person):
            relations.add(Relation.OWNERS_LEAD)
        if self._is_used_by(person):
            relations.add(Relation.CREDENTIAL_USER)
        return frozenset(relations)

    def _is_used_by(self, person: Person) -> bool:
        """Whether somebody is of the team, or an owner, of an automation that uses it."""
        from inventory.models.automation import Automation, AutomationState  # these refer to credentials

        uses = Automation.objects.filter(versions__version_credentials__credential=self)
        member = Membership.objects.filter(team=OuterRef("team"), person=person)
        uses_as_member = Q(business_owner=person) | Q(technical_owner=person) | Exists(member)
        return uses.exclude(state=AutomationState.RETIRED).filter(uses_as_member).exists()

    @property
    def decided_on(self) -> Resource | None:
        """The resource whose owner decides it, where it is asked for from now on: the store that keeps it, else what it opens (A2)."""
        return self.kept_in or self.opens

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
