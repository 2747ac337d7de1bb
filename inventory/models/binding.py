"""Bindings: the resource of a connection, proposed, then confirmed or refused by its owner, and moved by two people (I8)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.core.access import Relation
from governance.core.models import AppendOnly, History, Person
from inventory.importers.host_names import host_of
from inventory.models.resource import Resource

#: Connector and instance: the key of a connection.
BindingKey = tuple[str, str]
#: Connector of a manual description: its instance is the key of the resource, so it needs no binding.
REGISTERED = "register"


class HostField(models.CharField):
    """Normal name of the host in a binding's connection, computed with every write."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        """Host of the connection of a binding or its history row."""
        host = model_instance.host = host_of(model_instance.connector, model_instance.instance_name)
        return host


class Binding(models.Model):
    """Resource of a connection: proposed by a builder, confirmed or refused by the owner's first decision on it (I8).

    A binding is open until the confirmation, and again after a refusal. A confirmed one moves to another resource only
    after a second person agrees (`moving_to`).
    """

    connector = models.CharField(max_length=80)
    #: Not called "instance": history rows have a property of that name.
    instance_name = models.CharField(max_length=255, blank=True)
    #: Empty if the connection is no host.
    host = HostField(max_length=255, blank=True, editable=False)
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="bindings")
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: The person represented under a delegation (A11).
    confirmed_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    #: First confirmation for this resource; other owners' claims on the host are compared with it.
    known_since = models.DateTimeField(null=True, blank=True)
    refused_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    refused_at = models.DateTimeField(null=True, blank=True)
    #: Ids of resources whose owners refused the connection; no import proposes them again.
    refused_for = ArrayField(models.BigIntegerField(), default=list, blank=True)
    #: New resource of a confirmed binding, with the person who asked for the move and the person represented (A11).
    moving_to = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="moving_bindings")
    moving_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    moving_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    moving_at = models.DateTimeField(null=True, blank=True)
    #: Person who asked for the last move, and the person represented; empty after a new confirmation.
    moved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    moved_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    history = History()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["connector", "instance_name"], name="binding_one_resource"),
            models.CheckConstraint(
                name="binding_confirmed_or_refused", condition=Q(confirmed_at__isnull=True) | Q(refused_at__isnull=True)
            ),
            models.CheckConstraint(
                name="binding_known_since_confirmed",
                condition=Q(confirmed_at__isnull=True, known_since__isnull=True)
                | Q(confirmed_at__isnull=False, known_since__isnull=False),
            ),
            models.CheckConstraint(
                name="binding_moves_once_confirmed",
                condition=Q(moving_to__isnull=True)
                | Q(confirmed_at__isnull=False, moving_by__isnull=False) & ~Q(moving_to=F("resource")),
            ),
        )

        indexes = (models.Index(fields=["host"], name="binding_by_host", condition=~Q(host="")),)

    def __str__(self) -> str:
        return f"{self.connector} {self.instance_name} → {self.resource}"

    @property
    def key(self) -> BindingKey:
        """Connector and instance: the key of the connection."""
        return self.connector, self.instance_name

    @property
    def is_open(self) -> bool:
        """Whether no owner has confirmed it, so that a builder may choose its resource."""
        return self.confirmed_at is None

    def is_word_of(self, people: Collection[int]) -> bool:
        """Whether the binding rests on some people, by id (I8).

        One of them confirmed it or asked for its move. An open binding rests on them if one of them answers for its
        resource and no other owner proposed it.
        """
        if not self.is_open:
            speakers = {self.confirmed_by_id, self.confirmed_for_id, self.moved_by_id, self.moved_for_id}
            return not speakers.isdisjoint(people)
        side = self.resource.answering_ids
        return not side.isdisjoint(people) and self.proposed_by_id not in side.difference(people)

    @property
    def is_refused(self) -> bool:
        """Whether the owner of its resource refused it."""
        return self.refused_at is not None

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines: its resource, and the resource that it moves to."""
        return (self, self.resource, *([self.moving_to] if self.moving_to else []))

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to its resource and to the new one; the person who asked for a move can withdraw it."""
        sides = [self.resource, *([self.moving_to] if self.moving_to else [])]
        return frozenset[Relation]().union(*(side.relations(person, now) for side in sides))


class HostConsent(AppendOnly):
    """Consent of a resource's owner that its host also opens another owner's resource (I8)."""

    binding = models.ForeignKey(Binding, models.PROTECT, related_name="consents")
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="host_consents")
    #: Resource of the binding at the consent; the consent counts for no other resource.
    opens = models.ForeignKey(Resource, models.PROTECT, related_name="+")
    said_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    #: The person represented under a delegation (A11).
    said_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    said_at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["binding", "resource", "opens", "said_by"], name="host_consent_once_a_person"
            ),
        )

    def __str__(self) -> str:
        return f"{self.resource}: {self.binding}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines of both resources."""
        return (self.resource, self.binding.resource)
