"""People, teams, roles of people, delegations, and erasures (H6). `roles` and `access` derive permissions from them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.expressions import Combinable
from django.utils import timezone

from governance.core.models.page_address import HasPage
from governance.core.models.row_protection import History
from governance.core.roles.roles import ASSIGNABLE, ROLE_WORDS, Relation, Role

#: Most days of a delegation, and of all future delegations of one person together (A11).
DELEGATION_DAYS = 30

#: A delegation begins at most this many days ahead.
DELEGATION_AHEAD = 90

#: Fields that sign-in writes: the last sign-in, and the same password with a stronger hash. They leave no history row; the events are
#: those of `sign_in.transitions`.
SIGN_IN_FIELDS = frozenset({"password", "last_login"})


class PersonManager(BaseUserManager["Person"]):
    """People by role, and their creation. A person without a password can't sign in locally."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> Person:
        """Make a person of the local source. The subject is the lower-cased address by default."""
        fields.setdefault("subject", email.lower())
        fields.setdefault("name", email.partition("@")[0])
        person = self.model(email=self.normalize_email(email), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def here(self) -> models.QuerySet[Person]:
        """The people who have not left."""
        return self.filter(is_active=True, left_at__isnull=True)

    def with_role(self, role: Role, now: datetime) -> models.QuerySet[Person]:
        """The people who hold a role at ``now`` and are here."""
        rows = RoleAssignment.objects.filter(Q(until__isnull=True) | Q(until__gt=now), role=role, confirmed_at__lte=now)
        return self.here().filter(pk__in=rows.values("person"))

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> Person:
        """Make a person who may open the read-only admin. It grants no role and no decision."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class Person(HasPage, AbstractBaseUser, PermissionsMixin):
    """One subject of one sign-in source, never a mail address. The ledger knows only the opaque id (H6)."""

    page_name = "person"
    opaque_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source = models.CharField(max_length=60, default="local")
    subject = models.CharField(max_length=255)
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    title = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=60, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    left_at = models.DateTimeField(null=True, blank=True)
    #: End of the time that one admin alone keeps the person out as a leaver. Their responsibilities pass to nobody until then (S8).
    kept_out_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)  # noqa: TID251  when the row came, in real time

    objects = PersonManager()
    history = History(excluded_fields=["password", "last_login", "name", "email", "title", "subject"])

    USERNAME_FIELD = "opaque_id"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    class Meta:
        verbose_name_plural = "people"
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=["source", "subject"], name="person_one_per_source_subject"),)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save. A save of only sign-in's fields leaves no history row, since it changes no governed fact."""
        fields = kwargs.get("update_fields")
        if fields is None or not frozenset(fields) <= SIGN_IN_FIELDS:
            super().save(*args, **kwargs)
            return
        self.skip_history_when_saving = True
        try:
            super().save(*args, **kwargs)
        finally:
            del self.skip_history_when_saving

    def get_short_name(self) -> str:
        """The first word of the name."""
        return self.name.partition(" ")[0]

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return the person's relation to their own row: self."""
        return frozenset({Relation.SELF}) if person.pk == self.pk else frozenset()

    @property
    def is_here(self) -> bool:
        """Whether the person is active and has not left: only such a person fills a seat (A9, R8)."""
        return self.is_active and self.left_at is None

    def is_kept_out(self, now: datetime) -> bool:
        """Whether one admin alone reported that they left. They can't act, and their tasks stay theirs (S8)."""
        return self.kept_out_until is not None and self.kept_out_until > now


class TeamKind(models.TextChoices):
    """What a team is for. Fallback, security and on-call teams are rungs of the escalation chain (A9)."""

    BUSINESS = "business", "Business"
    FALLBACK = "fallback", "Fallback owners"
    SECURITY = "security", "Security"
    ONCALL = "oncall", "On call"


class Team(HasPage, models.Model):
    """One node of the organisation's tree. A lead acts for their own team only."""

    page_name = "team"
    name = models.CharField(max_length=120)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    lead = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="leads")
    deputy_lead = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="deputy_leads")
    #: Since when they lead or deputise, if named after the set-up of the portal (S8).
    lead_since = models.DateTimeField(null=True, blank=True)
    deputy_lead_since = models.DateTimeField(null=True, blank=True)
    kind = models.CharField(max_length=12, choices=TeamKind, default=TeamKind.BUSINESS)
    members = models.ManyToManyField(Person, through="Membership", related_name="teams")

    history = History()

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(
                name="team_lead_is_not_deputy", condition=Q(lead__isnull=True) | ~Q(lead=F("deputy_lead"))
            ),
            models.CheckConstraint(name="team_known_kind", condition=Q(kind__in=TeamKind.values)),
        )

    def __str__(self) -> str:
        return self.name

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Members and leads; a lead counts as a member of their own team."""
        relations = set()
        if person.pk in (self.lead_id, self.deputy_lead_id):
            relations |= {Relation.TEAM_LEAD, Relation.TEAM_MEMBER}
        elif self.memberships.filter(person=person).exists():
            relations.add(Relation.TEAM_MEMBER)
        return frozenset(relations)


class Membership(models.Model):
    """One person belongs to one team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    person = models.ForeignKey(Person, models.CASCADE, related_name="memberships")
    since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["team", "person"], name="membership_once"),)

    def __str__(self) -> str:
        return f"{self.person} in {self.team}"


class RoleAssignment(models.Model):
    """A person's role: proposed by one admin, countersigned by another, accepted by the person.

    The trigger `role_by_proposal` of approvals checks the proposal.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="role_assignments")
    role = models.CharField(max_length=40)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True)
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Start: when the person accepted after two admins, or bootstrap named them.
    confirmed_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    by_bootstrap = models.BooleanField(default=False)
    #: The assignment that it restores: one admin ended it at once, without a countersignature. After several such ends, the first assignment,
    #: because the person had the role all the time (A9).
    restores = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")

    history = History()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="role_nobody_assigns_themselves",
                condition=(Q(proposed_by__isnull=True) | ~Q(proposed_by=F("person")))
                & (Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("person"))),
            ),
            models.CheckConstraint(
                name="role_second_admin_confirms",
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="role_by_two_admins",
                condition=Q(by_bootstrap=True)
                | Q(restores__isnull=False)
                | Q(proposed_by__isnull=False, confirmed_by__isnull=False),
            ),
            models.CheckConstraint(name="role_known", condition=Q(role__in=[str(role) for role in ASSIGNABLE])),
            models.UniqueConstraint(
                fields=["person", "role", "team"],
                condition=Q(until__isnull=True),
                nulls_distinct=False,
                name="role_once_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.role}"

    @property
    def words(self) -> str:
        """The role in words."""
        return ROLE_WORDS[Role(self.role)]

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Events are on the person's timeline (H3)."""
        return (self.person,)


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Delegations by time. A delegation does not count while the taker lacks the giver's roles and responsibilities. This is checked
    at each act of the taker, not only when the delegation is set (A11).
    """

    def running(self, now: datetime) -> DelegationQuerySet:
        """Return the delegations that count at ``now``."""
        then = self.filter(from_at__lte=now, until_at__gt=now, ended_at__isnull=True)
        return then.filter(self.shares_responsibility(now))

    def between(self, some: Collection[int], others: Collection[int]) -> DelegationQuerySet:
        """Return the delegations between some people and others, in either direction, by ids."""
        return self.filter(Q(giver__in=some, taker__in=others) | Q(taker__in=some, giver__in=others))

    def since(self, then: datetime | Combinable, now: datetime) -> DelegationQuerySet:
        """Return the delegations with time between ``then``, which may be a column, and ``now``, whether they counted or not."""
        ran_on = Q(ended_at__isnull=True) | Q(ended_at__gt=then)
        return self.filter(ran_on, from_at__lte=now, until_at__gt=then)

    @staticmethod
    def shares_responsibility(now: datetime) -> Func:
        """Return a condition: at ``now`` the taker shares every role and responsibility of the giver that a delegate must share."""
        return MayStandIn(F("giver"), F("taker"), Value(now))


class MayStandIn(Func):
    """Giver, taker, instant: the database's function of that name, which inventory defines."""

    function = "may_stand_in"
    output_field = models.BooleanField()


class Delegation(models.Model):
    """A giver's permission for a taker to decide for them. Quorum and duties count both people (A11)."""

    giver = models.ForeignKey(Person, models.PROTECT, related_name="delegations_given")
    taker = models.ForeignKey(Person, models.PROTECT, related_name="delegations_taken")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.ForeignKey("controls.FreeText", models.PROTECT, null=True, blank=True, related_name="+")

    objects = DelegationQuerySet.as_manager()
    history = History()

    class Meta:
        constraints = (
            models.CheckConstraint(name="delegation_to_another", condition=~Q(giver=F("taker"))),
            models.CheckConstraint(
                name="delegation_at_most_30_days",
                condition=Q(until_at__gt=F("from_at"))
                & Q(
                    until_at__lte=F("from_at")
                    + models.Value(timedelta(days=DELEGATION_DAYS), output_field=models.DurationField())
                ),
            ),
            ExclusionConstraint(
                name="delegation_one_at_a_time",
                expressions=[
                    ("giver", RangeOperators.EQUAL),
                    (
                        Func(F("from_at"), F("until_at"), function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(ended_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.taker} for {self.giver}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Events are on the timelines of both people (H3)."""
        return (self.giver, self.taker)


class Erasure(models.Model):
    """An erasure of a person: requested by one admin, done when another confirms it. Nobody erases themself.

    Afterwards only the opaque id identifies the person. Their decisions and their parties stay under it.
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
        """Events are on the person's timeline (H3)."""
        return (self.person,)
