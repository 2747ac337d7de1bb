"""Grants: access, its term and the two approvals behind it (G1 to G4); and measured use."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value

from approvals.models.approval import Approval
from governance.core.access import Actor, Relation
from governance.core.models import History, Person
from inventory.models import Automation, AutomationState, Credential, Entitlement, Level, NonHumanIdentity

#: The longest term by tier, in days (G1).
LONGEST_TERM = {"low": 365, "standard": 180, "high": 90}


class GrantKind(models.TextChoices):
    """A privilege, or the use of a credential."""

    PRIVILEGE = "privilege", "Privilege"
    CREDENTIAL = "credential", "Credential"


class GrantState(models.TextChoices):
    """An ended grant never comes back; its successor is another row."""

    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    ENDED = "ended", "Ended"


class EnforcedBy(models.TextChoices):
    """How the end of a grant takes effect (G4)."""

    BROKERED = "brokered", "Brokered"
    GATED = "gated", "Gated"
    DETACHED = "detached", "Detached"


def _within(tier: str) -> Q:
    longest = Value(timedelta(days=LONGEST_TERM[tier]), output_field=models.DurationField())
    return Q(tier=tier, ends_at__gt=F("begins_at"), ends_at__lte=F("begins_at") + longest)


def _in_term(now: datetime) -> Q:
    return Q(state=GrantState.ACTIVE, begins_at__lte=now, ends_at__gt=now)


def _is_held(now: datetime) -> Exists:
    """Condition: the credential of the grant is granted and in term (A2)."""
    held = Grant.objects.filter(
        _in_term(now), kind=GrantKind.CREDENTIAL, automation=OuterRef("automation"), credential=OuterRef("credential")
    )
    return Exists(held)


def usable_condition(now: datetime) -> Q:
    """Filter grants whose credential is granted and in term (A2); grants that need none pass."""
    return Q(credential__isnull=True) | Q(kind=GrantKind.CREDENTIAL) | Q(_is_held(now))


def touching(resource: int) -> Q:
    """Filter grants on a resource, of credentials that open it, and of credentials that its owner decided (A2)."""
    credential = Q(credential__opens=resource) | Q(approval__decided_on=resource)
    return Q(entitlement__resource=resource) | Q(credential, kind=GrantKind.CREDENTIAL)


class GrantQuerySet(models.QuerySet["Grant"]):
    """Query set of grants."""

    def live(self, now: datetime) -> GrantQuerySet:
        """Return grants that allow something at ``now``: active, in term, on a live automation (G3).

        A privilege is live only while the grant of its credential is (A2).
        """
        return self.filter(usable_condition(now), _in_term(now), automation__state=AutomationState.LIVE)

    def live_apart(self, now: datetime) -> tuple[GrantQuerySet, GrantQuerySet]:
        """Return `live` as two disjoint query sets, to count all grants: for an "or" PostgreSQL looks up the credential of each row."""
        rows = self.filter(_in_term(now), automation__state=AutomationState.LIVE)
        needs_one = Q(credential__isnull=False, kind=GrantKind.PRIVILEGE)
        return rows.exclude(needs_one), rows.filter(needs_one, _is_held(now))

    def telling_usable(self, now: datetime) -> GrantQuerySet:
        """Annotate ``usable``: whether the credential of the grant is held at ``now`` (A2)."""
        return self.annotate(usable=usable_condition(now))

    def standing(self) -> GrantQuerySet:
        """Return grants that have not ended."""
        return self.exclude(state=GrantState.ENDED)

    def credentials_first(self) -> GrantQuerySet:
        """Sort for ending all: credentials before the privileges whose end would end them too (A2)."""
        return self.order_by("kind", "pk")

    def newest_first(self) -> GrantQuerySet:
        """Sort by ``first_granted``: a renewed grant is as old as its first predecessor (G2)."""
        first = Grant.objects.filter(approval=OuterRef("approval"), predecessor__isnull=True).order_by()
        rows = self.annotate(
            first_granted=Subquery(first.values("begins_at")[:1]), first_of_it=Subquery(first.values("pk")[:1])
        )
        return rows.order_by("-first_granted", "-first_of_it", "-pk")

    def visible_to(self, actor: Actor, now: datetime) -> GrantQuerySet:
        """Return grants of automations that the actor may see."""
        return self.filter(automation__in=Automation.objects.visible_to(actor, now))


class Grant(models.Model):
    """One access of one automation for a term, based on two approvals."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="grants")
    kind = models.CharField(max_length=10, choices=GrantKind, default=GrantKind.PRIVILEGE)
    entitlement = models.ForeignKey(Entitlement, models.PROTECT, null=True, blank=True, related_name="grants")
    credential = models.ForeignKey(Credential, models.PROTECT, null=True, blank=True, related_name="grants")
    identity = models.ForeignKey(NonHumanIdentity, models.PROTECT, null=True, blank=True, related_name="grants")
    key = models.CharField(max_length=80)
    target = models.TextField(blank=True)
    scope = ArrayField(models.TextField(), default=list)
    level = models.CharField(max_length=8, choices=Level)
    #: The approved access in words, which may be less than asked (A7, R3).
    sentence = models.TextField()
    #: The way it is held, for conflict rules (`approvals.conflicts.held_access.WAYS`); never changes.
    held_as = models.PositiveSmallIntegerField(default=0, db_default=0)
    tier = models.CharField(max_length=8)
    app_approval = models.ForeignKey(Approval, models.PROTECT, related_name="+")
    approval = models.ForeignKey(Approval, models.PROTECT, related_name="grants")
    predecessor = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="successor")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=GrantState, default=GrantState.ACTIVE)
    suspended_why = models.CharField(max_length=40, blank=True)
    #: A conflict has suspended it, whatever else did: it counts as not held, and comes back by a submission (S6).
    in_conflict = models.BooleanField(default=False, db_default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)
    enforcement = models.CharField(max_length=10, choices=EnforcedBy, default=EnforcedBy.DETACHED)
    review_on = models.DateField(null=True, blank=True)
    renew = models.BooleanField(default=True)
    #: The tier to which its risk has risen since the approval, and when; empty if it has not (T4).
    raised_to = models.CharField(max_length=8, blank=True, default="", db_default="")
    raised_at = models.DateTimeField(null=True, blank=True)

    #: Set by `GrantQuerySet.newest_first`.
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
            models.Index(fields=["ends_at", "id"], name="grant_by_end"),
            models.Index(fields=["review_on"], condition=~Q(state="ended"), name="grant_review"),
            models.Index(fields=["entitlement", "state"], name="grant_by_entitlement"),
        )

    def __str__(self) -> str:
        return f"{self.entitlement or self.credential} for {self.automation}"

    @property
    def counted_tier(self) -> str:
        """Its current tier: as approved, or as risen since (T4)."""
        return self.raised_to or self.tier

    def is_live(self, now: datetime) -> bool:
        """Return whether it allows something at ``now``, like `GrantQuerySet.live`."""
        return (
            self.state == GrantState.ACTIVE
            and self.begins_at <= now < self.ends_at
            and self.automation.state == AutomationState.LIVE
            and Grant.objects.filter(usable_condition(now), pk=self.pk).exists()  # its credential is held (A2)
        )

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Return timeline names of grants with these ids that the reader may see: one query."""
        rows = cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by()
        return {pk: f"“{sentence}”" for pk, sentence in rows.values_list("pk", "sentence")}

    @property
    def why_words(self) -> str:
        """Why it was suspended or has ended, in words; empty while it is active."""
        return WHY_WORDS.get(self.ended_why or self.suspended_why, "")

    @property
    def drawn_level(self) -> str:
        """The level to draw; a credential is ``secret``."""
        return self.level if self.entitlement_id is not None else "secret"

    @property
    def raw_scope(self) -> str:
        """The small print below the sentence: code, connection, and scope or target."""
        privilege = self.approval.privilege
        if privilege is None:
            return self.credential.kind if self.credential is not None else ""
        parts = (privilege.entitlement.code, privilege.through, ", ".join(self.scope) or self.target)
        return " · ".join(dict.fromkeys(filter(None, parts)))

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: automation and resource."""
        resource = self.entitlement.resource if self.entitlement else None
        return tuple(row for row in (self, self.automation, resource) if row is not None)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return relations to the automation and to its resources."""
        credential, entitlement = self.credential, self.entitlement
        of_credential = (credential.opens, credential.kept_in) if credential is not None else ()
        resources = (entitlement.resource if entitlement is not None else None, *of_credential)
        relations = (resource.answering_as(person, now) for resource in resources if resource is not None)
        return self.automation.relations(person, now).union(*relations)


class GrantUsage(models.Model):
    """Measured use of a grant on one day; no row means not measured, never zero."""

    grant = models.ForeignKey(Grant, models.CASCADE, related_name="usage")
    day = models.DateField()
    allowed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["grant", "day"], name="grant_usage_once_a_day"),)

    def __str__(self) -> str:
        return f"{self.grant} on {self.day}"


class Why(models.TextChoices):
    """Why a grant was suspended or ended, in words for pages: "suspended: not answered in review"."""

    STOPPED = "stopped", "stopped by a person"
    REVOKED = "revoked", "taken back by a person"
    REVIEW = "review", "taken back in its review"
    SILENCE = "silence", "its review was not answered"
    NOT_FINE = "not_fine", "a look at what policy approved found it not fine"
    UNSEEN = "unseen", "nobody looked at what policy approved"
    TERM = "term", "its term is over"
    RETIRED = "retired", "the automation was retired"
    REMOVED = "removed", "the version now in force does without it"
    REPLACED = "replaced", "a newer approval took its place"
    SUCCEEDED = "succeeded", "renewed: another grant follows it"
    CONFLICT = "conflict", "it is in conflict with something else that is held"
    NOT_NEEDED = "not_needed", "no approved privilege uses it any more"


WHY_WORDS: dict[str, str] = dict(Why.choices)
