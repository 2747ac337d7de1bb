"""Further sign-in accounts of a person. `Person` itself holds the first one."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from governance.core.models.people import Person
from governance.core.models.row_protection import History
from governance.core.roles.roles import Relation


class LinkedAccount(models.Model):
    """An account of a sign-in provider that a person linked. All accounts of one person count as one person (S1, P1)."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="linked_accounts")
    source = models.CharField(max_length=60)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    history = History(excluded_fields=["subject"])

    class Meta:
        ordering = ("source", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["source", "subject"], condition=Q(ended_at__isnull=True), name="linked_account_one_person"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} by {self.source}"

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return the relation of its person: self."""
        return frozenset({Relation.SELF}) if person.pk == self.person_id else frozenset()

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Events are on the person's timeline (H3)."""
        return (self.person,)
