"""Grants: what may be held, from when to when, resting on which two approvals (G1 to G4); what was used of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value

from approvals.models.approval import Approval
from governance.core.actors.actor import Actor
from governance.core.models import History, Person
from governance.core.roles.roles import Relation
from inventory.models import Automation, AutomationState, Credential, Entitlement, Level, NonHumanIdentity

#: The longest term by tier, in days (G1).
LONGEST_TERM = {"low": 365, "standard": 180, "high": 90}


class GrantKind(models.TextChoices):
    """A privilege or the use of a credential."""

    PRIVILEGE = "privilege", "Privilege"
    CREDENTIAL = "credential", "Credential"


class GrantState(models.TextChoices):
    """An ended grant never comes back; its successor is another row."""

    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    ENDED = "ended", "Ended"


class EnforcedBy(models.TextChoices):
    """How an ending takes hold (G4)."""

    BROKERED = "brokered", "Brokered"
    GATED = "gated", "Gated"
    DETACHED = "detached", "Detached"


def _within(tier: str) -> Q:
    longest = Value(timedelta(days=LONGEST_TERM[tier]), output_field=models.DurationField())
    return Q(tier=tier, ends_at__gt=F("begins_at"), ends_at__lte=F("begins_at") + longest)


def _in_term(now: datetime) -> Q:
    return Q(state=GrantState.ACTIVE, begins_at__lte=now, ends_at__gt=now)


def _usable(now: datetime) -> Q:
    """Of a privilege: the credential that it needs is granted, and that grant in term (A2); any other grant needs none."""
    held = Grant.objects.filter(
        _in_term(now),
        kind=GrantKind.CREDENTIAL,
        automation=OuterRef("automation"),
        credential=OuterRef("credential"),
    )
    return Q(credential__isnull=True) | Q(kind=GrantKind.CREDENTIAL) | Q(Exists(held))


class GrantQuerySet(models.QuerySet["Grant"]):
    """Grants by whether they count."""

    def live(self, now: datetime) -> GrantQuerySet:
        """Those that allow something at the instant ``now``: active, in term, on a live automation (G3).

        A privilege that needs a credential is live only as long as the grant of that credential is (A2).
        """
        return self.filter(_usable(now), _in_term(now), automation__state=AutomationState.LIVE)

    def telling_usable(self, now: datetime) -> GrantQuerySet:
        """The same, each with ``usable``: whether the credential that it needs is held at the instant ``now`` (A2)."""
        return self.annotate(usable=_usable(now))

    def standing(self) -> GrantQuerySet:
        """Those that have not ended."""
        return self.exclude(state=GrantState.ENDED)

    def credentials_first(self) -> GrantQuerySet:
        """In the order in which all of them end: a credential before the privileges whose end would end it too (A2)."""
        return self.order_by("kind", "pk")

    def newest_first(self) -> GrantQuerySet:
        """By when each was ``first_granted``: what renews one is as old as the one that its approvals made (G2)."""
        first = Grant.objects.filter(approval=OuterRef("approval"), predecessor__isnull=True).order_by()
        rows = self.annotate(
            first_granted=Subquery(first.values("begins_at")[:1]), first_of_it=Subquery(first.values("pk")[:1])
        )
        return rows.order_by("-first_granted", "-first_of_it", "-pk")

    def visible_to(self, actor: Actor, now: datetime) -> GrantQuerySet:
        """Those of the automations that the actor may see."""
        return self.filter(automation__in=Automation.objects.visible_to(actor, now))


class Grant(models.Model):
    """One thing that one automation may do until an instant, because two approvals say so."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="grants")
    kind = models.CharField(max_length=10, choices=GrantKind, default=GrantKind.PRIVILEGE)
    entitlement = models.ForeignKey(Entitlement, models.PROTECT, null=True, blank=True, related_name="grants")
    credential = models.ForeignKey(Credential, models.PROTECT, null=True, blank=True, related_name="grants")
    identity = models.ForeignKey(NonHumanIdentity, models.PROTECT, null=True, blank=True, related_name="grants")
    key = models.CharField(max_length=80)
    target = models.TextField(blank=True)
    scope = ArrayField(models.TextField(), default=list)
    level = models.CharField(max_length=8, choices=Level)
    #: In which way it is held, as conflict rules tell ways apart (`approvals.conflicts.held_access.WAYS`); it never changes.
    held_as = models.PositiveSmallIntegerField(default=0, db_default=0)
    tier = models.CharField(max_length=8)
    app_approval = models.ForeignKey(Approval, models.PROTECT, related_name="+")
    approval = models.ForeignKey(Approval, models.PROTECT, related_name="grants")
    predecessor = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="successor")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=GrantState, default=GrantState.ACTIVE)
    suspended_why = models.CharField(max_length=40, blank=True)
    #: A conflict has taken it out of force, whatever else did before or after: it counts as held no more, and comes back by a submission (S6).
    in_conflict = models.BooleanField(default=False, db_default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)
    enforcement = models.CharField(max_length=10, choices=EnforcedBy, default=EnforcedBy.DETACHED)
    review_on = models.DateField(null=True, blank=True)
    renew = models.BooleanField(default=True)
    #: What its risk has risen to since it was approved, and when; empty while it has not (T4).
    raised_to = models.CharField(max_length=8, blank=True, default="", db_default="")
    raised_at = models.DateTimeField(null=True, blank=True)

    #: Where `GrantQuerySet.newest_first` has read them.
    first_granted: datetime
    first_of_it: int

    objects = GrantQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("automation_id", "id")
        constraints = (
            models.CheckConstraint(
                name="grant_term_within_its_tier", condition=_within("low") | _within("standard") | _within("high")
            ),
            models.CheckConstraint(name="grant_raised_to_known", condition=Q(raised_to__in=["", "standard", "high"])),
            models.CheckConstraint(name="grant_state_known", condition=Q(state__in=GrantState.values)),
            models.CheckConstraint(
                name="grant_kind_has_its_reference",
                condition=Q(kind="privilege", entitlement__isnull=False)
                | Q(kind="credential", credential__isnull=False, entitlement__isnull=True),
            ),
            models.CheckConstraint(
                name="grant_ended_says_when_and_why",
                condition=~Q(state="ended") | Q(ended_at__isnull=False) & ~Q(ended_why=""),
            ),
            models.UniqueConstraint(
                fields=["automation", "key"], condition=~Q(state="ended"), name="grant_one_standing_per_key"
            ),
            models.UniqueConstraint(
                fields=["approval"], condition=Q(predecessor__isnull=True), name="grant_one_per_approval"
            ),
        )
        indexes = (
            models.Index(fields=["ends_at"], condition=~Q(state="ended"), name="grant_ending"),
            models.Index(fields=["review_on"], condition=~Q(state="ended"), name="grant_review"),
            models.Index(fields=["entitlement", "state"], name="grant_by_entitlement"),
        )

    def __str__(self) -> str:
        return f"{self.entitlement or self.credential} for {self.automation}"

    @property
    def counted_tier(self) -> str:
        """Its tier as it is now: as it was approved, or what it has risen to since (T4)."""
        return self.raised_to or self.tier

    def is_live(self, now: datetime) -> bool:
        """Whether it allows something at the instant ``now``, as `GrantQuerySet.live` says of rows."""
        return (
            self.state == GrantState.ACTIVE
            and self.begins_at <= now < self.ends_at
            and self.automation.state == AutomationState.LIVE
            and self.is_usable(now)
        )

    def is_usable(self, now: datetime) -> bool:
        """Whether the credential that it needs is held at the instant ``now``, as the query sets say of rows (A2)."""
        return type(self).objects.filter(_usable(now), pk=self.pk).exists()

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """What a timeline calls the grants with these keys that the reader may see: one query."""
        rows = cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by()
        about = ("approval__privilege__entitlement__resource", "approval__credential")
        return {row.pk: f"“{row.sentence}”" for row in rows.select_related(*about)}

    @property
    def sentence(self) -> str:
        """What it allows, in words: what was approved, which may be less than what was asked (A7, R3)."""
        asked = self.approval.privilege
        if asked is not None:
            return asked.sentence_of(self.scope, self.level)
        return self.credential.sentence if self.credential is not None else ""

    @property
    def raw_scope(self) -> str:
        """What stands in small type beside the sentence: code, connection, and what of the resource it is about."""
        asked = self.approval.privilege
        if asked is None:
            return self.credential.kind if self.credential is not None else ""
        said = (asked.entitlement.code, asked.through, ", ".join(self.scope) or self.target)
        return " · ".join(dict.fromkeys(filter(None, said)))

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the automation's and the resource's timelines too."""
        resource = self.entitlement.resource if self.entitlement else None
        return tuple(row for row in (self, self.automation, resource) if row is not None)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """As to the automation, and as to the resource that it is held on."""
        found = set(self.automation.relations(person, now))
        on = [self.entitlement.resource] if self.entitlement else []
        on += [one for one in (self.credential.opens, self.credential.kept_in) if one] if self.credential else []
        for resource in on:
            found |= resource.answering_as(person, now)
        return frozenset(found)


class GrantUsage(models.Model):
    """What one grant was used for on one day; no row means not measured, never zero."""

    grant = models.ForeignKey(Grant, models.CASCADE, related_name="usage")
    day = models.DateField()
    allowed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["grant", "day"], name="grant_usage_once_a_day"),)

    def __str__(self) -> str:
        return f"{self.grant} on {self.day}"


class Why(StrEnum):
    """Why a grant was suspended or has ended."""

    STOPPED = "stopped"
    REVOKED = "revoked"
    REVIEW = "review"
    SILENCE = "silence"
    NOT_FINE = "not_fine"
    UNSEEN = "unseen"
    TERM = "term"
    RETIRED = "retired"
    REMOVED = "removed"
    REPLACED = "replaced"
    SUCCEEDED = "succeeded"
    CONFLICT = "conflict"
    NOT_NEEDED = "not_needed"


#: In words, for pages: "suspended: not answered in review".
WHY_WORDS: dict[str, str] = {
    Why.STOPPED: "stopped by a person",
    Why.REVOKED: "taken back by a person",
    Why.REVIEW: "taken back in its review",
    Why.SILENCE: "its review was not answered",
    Why.NOT_FINE: "a look at what policy approved found it not fine",
    Why.UNSEEN: "nobody looked at what policy approved",
    Why.TERM: "its term is over",
    Why.RETIRED: "the automation was retired",
    Why.REMOVED: "the version now in force does without it",
    Why.REPLACED: "a newer approval took its place",
    Why.SUCCEEDED: "renewed: another grant follows it",
    Why.CONFLICT: "it is in conflict with something else that is held",
    Why.NOT_NEEDED: "no approved privilege uses it any more",
}
