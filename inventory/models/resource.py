"""Resources with their owners, entitlements and incidents (I3, I4, I8, R1)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from guardian.models import UserObjectPermissionBase

from governance.core.access import Actor, Relation, Role, access
from governance.core.models import FreeText, History, Membership, Person, Team
from inventory.importers import sentences
from inventory.models.interim_owner import Owned, interim_condition, ownerless_condition

#: Roles that see every row of the register. On-call can stop any automation at once and first sees its access (G5).
SEE_ALL = frozenset({Role.SECURITY_REVIEWER, Role.AUDITOR, Role.ADMIN, Role.ON_CALL})


class Environment(models.TextChoices):
    """Environment; an approval counts in its own environment only (I10)."""

    DEVELOPMENT = "development", "Development"
    TEST = "test", "Test"
    PRODUCTION = "production", "Production"


class ResourceKind(models.TextChoices):
    """Kind of a resource."""

    DATA_STORE = "data_store", "Data store"
    MCP_SERVER = "mcp_server", "MCP server"
    SAAS = "saas_connector", "SaaS connector"
    API = "backend_api", "Backend API"
    SECRET_STORE = "secret_store", "Secret store"


class DataClass(models.TextChoices):
    """Harm of a leak, from the least to the most; unset counts as restricted (I3)."""

    PUBLIC = "public", "Public"
    INTERNAL = "internal", "Internal"
    CONFIDENTIAL = "confidential", "Confidential"
    RESTRICTED = "restricted", "Restricted"


#: Data classes, from the least harm to the most.
DATA_CLASSES = tuple(DataClass.values)


class Level(models.TextChoices):
    """Level of access; unknown counts as write (I4)."""

    READ = "read", "Read"
    WRITE = "write", "Write"
    EXECUTE = "execute", "Execute"
    ADMIN = "admin", "Admin"
    UNKNOWN = "unknown", "Unknown"


class ScopeKind(models.TextChoices):
    """Meaning of "narrower" for an entitlement's scope; free text can't be narrowed (I4, A7)."""

    NONE = "none", "None"
    SET = "set", "A set"
    PATH = "path", "Path prefix"
    TABLES = "tables", "Table list"
    AMOUNT = "amount", "Amount"
    TEXT = "text", "Free text"


class ResourceState(models.TextChoices):
    """State of a resource. Orphaned is no state: it is computed from the owner."""

    PROPOSED = "proposed", "Proposed"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class NextStep(models.TextChoices):
    """Step that a proposed resource waits for, with its person and the words before its name (I3, I8)."""

    CHOOSE = "choose", "the builder to choose the resource of"
    NAME = "name", "an admin to name an owner of"
    ACCEPT = "accept", "{} to accept to own"
    CLASS = "class", "{} to set the data class of"
    ACTIVATE = "activate", "another admin to activate"


class Enforcement(models.TextChoices):
    """How an ended grant takes effect (O2)."""

    OBSERVE = "observe", "Observe"
    WARN = "warn", "Warn"
    ENFORCE = "enforce", "Enforce"


def sees_whole_register(actor: Actor, now: datetime) -> bool:
    """Whether one of the actor's own roles sees every row; a delegation does not add this."""
    held = access.roles_held(actor, now) if actor.standing_for is None else access.roles_of(actor.people[0], now)
    return bool(SEE_ALL & held)


class ResourceQuerySet(models.QuerySet["Resource"]):
    """Resources by visibility and ownership."""

    def visible_to(self, actor: Actor, now: datetime) -> ResourceQuerySet:
        """Resources visible to the actor: as team, owner, deputy, user, reviewer, auditor, admin, on-call, or by guardian.

        During a delegation, the delegate sees the giver's resources as owner, deputy, lead or by name (A11).
        """
        person = actor.person
        if person is None:
            return self.none()
        if sees_whole_register(actor, now):
            return self
        people = access.answers_as(actor, now)
        named = ResourceUserObjectPermission.objects.filter(content_object=OuterRef("pk"), user__in=people)
        member = Membership.objects.filter(team=OuterRef("team"), person=person)
        return self.filter(
            Q(owner__in=people)
            | Q(deputy__in=people)
            | interim_condition(people, now)
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
        """Resources that represent a nameable system."""
        return self.filter(unresolved=False)

    def ownerless(self, now: datetime) -> ResourceQuerySet:
        """Active resources whose owner has left and that have no interim owner (I3)."""
        return self.filter(ownerless_condition("owner", now), state=ResourceState.ACTIVE)


class Resource(Owned):
    """One system with an owner, such as "our Slack workspace"; matched by id, never by name."""

    kind = models.CharField(max_length=16, choices=ResourceKind)
    name = models.CharField(max_length=160)
    about = models.TextField(blank=True)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="resources")
    owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="owned_resources")
    deputy = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="deputy_resources")
    #: A builder's suggestion; it gives no rights.
    suggested_owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Owner and deputy named by an admin, in force after the owner accepts (S8).
    named_owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    named_deputy = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    named_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    #: Start of the deputy's term.
    deputy_since = models.DateTimeField(null=True, blank=True)
    #: Person who last set the data class of a proposed resource; another admin activates it.
    classed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    data_class = models.CharField(max_length=12, choices=DataClass, blank=True)
    environment = models.CharField(max_length=12, choices=Environment, default=Environment.PRODUCTION)
    state = models.CharField(max_length=10, choices=ResourceState, default=ResourceState.PROPOSED)
    enforcement = models.CharField(max_length=8, choices=Enforcement, default=Enforcement.ENFORCE)
    cut_over_at = models.DateTimeField(null=True, blank=True)
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Whether every employee finds its name when choosing a connection's resource. Names only, no privileges.
    directory = models.BooleanField(default=True)
    #: Placeholder for a connection whose resource is chosen at run time, for example a host; never active (I8).
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
            models.Index("id", name="resource_proposed", condition=Q(state="proposed", unresolved=False)),
        )

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the lower-cased search text."""
        self.search = f"{self.name} {self.get_kind_display()} {self.about}".lower()
        super().save(*args, **kwargs)

    @property
    def counted_class(self) -> str:
        """Data class for rules: unset counts as restricted (I3)."""
        return self.data_class or DataClass.RESTRICTED

    @property
    def next_step(self) -> NextStep:
        """Step that it waits for while it is proposed. ``approvals/inbox/counts/resources.sql`` has the same."""
        answering = self.named_owner or self.owner
        if self.unresolved or answering is None or not answering.is_here:
            return NextStep.CHOOSE if self.unresolved else NextStep.NAME
        accepted = NextStep.ACTIVATE if self.data_class else NextStep.CLASS
        return accepted if self.named_owner is None else NextStep.ACCEPT

    @property
    def waits_for(self) -> str:
        """Person and step that it waits for while it is proposed: "Omar Haddad to accept to own CRM"."""
        return f"{self.next_step.label.format(self.named_owner or self.owner)} {self.name}"

    @property
    def task(self) -> str:
        """Next step without the person: "Accept to own CRM"."""
        return f"{self.next_step.label.partition(' to ')[2].capitalize()} {self.name}"

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Names of resources with these ids that the reader may see, for timelines: one query."""
        return dict(cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by().values_list("pk", "name"))

    def answering(self, now: datetime) -> Person | None:
        """Person who answers for it at ``now``: its owner, here or not, or the interim owner after the owner left."""
        return self.interim_owner(now) or self.owner

    @property
    def answering_ids(self) -> frozenset[int]:
        """Ids of its owner, deputy and interim owner, in force or not."""
        interim = self.interim.person_id if self.interim is not None else None
        return frozenset(pk for pk in (self.owner_id, self.deputy_id, interim) if pk is not None)

    def answering_as(self, person: Person, now: datetime) -> set[Relation]:
        """Relations of a person as owner, interim owner or deputy, without a query."""
        relations = set()
        is_owner = person.pk == self.owner_id and self.accepted_at is not None
        if is_owner or person == self.interim_owner(now):
            relations.add(Relation.RESOURCE_OWNER)
        if person.pk == self.deputy_id:
            relations.add(Relation.RESOURCE_DEPUTY)
        return relations

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations of a person: owner or interim owner; deputy; named owner before acceptance; lead of its team."""
        relations = self.answering_as(person, now)
        if person.pk == self.named_owner_id:
            relations.add(Relation.PROPOSED_OWNER)
        if self.team is not None and person.pk in (self.team.lead_id, self.team.deputy_lead_id):
            relations |= {Relation.READER, Relation.OWNERS_LEAD}
        elif self.team is None and not self._has_accountable and self.is_led_by(person):
            relations.add(Relation.OWNERS_LEAD)
        return frozenset(relations)


class Entitlement(models.Model):
    """One entitlement on a resource: an MCP tool, an OAuth scope, a database role, an API operation (I4)."""

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="entitlements")
    code = models.CharField(max_length=160)
    words = models.CharField(max_length=200)
    #: Phrase with placeholders for target and resource (`inventory.importers.sentences`); empty for a person's own words.
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
        """Sentence without a target: "Post messages in Finance Slack workspace"."""
        return sentences.sentence_for(self.words, self.form, self.resource.name)

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the resource."""
        return (self, self.resource)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to the resource."""
        return self.resource.relations(person, now)

    @property
    def counted_class(self) -> str:
        """Higher data class of the entitlement and its resource; unset counts as restricted (I4)."""
        own_class = self.data_class or DataClass.PUBLIC
        return max(own_class, self.resource.counted_class, key=DATA_CLASSES.index)


class ResourceUserObjectPermission(UserObjectPermissionBase):
    """Permission of one person to see one resource: guardian's direct table."""

    content_object = models.ForeignKey(Resource, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


#: Form of a reference: letters, digits and the separators of ticket numbers.
REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._/#:-]*$"


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Incidents by whether they run."""

    def running(self, now: datetime) -> IncidentQuerySet:
        """Incidents that run at ``now``."""
        return self.filter(ended_at=None, until__gt=now)


class Incident(models.Model):
    """Incident on a resource, declared by its owner or by security: grants on it are reviewed at once (R1).

    It runs until an instant, or until a person ends it.
    """

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="incidents")
    #: Reference such as a ticket number: one word and never a sentence, so it names no person (H6).
    reference = models.CharField(max_length=80)
    why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    declared_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    declared_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    declared_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    ended_why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")

    objects = IncidentQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="incident_reference_is_one_word", condition=Q(reference__regex=REFERENCE)),
            models.CheckConstraint(name="incident_is_over_later", condition=Q(until__gt=F("declared_at"))),
            models.CheckConstraint(
                name="incident_ended_by_somebody", condition=Q(ended_at__isnull=True) | Q(ended_by__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.reference} on {self.resource}"

    def runs(self, now: datetime) -> bool:
        """Whether it runs at ``now``."""
        return self.ended_at is None and now < self.until

    @property
    def href(self) -> str:
        """Page of the resource."""
        return self.resource.href

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the resource."""
        return (self, self.resource)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to the resource."""
        return self.resource.relations(person, now)
