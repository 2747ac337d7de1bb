"""Versions of the policy: tiers, routes, terms, due dates. One is in force; each is kept (S8)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from governance.controls.models import AppendOnly, Person


class PolicyVersion(AppendOnly):
    """One numbered policy document. Number 1 comes with the product; later ones are proposed and approved by two people."""

    kind = models.CharField(max_length=20, default="default")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    effective_at = models.DateTimeField()
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(AppendOnly.Meta):
        ordering = ("kind", "-number")
        constraints = (
            models.UniqueConstraint(fields=["kind", "number"], name="policy_number_once"),
            models.CheckConstraint(
                name="policy_two_people",
                condition=Q(number=1)
                | Q(proposed_by__isnull=False, approved_by__isnull=False) & ~Q(proposed_by=F("approved_by")),
            ),
        )

    def __str__(self) -> str:
        return f"Policy {self.kind} {self.number}"
