"""Erasures: a person who left is to be forgotten, by two admins (H6)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from governance.core.models.people import Person
from governance.core.models.row_protection import History


class Erasure(models.Model):
    """One person is to be erased: asked by one admin, and done once another confirms it. Nobody erases themself.

    Who was erased is known by the opaque id alone afterwards; what they decided, and what they are a party of, stays under it.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="erasures")
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    history = History()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                name="erasure_nobody_themself",
                condition=~Q(asked_by=F("person")) & (Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("person"))),
            ),
            models.CheckConstraint(
                name="erasure_second_admin_confirms",
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="erasure_confirmed_or_dropped",
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, dropped_at__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["person"], condition=Q(dropped_at__isnull=True), name="erasure_once_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"Erasure of {self.person}"

    @property
    def is_open(self) -> bool:
        """Whether it waits for a second admin."""
        return self.confirmed_at is None and self.dropped_at is None

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the person's timeline (H3)."""
        return (self.person,)
