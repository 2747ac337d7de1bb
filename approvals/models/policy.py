"""Versions of the policy: tiers, routes, terms, due dates. One is in force; all are kept (S8)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from governance.core.models import AppendOnly, HasPage, Person

#: The only policy so far.
DEFAULT = "default"


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    """Query set of policy versions."""

    def effective(self, now: datetime) -> PolicyVersionQuerySet:
        """Return versions effective at ``now``, the one in force first.

        A tightening by one person counts until its time is up.
        """
        counts = Q(until__isnull=True) | Q(until__gt=now)
        return self.filter(counts, kind=DEFAULT, effective_at__lte=now).order_by("-number")


class PolicyVersion(HasPage, AppendOnly):
    """One numbered policy document. Number 1 ships; two people propose and approve later ones.

    A tightening by one person counts until `until` without a second signature. When it lapses, the earlier version
    returns as a new one that names it in `restores`.
    """

    page_name = "policy"
    page_key = "number"
    kind = models.CharField(max_length=20, default=DEFAULT)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    effective_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    proposal = models.ForeignKey(
        "approvals.Proposal", models.PROTECT, null=True, blank=True, related_name="policy_versions"
    )
    restores = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    objects = PolicyVersionQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("kind", "-number")
        constraints = (
            models.UniqueConstraint(fields=["kind", "number"], name="policy_number_once"),
            models.CheckConstraint(
                name="policy_two_people",
                condition=Q(number=1)
                | Q(proposed_by__isnull=False, approved_by__isnull=False) & ~Q(proposed_by=F("approved_by"))
                | Q(proposed_by__isnull=False, approved_by__isnull=True, until__isnull=False)
                | Q(proposed_by__isnull=True, approved_by__isnull=True, restores__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"Policy {self.kind} {self.number}"

    @property
    def signed_words(self) -> str:
        """Who signed it, in words."""
        if self.number == 1:
            return "came with the product"
        if self.restores is not None:
            return f"version {self.restores.number} again"
        proposed = self.proposed_by.name if self.proposed_by is not None else ""
        if self.approved_by is None:
            return f"{proposed} alone, until it is countersigned"
        return f"{proposed} and {self.approved_by.name}"
