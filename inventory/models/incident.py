"""Incidents on a resource, declared by its owner or by security: grants on it are reviewed at once (R1)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from governance.core.models import FreeText, History, Person
from governance.core.roles.roles import Relation
from inventory.models.resource import Resource

#: Form of a reference: letters, digits and the separators of ticket numbers.
REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._/#:-]*$"


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Incidents by whether they run."""

    def running(self, now: datetime) -> IncidentQuerySet:
        """Incidents that run at ``now``."""
        return self.filter(ended_at=None, until__gt=now)


class Incident(models.Model):
    """One incident on one resource: it runs until an instant, or until a person ends it."""

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="incidents")
    #: Reference such as a ticket number: one word and never a sentence, so it names no person (H6).
    reference = models.CharField(max_length=80)
    why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    declared_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    declared_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    declared_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    ended_why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")

    objects = IncidentQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="incident_reference_is_one_word", condition=Q(reference__regex=REFERENCE)),
            models.CheckConstraint(name="incident_is_over_later", condition=Q(until__gt=F("declared_at"))),
            models.CheckConstraint(
                name="incident_ended_by_somebody", condition=Q(ended_at__isnull=True) | Q(ended_by__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.reference} on {self.resource}"

    def runs(self, now: datetime) -> bool:
        """Whether it runs at ``now``."""
        return self.ended_at is None and now < self.until

    @property
    def href(self) -> str:
        """Page of the resource."""
        return self.resource.href

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the resource."""
        return (self, self.resource)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to the resource."""
        return self.resource.relations(person, now)
