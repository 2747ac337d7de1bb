"""What can be touched: resources that somebody answers for, and what can be held on them (I3, I4, I8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from guardian.models import UserObjectPermissionBase

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import History, Membership, Person, Team
from governance.core.roles.roles import Relation, Role
from inventory.importers import sentences
from inventory.importers.capabilities import CONTROLS
from inventory.models.interim_owner import Owned, nobody_answers, still_answering

#: Roles that see every row of the register. Who is on call stops whatever it is, alone and at once, and sees first what stops (G5).
SEE_ALL = frozenset({Role.SECURITY_REVIEWER, Role.AUDITOR, Role.ADMIN, Role.ON_CALL})


class Environment(models.TextChoices):
    """Where something runs. An approval counts in its own environment (I10)."""

    DEVELOPMENT = "development", "Development"
    TEST = "test", "Test"
    PRODUCTION = "production", "Production"


class ResourceKind(models.TextChoices):
    """What sort of thing a resource is."""

    DATA_STORE = "data_store", "Data store"
    MCP_SERVER = "mcp_server", "MCP server"
    SAAS = "saas_connector", "SaaS connector"
    API = "backend_api", "Backend API"
    SECRET_STORE = "secret_store", "Secret store"


class DataClass(models.TextChoices):
    """How much harm a leak would do; unset counts as restricted (I3)."""

    PUBLIC = "public", "Public"
    INTERNAL = "internal", "Internal"
    CONFIDENTIAL = "confidential", "Confidential"
    RESTRICTED = "restricted", "Restricted"


class Level(models.TextChoices):
    """What kind of access; unknown counts as write (I4)."""

    READ = "read", "Read"
    WRITE = "write", "Write"
    EXECUTE = "execute", "Execute"
    ADMIN = "admin", "Admin"
    UNKNOWN = "unknown", "Unknown"


class ScopeKind(models.TextChoices):
    """What "narrower" means for an entitlement's scope; free text can't be narrowed (I4, A7)."""

    NONE = "none", "None"
    SET = "set", "A set"
    PATH = "path", "Path prefix"
    TABLES = "tables", "Table list"
    AMOUNT = "amount", "Amount"
    TEXT = "text", "Free text"


class ResourceState(models.TextChoices):
    """Orphaned is no state: it is computed from the owner."""

    PROPOSED = "proposed", "Proposed"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class Enforcement(models.TextChoices):
    """How far answers bind (O2)."""

    OBSERVE = "observe", "Observe"
    WARN = "warn", "Warn"
    ENFORCE = "enforce", "Enforce"


def sees_all(actor: Actor, now: datetime) -> bool:
    """Whether a role of the actor's own sees every row; who stands in for another does not see more by it."""
    held = access.roles_held(actor, now) if actor.standing_for is None else access.roles_of(actor.people[0], now)
    return bool(SEE_ALL & held)


class ResourceQuerySet(models.QuerySet["Resource"]):
    """Resources as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> ResourceQuerySet:
        """Those that the actor may see: its team, owner, deputy, who uses it, reviewers, auditors, admins, on-call, guardian.

        While a delegation runs, the delegate sees what the giver answers for: as owner, deputy, lead or by name (A11).
        """
        person = actor.person
        if person is None:
            return self.none()
        if sees_all(actor, now):
            return self
        people = access.answers_as(actor, now)
        named = ResourceUserObjectPermission.objects.filter(content_object=OuterRef("pk"), user__in=people)
        member = Membership.objects.filter(team=OuterRef("team"), person=person)
        return self.filter(
            Q(owner__in=people)
            | Q(deputy__in=people)
            | still_answering(people, now)
            | Q(suggested_owner=person)
            | Q(named_owner=person)
            | Q(named_deputy=person)
            | Q(proposed_by=person)
            | Q(team__lead__in=people)
            | Q(team__deputy_lead__in=people)
            | Q(state=ResourceState.ACTIVE, directory=True)
            | Exists(member)
            | Exists(named.filter(permission__codename="view_resource"))
        )

    def resolved(self) -> ResourceQuerySet:
        """Those that stand for something that can be named."""
        return self.filter(unresolved=False)

    def ownerless(self, now: datetime) -> ResourceQuerySet:
        """Active ones whose owner is gone and for which nobody answers meanwhile (I3)."""
        return self.filter(nobody_answers("owner", now), state=ResourceState.ACTIVE)


class Resource(Owned):
    """One instance that somebody answers for, "our Slack workspace"; matched by id, never by name."""

    kind = models.CharField(max_length=16, choices=ResourceKind)
    name = models.CharField(max_length=160)
    about = models.TextField(blank=True)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="resources")
    owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="owned_resources")
    deputy = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="deputy_resources")
    #: What a builder suggests: it gives nobody anything.
    suggested_owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Whom an admin named, until they accept (S8): then they are owner and deputy.
    named_owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    named_deputy = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    named_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    #: Since when the deputy deputises.
    deputy_since = models.DateTimeField(null=True, blank=True)
    #: Who last said how much harm a leak would do, while it was proposed: somebody else puts it to use.
    classed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    data_class = models.CharField(max_length=12, choices=DataClass, blank=True)
    environment = models.CharField(max_length=12, choices=Environment, default=Environment.PRODUCTION)
    state = models.CharField(max_length=10, choices=ResourceState, default=ResourceState.PROPOSED)
    enforcement = models.CharField(max_length=8, choices=Enforcement, default=Enforcement.ENFORCE)
    cut_over_at = models.DateTimeField(null=True, blank=True)
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Whether any employee finds it by name when saying what a connection opens. Names only, no privileges.
    directory = models.BooleanField(default=True)
    #: Stands for whatever a connector touches that nobody can name yet, a host chosen at run time say; never in use (I8).
    unresolved = models.BooleanField(default=False)
    search = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField()

    objects = ResourceQuerySet.as_manager()
    history = History(excluded_fields=["search"])

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(
                name="resource_owner_is_not_deputy", condition=Q(owner__isnull=True) | ~Q(owner=F("deputy"))
            ),
            models.CheckConstraint(
                name="resource_active_has_owner_and_deputy",
                condition=~Q(state="active") | Q(owner__isnull=False, deputy__isnull=False, accepted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="resource_named_owner_is_not_deputy",
                condition=Q(named_owner__isnull=True) | ~Q(named_owner=F("named_deputy")),
            ),
            models.CheckConstraint(
                name="resource_nobody_names_themselves",
                condition=(Q(named_owner__isnull=True) | ~Q(named_owner=F("named_by")))
                & (Q(named_deputy__isnull=True) | ~Q(named_deputy=F("named_by"))),
            ),
            models.CheckConstraint(
                name="resource_unresolved_is_never_active", condition=Q(unresolved=False) | Q(state="proposed")
            ),
            models.CheckConstraint(name="resource_state_known", condition=Q(state__in=ResourceState.values)),
            models.CheckConstraint(name="resource_class_known", condition=Q(data_class__in=["", *DataClass.values])),
        )
        indexes = (
            GinIndex(fields=["search"], name="resource_search", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["name", "id"], name="resource_by_name"),
        )

    def __str__(self) -> str:
        return self.name

    def prepare(self) -> None:
        """Derive the lower-cased text that a search looks in, before it is written."""
        self.search = f"{self.name} {self.get_kind_display()} {self.about}".lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, prepared."""
        self.prepare()
        super().save(*args, **kwargs)

    @property
    def counted_class(self) -> str:
        """The data class that rules judge: unset counts as restricted (I3)."""
        return self.data_class or DataClass.RESTRICTED

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("resource", args=[self.pk])

    @property
    def accountable(self) -> Person | None:
        """Its owner."""
        return self.owner

    @property
    def owning_team(self) -> Team | None:
        """Its team."""
        return self.team

    def answering(self, now: datetime) -> Person | None:
        """Who answers for it at ``now``: its owner, here or not; who does meanwhile where the owner has left."""
        return self.interim_owner(now) or self.owner

    @property
    def answering_ids(self) -> frozenset[int]:
        """Ids of its owner, its deputy and its interim owner, whether these still answer for it or not."""
        interim = self.interim.person_id if self.interim is not None else None
        return frozenset(pk for pk in (self.owner_id, self.deputy_id, interim) if pk is not None)

    def answering_as(self, person: Person, now: datetime) -> set[Relation]:
        """Whether somebody is its owner, or answers for it meanwhile, or its deputy: asks the database nothing."""
        relations = set()
        is_owner = person.pk == self.owner_id and self.accepted_at is not None
        if is_owner or person == self.interim_owner(now):
            relations.add(Relation.RESOURCE_OWNER)
        if person.pk == self.deputy_id:
            relations.add(Relation.RESOURCE_DEPUTY)
        return relations

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Owner, or who answers for it meanwhile; deputy; whom an admin named as owner, until they accept; the lead of its team."""
        relations = self.answering_as(person, now)
        if person.pk == self.named_owner_id:
            relations.add(Relation.PROPOSED_OWNER)
        if self.team is not None and person.pk in (self.team.lead_id, self.team.deputy_lead_id):
            relations |= {Relation.READER, Relation.OWNERS_LEAD}
        elif self.team is None and not self._has_accountable and self.is_led_by(person):
            relations.add(Relation.OWNERS_LEAD)
        return frozenset(relations)


class Entitlement(models.Model):
    """One thing that can be held on a resource: an MCP tool, an OAuth scope, a database role, an API operation (I4)."""

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="entitlements")
    code = models.CharField(max_length=160)
    words = models.CharField(max_length=200)
    #: The words with room for a target and the resource (`inventory.importers.sentences`); empty for words of a person's own.
    form = models.CharField(max_length=300, blank=True)
    level = models.CharField(max_length=8, choices=Level, default=Level.UNKNOWN)
    scope_kind = models.CharField(max_length=8, choices=ScopeKind, default=ScopeKind.NONE)
    data_class = models.CharField(max_length=12, choices=DataClass, blank=True)
    outbound = models.BooleanField(default=False)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)

    history = History()

    class Meta:
        ordering = ("code", "id")
        constraints = (
            models.UniqueConstraint(fields=["resource", "code"], name="entitlement_once"),
            models.CheckConstraint(name="entitlement_level_known", condition=Q(level__in=Level.values)),
        )

    def __str__(self) -> str:
        return f"{self.code} on {self.resource}"

    @property
    def sentence(self) -> str:
        """In words, for no target in particular: "May post messages in Finance Slack workspace"."""
        return sentences.sentence(self.words, self.form, self.resource.name)

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the resource's timeline."""
        return (self, self.resource)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """As to the resource."""
        return self.resource.relations(person, now)

    @property
    def controls_said(self) -> list[tuple[str, str]]:
        """What the controls that stand on it mean, in words and in short; who says so stands on their page."""
        return [CONTROLS[tag] for tag in self.tags if tag in CONTROLS]

    @property
    def controls_href(self) -> str:
        """The page of the controls that stand on it."""
        return reverse("entitlement_controls", args=[self.pk])

    @property
    def counted_class(self) -> str:
        """The higher of its own and its resource's data class; unset counts as restricted (I4)."""
        order = list(DataClass.values)
        own_class = self.data_class or DataClass.PUBLIC
        return max(own_class, self.resource.counted_class, key=order.index)


class ResourceUserObjectPermission(UserObjectPermissionBase):
    """One person may see one resource by name: guardian's direct table."""

    content_object = models.ForeignKey(Resource, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False
