"""Conflict rules: their versions, and the entitlements that fill their legs (S6)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from governance.core.models import AppendOnly, HasPage, Person
from inventory.models import Entitlement


class Mode(models.TextChoices):
    """The effect of a conflict: shown, needs an extra approval, or refused."""

    RECORD = "record", "Record"
    APPROVAL = "approval", "Needs an extra approval"
    ENFORCE = "enforce", "Refused"


class Scope(models.TextChoices):
    """The subject whose access is checked together."""

    AUTOMATION = "automation", "Automation"
    IDENTITY = "identity", "Identity"
    OWNER = "owner", "Owner"
    TEAM = "team", "Team"
    CHAIN = "chain", "Chain"


class Rating(models.TextChoices):
    """The severity of a conflict."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class ConflictRuleQuerySet(models.QuerySet["ConflictRule"]):
    """Query set of conflict rules."""

    def in_force(self, now: datetime) -> ConflictRuleQuerySet:
        """Return the newest version of each rule in force at ``now``, without given-up rules.

        A tightening by one person counts until its time is up, even before a job has run.
        """
        return self.filter(pk__in=self.newest_effective(now).values("pk"), is_given_up=False).order_by("code")

    def newest_effective(self, now: datetime) -> ConflictRuleQuerySet:
        """Return the newest version of each rule in effect at ``now``, by code; given-up rules too."""
        return self.filter(Q(until__isnull=True) | Q(until__gt=now), effective_at__lte=now)._newest()

    def to_keep_weighed(self, now: datetime) -> ConflictRuleQuerySet:
        """Return rules in force, and the versions that return after a temporary one."""
        signed = self.filter(until__isnull=True, effective_at__lte=now)
        back = self.filter(pk__in=signed._newest().values("pk"), is_given_up=False)
        return self.filter(Q(pk__in=self.in_force(now).values("pk")) | Q(pk__in=back.values("pk"))).order_by("code")

    def _newest(self) -> ConflictRuleQuerySet:
        return self.order_by("code", "-number").distinct("code")


class ConflictRule(HasPage, AppendOnly):
    """One version of one rule. Shipped rules are version 1; two people proposed and approved each other version (S8).

    A tightening by one person counts until `until` without a second signature. When it lapses, the earlier rule
    returns as a new version that names it in `undoes`.
    """

    page_name = "conflict_rule"
    page_key = "code"
    code = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    process = models.CharField(max_length=80)
    rating = models.CharField(max_length=8, choices=Rating)
    mode = models.CharField(max_length=8, choices=Mode)
    scope = models.CharField(max_length=10, choices=Scope)
    ships = models.BooleanField(default=False)
    #: The rule no longer applies; its versions stay.
    is_given_up = models.BooleanField(default=False)
    effective_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    undoes = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    objects = ConflictRuleQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("code", "-number")
        constraints = (
            models.UniqueConstraint(fields=["code", "number"], name="conflict_rule_number_once"),
            models.CheckConstraint(
                name="conflict_rule_two_people",
                condition=Q(ships=True, number=1)
                | Q(proposed_by__isnull=False, approved_by__isnull=False) & ~Q(proposed_by=F("approved_by"))
                | Q(proposed_by__isnull=False, approved_by__isnull=True, until__isnull=False)
                | Q(proposed_by__isnull=True, approved_by__isnull=True, until__isnull=True, undoes__isnull=False),
            ),
            models.CheckConstraint(name="conflict_rule_mode_known", condition=Q(mode__in=Mode.values)),
            models.CheckConstraint(name="conflict_rule_scope_known", condition=Q(scope__in=Scope.values)),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def signed_words(self) -> str:
        """Who proposed and approved it, in words."""
        if self.ships:
            return "It ships with Countersign"
        if self.undoes is not None:
            return f"Version {self.undoes.number} was not countersigned: what stood before is back"
        proposed = self.proposed_by.name if self.proposed_by is not None else ""
        if self.approved_by is None:
            return f"Proposed by {proposed}, who acts alone until it is countersigned"
        return f"Proposed by {proposed}, approved by {self.approved_by.name}"


class ConflictMember(models.Model):
    """An entitlement that fills a leg of a rule; recomputed when either changes.

    `mask` says which kinds of access count (reading, writing, chosen by a model …): bit N stands for grants with
    ``held_as`` N.
    """

    rule = models.ForeignKey(ConflictRule, models.CASCADE, related_name="members")
    leg = models.SmallIntegerField()
    entitlement = models.ForeignKey(Entitlement, models.CASCADE, related_name="+")
    mask = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["rule", "leg", "entitlement"], name="conflict_member_once"),)

    def __str__(self) -> str:
        return f"{self.entitlement} is leg {self.leg} of {self.rule}"
