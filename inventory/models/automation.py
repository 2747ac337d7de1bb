"""Automations and their versions: what exists, what it is made of, what it would touch (I1, I2)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.urls import reverse
from guardian.models import UserObjectPermissionBase

from governance.controls import access, compiled
from governance.controls.actors import Actor
from governance.controls.keyed import among, keyed_by
from governance.controls.models import NEVER_REMOVED, AppendOnly, History, Membership, Person, Team
from governance.controls.roles import Relation
from inventory import risk, same, words
from inventory.models.binding import REGISTERED
from inventory.models.credential import Credential
from inventory.models.identity import NonHumanIdentity
from inventory.models.interim import (
    InterimOwner,
    InterimState,
    Owned,
    nobody_answers,
    points_to_its_own,
    still_answering,
)
from inventory.models.resource import Entitlement, Environment, Level, sees_all


class AutomationKind(models.TextChoices):
    """What sort of automation it is (I1)."""

    WORKFLOW = "workflow", "Workflow"
    AI_APP = "ai_app", "AI app"
    AGENT = "agent", "Agent"
    SCRIPT = "script", "Script"
    INTEGRATION = "integration", "Integration"
    PIPELINE = "pipeline", "Pipeline"


class AutomationState(models.TextChoices):
    """The lifecycle (I1). ``in_review`` is only before it first goes live."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    LIVE = "live", "Live"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"
    OBSERVED = "observed", "Observed"


#: What changes by stage 1 alone once it was submitted (A12); everything else about an automation is a label.
AMENDED_BY_REVIEW = ("purpose", "kind", "business_owner_id", "technical_owner_id")


#: `AutomationQuerySet.answered_by`. Pages ask it several times a request, where Django would compile it each time.
_ANSWERED = """
ARRAY(SELECT id FROM inventory_automation WHERE business_owner_id = ANY(%s)
UNION ALL SELECT id FROM inventory_automation WHERE technical_owner_id = ANY(%s)
UNION ALL SELECT a.id FROM inventory_automation a JOIN inventory_interimowner i ON i.id = a.interim_id
WHERE i.person_id = ANY(%s) AND i.state = %s AND i.until > %s)
"""


class AutomationQuerySet(models.QuerySet["Automation"]):
    """Automations as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> AutomationQuerySet:
        """Those that the actor may see, in one query.

        Its team and the team's lead, its owners, owners and deputies of resources that a version of it asks for, security
        reviewers, auditors, admins, whoever is on call, and whom guardian's ``view_automation`` names (candidates of its
        approvals are named there when they are asked). While a delegation runs, the delegate sees what the giver sees
        because they answer for it, not what they see as a member of a team or by a role (A11). A token of a team sees of that what is
        the team's.
        """
        seer = Seer.of(actor, now)
        if seer is None:
            return self.none()
        mine = self.filter(team=actor.token.team_id) if actor.token is not None and actor.token.team_id else self
        if seer.sees_all:
            return mine
        return mine.filter(
            Q(business_owner__in=seer.people)
            | Q(technical_owner__in=seer.people)
            | still_answering(seer.people, now)
            | Q(Exists(seer.teams.filter(pk=OuterRef("team"))))
            | Q(Exists(seer.named.filter(content_object=OuterRef("pk"))))
            | Q(Exists(seer.touched.filter(version__automation=OuterRef("pk"))))
        )

    def answered_by(self, people: Collection[int] | compiled.Value, now: datetime) -> AutomationQuerySet:
        """Those that some people own, or answer for meanwhile at ``now`` (I3).

        Each of these ways has an index and is looked up by itself: either or the other, in one condition, reads every row.
        """
        ids = people if isinstance(people, compiled.Value) else list(people)
        values = [ids, ids, ids, InterimState.CONFIRMED, now]
        return self.filter(among(RawSQL(_ANSWERED, values, ArrayField(models.BigIntegerField()))))  # noqa: S611  a constant

    def ownerless(self, now: datetime) -> AutomationQuerySet:
        """Those not retired whose business owner has left and for which nobody answers meanwhile (I3)."""
        return self.filter(nobody_answers("business_owner", now)).exclude(state=AutomationState.RETIRED)


@dataclass(frozen=True)
class Seer:
    """By what somebody sees automations, each from their own side: see `AutomationQuerySet.visible_to`.

    Args:
        now: business time.
        sees_all: whether a role of theirs sees every one.
        people: ids of whom they answer as.
        teams: whose automations they see.
        named: where guardian names them.
        touched: privileges on what they own or deputise for.
    """

    now: datetime
    sees_all: bool
    people: Collection[int]
    teams: models.QuerySet[Team]
    named: models.QuerySet[AutomationUserObjectPermission]
    touched: models.QuerySet[Privilege]

    @classmethod
    def of(cls, actor: Actor, now: datetime) -> Seer | None:
        """Of whoever reads; None where that is no person."""
        if actor.person is None:
            return None
        people = access.answers_as(actor, now)
        own = Membership.objects.filter(person=actor.person).values("team")
        resource = "entitlement__resource__"
        owned = Q((f"{resource}owner__in", people)) | Q((f"{resource}deputy__in", people))
        return cls(
            now,
            sees_all(actor, now),
            people,
            Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people) | Q(pk__in=own)).order_by(),
            AutomationUserObjectPermission.objects.filter(user__in=people, permission__codename="view_automation"),
            Privilege.objects.filter(owned | still_answering(people, now, resource)).order_by(),
        )

    @property
    def ways(self) -> list[Q]:
        """The same as conditions of one automation, each found by an index from what the reader has, whatever else is asked of it.

        One condition that says either or the other is asked of every row that they may not see; one by EXISTS, where it was prepared, of
        every row that fits the rest.
        """
        # an interim owner's row names the automation as that names it: said both ways, it is found by whoever answers
        meanwhile = InterimOwner.objects.filter(person__in=self.people, automation__isnull=False).order_by()
        return [
            Q(business_owner__in=self.people),
            Q(technical_owner__in=self.people),
            still_answering(self.people, self.now) & Q(keyed_by(meanwhile.values("automation"))),
            Q(keyed_by(self.teams.values("pk"), "team")),
            Q(keyed_by(self.named.order_by().values("content_object"))),
            Q(keyed_by(self.touched.values("version__automation"))),
        ]


def ways_to_see(actor: Actor, now: datetime) -> list[Q] | None:
    """By what somebody may see an automation, each a condition of its own; None for whoever sees all, nothing for who is nobody."""
    seer = Seer.of(actor, now)
    if seer is None:
        return []
    return None if seer.sees_all else seer.ways


def _differ(one: str, other: str) -> Q:
    """Two people are not the same, where both are named."""
    return Q((f"{one}__isnull", True)) | Q((f"{other}__isnull", True)) | ~Q((one, F(other)))


#: What is held moves only by what the leads of both teams agreed to, once (L2).
MOVES_BY_BOTH_LEADS = pgtrigger.Trigger(
    name="automation_moves_by_both_leads",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    condition=pgtrigger.Condition("NEW.team_id IS DISTINCT FROM OLD.team_id"),
    func="""
        IF OLD.state NOT IN ('draft', 'observed') AND NOT EXISTS (
            SELECT 1 FROM inventory_transfer t
            WHERE t.automation_id = OLD.id AND t.from_team_id = OLD.team_id AND t.to_team_id = NEW.team_id
              AND t.state = 'agreed') THEN
            RAISE EXCEPTION 'L2: an automation in use moves to another team by both leads (%)', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)


class Automation(Owned):
    """One (platform instance, external id, environment); people, purpose and state. Matched by id, never by name."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="automations")
    name = models.CharField(max_length=160)
    purpose = models.TextField(blank=True)
    kind = models.CharField(max_length=12, choices=AutomationKind, default=AutomationKind.WORKFLOW)
    platform_instance = models.CharField(max_length=120)
    external_id = models.CharField(max_length=160, blank=True)
    environment = models.CharField(max_length=12, choices=Environment, default=Environment.PRODUCTION)
    #: The same in each environment of one automation (I10).
    lineage = models.UUIDField(null=True, blank=True)
    business_owner = models.ForeignKey(Person, models.PROTECT, related_name="business_automations")
    technical_owner = models.ForeignKey(
        Person, models.PROTECT, null=True, blank=True, related_name="technical_automations"
    )
    escalation_contact = models.CharField(max_length=160, blank=True)
    state = models.CharField(max_length=10, choices=AutomationState, default=AutomationState.DRAFT)
    tier = models.CharField(max_length=8, default="standard")
    #: What a person raised the tier to; computing never goes below it (T2).
    raised_to = models.CharField(max_length=8, blank=True)
    #: Changes that stage 1 decides about, asked for and not yet submitted: field to value (A12).
    amendment = models.JSONField(default=dict, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    #: Since when its review has it suspended: an answer lifts that, or a new decision of stage 1, and no lifted stop (R4, R6).
    suspended_by_review_at = models.DateTimeField(null=True, blank=True)
    #: Since when a look at what changed has it suspended; only a new decision of stage 1 lifts that (A12, A13).
    suspended_by_look_at = models.DateTimeField(null=True, blank=True)
    #: Since when it is with another team, whose lead has not decided about it yet (L2).
    moved_at = models.DateTimeField(null=True, blank=True)
    #: Who pulled the kill switch, and who asked first to lift it again: two others are needed (G5).
    stopped_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    resume_asked_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Whom they stood in for when they did: a delegation uses up both people (A11).
    stopped_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    resume_asked_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    approved_version = models.ForeignKey(
        "inventory.Version", models.PROTECT, null=True, blank=True, related_name="approved_for"
    )
    search = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField()
    review_on = models.DateField(null=True, blank=True)
    #: Why it is reviewed before its time: its risk rose, or something new was found (I2, T4). Empty once it was reviewed.
    review_because = models.CharField(max_length=40, blank=True)

    objects = AutomationQuerySet.as_manager()
    history = History(excluded_fields=["search"], erasable=["escalation_contact"])

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["platform_instance", "external_id", "environment"],
                condition=~Q(external_id="") & ~Q(state="retired"),
                name="automation_one_per_place",
            ),
            models.UniqueConstraint(fields=["lineage", "environment"], name="automation_one_per_environment"),
            models.CheckConstraint(name="automation_state_known", condition=Q(state__in=AutomationState.values)),
            models.CheckConstraint(
                name="automation_live_has_approved_version",
                condition=~Q(state__in=["live", "suspended"]) | Q(approved_version__isnull=False),
            ),
            models.CheckConstraint(name="automation_tier_known", condition=Q(tier__in=["low", "standard", "high"])),
            models.CheckConstraint(
                name="automation_raised_to_known", condition=Q(raised_to__in=["", "standard", "high"])
            ),
            models.CheckConstraint(
                name="automation_lifting_needs_another",
                condition=_differ("resume_asked_by", "stopped_by")
                & _differ("resume_asked_by", "stopped_for")
                & _differ("resume_asked_for", "stopped_by")
                & _differ("resume_asked_for", "stopped_for"),
            ),
        )
        indexes = (
            GinIndex(fields=["search"], name="automation_search", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["name", "id"], name="automation_by_name"),
            models.Index(fields=["team", "name", "id"], name="automation_by_team"),
            models.Index(fields=["state", "name", "id"], name="automation_by_state"),
        )
        triggers = (points_to_its_own("automation"), MOVES_BY_BOTH_LEADS, *NEVER_REMOVED)

    def __str__(self) -> str:
        return self.name

    def prepare(self) -> None:
        """Derive the lower-cased text that a search looks in, before it is written."""
        self.search = f"{self.name} {self.purpose} {self.platform_instance} {self.external_id}".lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, prepared."""
        self.prepare()
        super().save(*args, **kwargs)

    @property
    def owners(self) -> tuple[Person, ...]:
        """The accountable business owner and, where there is one, the technical owner."""
        return tuple(owner for owner in (self.business_owner, self.technical_owner) if owner is not None)

    @property
    def accountable(self) -> Person:
        """Its business owner."""
        return self.business_owner

    @property
    def owning_team(self) -> Team:
        """Its team."""
        return self.team

    @property
    def led_team(self) -> Team:
        """Its team with its leads and the lead above, read together where they were not: a ladder asks for each of them."""
        if not (Automation.team.is_cached(self) and Team.lead.is_cached(self.team)):
            self.team = Team.objects.select_related("lead", "deputy_lead", "parent__lead").get(pk=self.team_id)
        return self.team

    def accepting(self, now: datetime) -> Person:
        """Who says for it that a part of what was asked is enough: its business owner, or who answers for it meanwhile (A5, I3)."""
        return self.interim_owner(now) or self.business_owner

    def answering(self, now: datetime) -> tuple[Person, ...]:
        """Who answers for it at ``now``: its owners and, where the business owner has left, who does meanwhile (I3)."""
        meanwhile = self.interim_owner(now)
        return self.owners if meanwhile is None else (meanwhile, *(one for one in self.owners if one != meanwhile))

    @property
    def asked(self) -> dict[str, Any]:
        """What stage 1 decides about, as it would be submitted now: the stored values, an amendment over them (A12)."""
        stored = {name: getattr(self, name) for name in AMENDED_BY_REVIEW}
        return {**stored, **self.amendment}

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("automation", args=[self.pk])

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Its owners, and how the person stands to its team.

        The team's part is remembered on this instance, for pages that ask about many rows of one automation; a write reads the
        row anew and asks anew.
        """
        known: dict[tuple[int, int], frozenset[Relation]] = self.__dict__.setdefault("_team_relations", {})
        key = (self.team_id, person.pk)
        if key not in known:
            team = self.team if Automation.team.is_cached(self) else self.led_team
            known[key] = team.relations(person, now)
        found = set(known[key])
        if person.pk == self.business_owner_id or person == self.interim_owner(now):
            found.add(Relation.BUSINESS_OWNER)
        if person.pk == self.technical_owner_id:
            found.add(Relation.TECHNICAL_OWNER)
        return frozenset(found)


class Version(AppendOnly):
    """One unchanging state of an automation; an edit makes a new one (I2)."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    source_digest = models.CharField(max_length=80)
    manifest_digest = models.CharField(max_length=80)
    binding_digest = models.CharField(max_length=80)
    manifest = models.JSONField()
    #: Secrets that the source contained: place, kind and keyed fingerprint, never a value (I6).
    secrets = models.JSONField(default=list)
    #: What another would have to do where to be joined with it, identities aside (`inventory.chain_ends`); None where nobody worked it out.
    meets = ArrayField(models.CharField(max_length=140, blank=True), null=True, editable=False)
    imported_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("automation_id", "-number")
        constraints = (
            models.UniqueConstraint(fields=["automation", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["automation", "manifest_digest", "binding_digest"], name="version_content_once"
            ),
        )
        indexes = (models.Index(fields=["source_digest"], name="version_by_source"),)

    def __str__(self) -> str:
        return f"{self.automation}, version {self.number}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the automation's timeline too."""
        return (self, self.automation)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """As to its automation."""
        return self.automation.relations(person, now)

    @property
    def latest_assessment(self) -> Assessment | None:
        """The newest assessment, or None before the first."""
        return self.assessments.order_by("-id").first()


class Assessment(AppendOnly):
    """What one importer version made of a version on one date: tier with reasons, inferred levels (I2)."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="assessments")
    importer_version = models.CharField(max_length=40)
    at = models.DateTimeField()
    tier = models.CharField(max_length=8)
    reasons = models.JSONField(default=list)
    levels = models.JSONField(default=dict)

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "-id")

    def __str__(self) -> str:
        return f"{self.version}: {self.tier}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the automation's timeline too."""
        return (self, self.version, self.version.automation)


class Privilege(AppendOnly):
    """One thing that a version would hold: entitlement, target, scope, by which credential; possibly at several places.

    `connector` and `instance` are the connection that it was resolved by, always one: what goes through another connection to
    the same resource is a privilege of its own (I8). `target_name` is a label and no part of the key.
    """

    version = models.ForeignKey(Version, models.PROTECT, related_name="privileges")
    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="privileges")
    connector = models.CharField(max_length=80)
    instance = models.CharField(max_length=255, blank=True)
    target = models.TextField(blank=True)
    target_name = models.CharField(max_length=300, blank=True)
    scope = ArrayField(models.TextField(), default=list)
    level = models.CharField(max_length=8, choices=Level)
    credential = models.ForeignKey(Credential, models.PROTECT, null=True, blank=True, related_name="privileges")
    key = models.CharField(max_length=80)
    at = ArrayField(models.CharField(max_length=300), default=list)
    assumed = ArrayField(models.CharField(max_length=60), default=list)
    active = models.BooleanField(default=True)
    model_controlled = models.BooleanField(default=False)
    sensitive = models.BooleanField(default=False)
    recognised = models.BooleanField(default=True)
    #: What is run can't be read from the source (T1).
    opaque = models.BooleanField(default=False)
    #: The source needs a credential here and names none.
    credential_missing = models.BooleanField(default=False)

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "id")
        constraints = (models.UniqueConstraint(fields=["version", "key"], name="privilege_once_per_version"),)
        indexes = (models.Index(fields=["entitlement", "version"], name="privilege_by_entitlement"),)

    def __str__(self) -> str:
        return self.sentence

    @property
    def matter(self) -> str:
        """See `same.matter`; of an entitlement that is not in the register yet it is nobody else's."""
        return same.matter(self.entitlement_id, self.target, self.scope)

    @property
    def sentence(self) -> str:
        """In words: "May post messages to #finance in Finance Slack workspace"."""
        entitlement = self.entitlement
        return words.sentence(
            entitlement.words, entitlement.form, entitlement.resource.name, self.target, self.target_name
        )

    def sentence_of(self, scope: Sequence[str], level: str) -> str:
        """In words what is held of it where an approver left less than was asked: a part of its scope, or a lower level (A7, R3)."""
        is_part = set(scope) < set(self.scope)
        target, name = (", ".join(scope), "") if is_part else (self.target, self.target_name)
        entitlement = self.entitlement
        said = words.sentence(entitlement.words, entitlement.form, entitlement.resource.name, target, name)
        is_lowered = risk.POWER.index(level) < risk.POWER.index(self.level)
        return f"{said}, narrowed to {words.LOWERED[level]}" if is_lowered else said

    @property
    def through(self) -> str:
        """The connection as the source names it (I8); empty where that is the credential, which stands on its own record."""
        if self.connector == REGISTERED or (self.credential and self.instance == self.credential.external_id):
            return ""
        return self.instance

    @property
    def is_bound(self) -> bool:
        """Whether it is known which resource it touches (I8)."""
        return not self.entitlement.resource.unresolved

    @property
    def counted_level(self) -> str:
        """The level that rules judge: the higher of its own and its entitlement's; unknown counts as write (I4)."""
        known = [one for one in (self.level, self.entitlement.level) if one in risk.LEVEL_ORDER]
        return max(known, key=risk.LEVEL_ORDER.index, default=Level.WRITE)


class VersionCredential(AppendOnly):
    """A version uses, or asks for, a credential."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="version_credentials")
    credential = models.ForeignKey(Credential, models.PROTECT, related_name="used_by")
    at = ArrayField(models.CharField(max_length=300), default=list)

    class Meta(AppendOnly.Meta):
        constraints = (models.UniqueConstraint(fields=["version", "credential"], name="version_credential_once"),)

    def __str__(self) -> str:
        return f"{self.credential} in {self.version}"


class VersionIdentity(AppendOnly):
    """A version runs as a non-human identity; two automations that share one are a finding (I5)."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="version_identities")
    identity = models.ForeignKey(NonHumanIdentity, models.PROTECT, related_name="used_by")

    class Meta(AppendOnly.Meta):
        constraints = (models.UniqueConstraint(fields=["version", "identity"], name="version_identity_once"),)

    def __str__(self) -> str:
        return f"{self.identity} in {self.version}"


class Trigger(AppendOnly):
    """One way in which a version starts."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="triggers")
    type = models.CharField(max_length=40)
    at = models.CharField(max_length=300, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    authenticated = models.BooleanField(null=True)
    active = models.BooleanField(default=True)

    @property
    def is_open(self) -> bool:
        """Whether somebody who has not signed in can start the automation by it (T2)."""
        return self.active and self.authenticated is False

    def __str__(self) -> str:
        return f"{self.type} {self.detail}".strip()


class Finding(models.Model):
    """One thing that an assessment noticed; its state is a person's, its facts are the importer's."""

    assessment = models.ForeignKey(Assessment, models.PROTECT, related_name="findings")
    code = models.CharField(max_length=40)
    place = models.CharField(max_length=400, blank=True)
    severity = models.CharField(max_length=10)
    detail = models.CharField(max_length=400, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, default="open")

    class Meta:
        ordering = ("assessment_id", "id")
        constraints = (models.CheckConstraint(name="finding_state_known", condition=Q(state__in=["open", "closed"])),)
        triggers = NEVER_REMOVED

    def __str__(self) -> str:
        return f"{self.code} at {self.place}"


class AutomationUserObjectPermission(UserObjectPermissionBase):
    """One person may see one automation by name: guardian's direct table."""

    content_object = models.ForeignKey(Automation, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False
