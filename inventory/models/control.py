"""Controls on an entitlement that a person states because no name shows them; rules of "A without B" need them (S6)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from governance.core.models import FreeText, History, Person
from governance.core.roles.roles import Relation
from inventory.importers.capabilities import CONTROLS, STATED_CONTROLS
from inventory.models.resource import Entitlement


class ControlQuerySet(models.QuerySet["Control"]):
    """Controls by whether they are in force."""

    def standing(self) -> ControlQuerySet:
        """Controls that were not withdrawn."""
        return self.filter(ended_at=None)


class Control(models.Model):
    """Statement of a resource's owner that a control applies to an entitlement, until it is withdrawn."""

    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="controls")
    #: One of `STATED_CONTROLS`; a control in force adds it to the entitlement's tags.
    tag = models.CharField(max_length=60)
    reason = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    said_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    said_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    said_at = models.DateTimeField()
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")

    objects = ControlQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["entitlement", "tag"], condition=Q(ended_at__isnull=True), name="control_stands_once"
            ),
            models.CheckConstraint(name="control_tag_known", condition=Q(tag__in=sorted(STATED_CONTROLS))),
            models.CheckConstraint(
                name="control_ended_by_somebody_with_a_reason",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, ended_why__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False, ended_why__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.tag} on {self.entitlement}"

    @property
    def state(self) -> str:
        """State: in force or withdrawn."""
        return "standing" if self.ended_at is None else "taken_back"

    @property
    def words(self) -> str:
        """Sentence for the entitlement's holder: "Is held to a limit …"."""
        return CONTROLS[self.tag][0]

    @property
    def href(self) -> str:
        """Page of all controls of the entitlement."""
        return self.entitlement.controls_href

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the resource."""
        return (self, self.entitlement.resource)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to the resource."""
        return self.entitlement.relations(person, now)
