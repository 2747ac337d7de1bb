"""Which resource a connection opens: proposed, confirmed or refused by whoever answers for it, moved by two people (I8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.core.models import AppendOnly, History, Person
from governance.core.roles.roles import Relation
from inventory.importers.host_names import host_of
from inventory.models.resource import Resource

#: The connector of what a person describes by hand: its instance is the key of the resource itself, so it needs no binding.
REGISTERED = "register"


class HostField(models.CharField):
    """The one name of the host that a binding's connection names, worked out whenever the row is written."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        """The host of the row's connection, of a binding or of its history."""
        host = model_instance.host = host_of(model_instance.connector, model_instance.instance_name)
        return host


@dataclass(frozen=True)
class Claim:
    """A resource of another owner for which the host of a binding was known before.

    Args:
        resource: of the other owner.
        consents: for each consent the ids of its person and of the person represented.
    """

    resource: Resource
    consents: tuple[frozenset[int], ...] = ()

    def is_agreed(self, parties: Collection[int]) -> bool:
        """Whether somebody agreed who is none of some people, nor stood in for one."""
        return any(people.isdisjoint(parties) for people in self.consents)


class Binding(models.Model):
    """Which resource a connection opens: proposed by the builder, confirmed or refused by the owner's first decision on it (I8).

    Open until then, and open again once it is refused. A confirmed one that somebody wants to open another resource
    stays as it is until a second person says so too (`moving_to`).
    """

    connector = models.CharField(max_length=80)
    #: Not called "instance": the history of a row has a property of that name.
    instance_name = models.CharField(max_length=255, blank=True)
    #: Empty where the connection is no host.
    host = HostField(max_length=255, blank=True, editable=False)
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="bindings")
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: The person represented under a delegation (A11).
    confirmed_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    #: When it was first confirmed to open this resource; another owner's claim on its host is younger or older than that.
    known_since = models.DateTimeField(null=True, blank=True)
    refused_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    refused_at = models.DateTimeField(null=True, blank=True)
    #: Ids of the resources whose owners said that it does not open theirs: nobody proposes those again.
    refused_for = ArrayField(models.BigIntegerField(), default=list, blank=True)
    #: Which resource a confirmed one is to open instead, who asked for that and for whom they stood in (A11).
    moving_to = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="moving_bindings")
    moving_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    moving_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    moving_at = models.DateTimeField(null=True, blank=True)
    #: Who asked for the move by which it opens this resource, and the person represented; empty once it is confirmed anew.
    moved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    moved_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    history = History()

    #: For which other owners its host was known before, where `inventory.resources.queries` has read that.
    claims: Sequence[Claim] = ()

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
    def is_open(self) -> bool:
        """Whether no owner has confirmed it, so that a builder has a say."""
        return self.confirmed_at is None

    def is_vouched(self, parties: Collection[int]) -> bool:
        """Whether somebody besides some people says what it opens, and so does each other owner by whose resource its host was known (I8)."""
        return not self.is_word_of(parties) and all(claim.is_agreed(parties) for claim in self.claims)

    def is_word_of(self, people: Collection[int]) -> bool:
        """Whether it rests on some people, by id (I8).

        One of them confirmed it, or asked for the move that another agreed to. Or it is open, one of them answers for its resource, and
        nobody else who answers for that proposed it.
        """
        if not self.is_open:
            speakers = {self.confirmed_by_id, self.confirmed_for_id, self.moved_by_id, self.moved_for_id}
            return not speakers.isdisjoint(people)
        side = self.resource.answering_ids
        return not side.isdisjoint(people) and self.proposed_by_id not in side.difference(people)

    @property
    def is_refused(self) -> bool:
        """Whether the owner of the resource that it names said that it does not open theirs."""
        return self.refused_at is not None

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the resource's timeline, and on that of the resource that it is to move to."""
        return (self, self.resource, *([self.moving_to] if self.moving_to else []))

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """As to the resource that it opens, and to the one that it is to open instead: whoever asks can take that back."""
        sides = [self.resource, *([self.moving_to] if self.moving_to else [])]
        return frozenset[Relation]().union(*(side.relations(person, now) for side in sides))


class HostConsent(AppendOnly):
    """Somebody who answers for a resource agrees that its host opens what a binding of another owner says (I8)."""

    binding = models.ForeignKey(Binding, models.PROTECT, related_name="consents")
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="host_consents")
    #: What the binding opened then: a consent counts for no other resource.
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
        """It stands on the timelines of both resources."""
        return (self.resource, self.binding.resource)
