"""Automations: identity, team, owners and visibility (I1), and their transfers to other teams (L2)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from guardian.models import UserObjectPermissionBase

from governance.core.access import Actor, Relation, access
from governance.core.database.querysets import among
from governance.core.models import FreeText, History, Person, Team
from inventory.importers import sentences
from inventory.models.interim_owner import Owned, ownerless_condition, people_differ
from inventory.models.resource import Environment, sees_whole_register


class AutomationKind(models.TextChoices):
    """Kind of an automation (I1)."""

    WORKFLOW = "workflow", "Workflow"
    AI_APP = "ai_app", "AI app"
    AGENT = "agent", "Agent"
    SCRIPT = "script", "Script"
    INTEGRATION = "integration", "Integration"
    PIPELINE = "pipeline", "Pipeline"


class AutomationState(models.TextChoices):
    """States of an automation (I1). ``in_review`` ends with the first approval."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    LIVE = "live", "Live"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"
    OBSERVED = "observed", "Observed"


#: Fields that only stage 1 changes after the first submission (A12); the others are labels.
AMENDED_BY_REVIEW = ("purpose", "kind", "business_owner_id", "technical_owner_id")


#: Automations with one of some people as interim owner. In SQL, as the next two: every page asks them, and to build them from models took longer
#: than to answer them.
_INTERIM = """SELECT automation_id FROM inventory_interimowner
WHERE person_id = ANY(%s) AND state = 'confirmed' AND until > %s AND automation_id IS NOT NULL"""
#: Teams that some people lead, and the teams of one person.
_TEAMS = """SELECT id FROM controls_team WHERE lead_id = ANY(%s) OR deputy_lead_id = ANY(%s)
UNION ALL SELECT team_id FROM controls_membership WHERE person_id = %s"""
#: Automations that some people see by name, or because a version has a privilege on their resource. The resources are found first: most readers own
#: none, and their privileges are then looked up by an index.
_SHARED = """SELECT named.content_object_id FROM inventory_automationuserobjectpermission named
JOIN auth_permission permission ON permission.id = named.permission_id
WHERE named.user_id = ANY(%s) AND permission.codename = 'view_automation'
UNION ALL SELECT version.automation_id FROM inventory_entitlement entitlement
JOIN inventory_privilege privilege ON privilege.entitlement_id = entitlement.id
JOIN inventory_version version ON version.id = privilege.version_id
WHERE entitlement.resource_id = ANY(ARRAY(
SELECT resource.id FROM inventory_resource resource LEFT JOIN inventory_interimowner interim ON interim.id = resource.interim_id
WHERE resource.owner_id = ANY(%s) OR resource.deputy_id = ANY(%s)
OR interim.person_id = ANY(%s) AND interim.state = 'confirmed' AND interim.until > %s))"""


def _array(sql: str, *parameters: object) -> RawSQL:
    """The ids that a constant statement of this module finds, as an array."""
    return RawSQL(f"ARRAY({sql})", parameters, ArrayField(models.BigIntegerField()))  # noqa: S611  constants of ours


def automation_without_owner(now: datetime) -> Q:
    """Condition for automations of `AutomationQuerySet.ownerless` (I3)."""
    return ownerless_condition("business_owner", now) & ~Q(state=AutomationState.RETIRED)


class AutomationQuerySet(models.QuerySet["Automation"]):
    """Automations by visibility and ownership."""

    def visible_to(self, actor: Actor, now: datetime) -> AutomationQuerySet:
        """Automations that the actor may see, in one query.

        An automation is visible to its team, its team's lead, its owners, owners and deputies of its resources,
        security reviewers, auditors, admins, on-call, and people with guardian's ``view_automation``. Approvers get
        that permission with their first approval. During a delegation the delegate sees what the giver sees as owner,
        deputy or lead, not as team member or by role (A11). A team's token sees the team's automations only.
        """
        if actor.person is None:
            return self.none()
        rows = self.filter(team=actor.token.team_id) if actor.token is not None and actor.token.team_id else self
        if sees_whole_register(actor, now):
            return rows
        people = list(access.answers_as(actor, now))
        teams = _array(_TEAMS, people, people, actor.person.pk)
        shared = _array(f"{_INTERIM} UNION ALL {_SHARED}", people, now, people, people, people, people, now)
        owns = Q(business_owner__in=people) | Q(technical_owner__in=people)
        return rows.filter(owns | Q(among(teams, "team")) | Q(among(shared)))

    def answered_by(self, people: Collection[int], now: datetime) -> AutomationQuerySet:
        """Automations that some people own, or have as interim owners at ``now`` (I3)."""
        owns = Q(business_owner__in=people) | Q(technical_owner__in=people)
        return self.filter(owns | Q(among(_array(_INTERIM, list(people), now))))

    def ownerless(self, now: datetime) -> AutomationQuerySet:
        """Automations that are not retired, whose business owner has left and that have no interim owner (I3)."""
        return self.filter(automation_without_owner(now))


class Automation(Owned):
    """One automation: platform instance, external id and environment, with owners, purpose and state. Matched by id, never
    by name.
    """

    OWNER = "business_owner"

    team = models.ForeignKey(Team, models.PROTECT, related_name="automations")
    name = models.CharField(max_length=160)
    purpose = models.TextField(blank=True)
    kind = models.CharField(max_length=12, choices=AutomationKind, default=AutomationKind.WORKFLOW)
    platform_instance = models.CharField(max_length=120)
    external_id = models.CharField(max_length=160, blank=True)
    environment = models.CharField(max_length=12, choices=Environment, default=Environment.PRODUCTION)
    #: Equal in each environment of an automation (I10).
    lineage = models.UUIDField(null=True, blank=True)
    business_owner = models.ForeignKey(Person, models.PROTECT, related_name="business_automations")
    technical_owner = models.ForeignKey(
        Person, models.PROTECT, null=True, blank=True, related_name="technical_automations"
    )
    escalation_contact = models.CharField(max_length=160, blank=True)
    state = models.CharField(max_length=10, choices=AutomationState, default=AutomationState.DRAFT)
    tier = models.CharField(max_length=8, default="standard")
    #: Tier that a person raised the automation to; computed tiers never go below it (T2).
    raised_to = models.CharField(max_length=8, blank=True)
    #: Amended fields that wait for stage 1 and are not submitted: value by field (A12).
    amendment = models.JSONField(default=dict, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    #: Start of the suspension by a review. A review's answer or a new stage 1 decision ends it; a lifted stop does not
    #: (R4, R6).
    suspended_by_review_at = models.DateTimeField(null=True, blank=True)
    #: Start of the suspension by a spot check; only a new stage 1 decision ends it (A12, A13).
    suspended_by_look_at = models.DateTimeField(null=True, blank=True)
    #: Start of the time in another team whose lead has not decided yet (L2).
    moved_at = models.DateTimeField(null=True, blank=True)
    #: Person who stopped it, and the first person who asked to resume it: two others are needed (G5).
    stopped_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    resume_asked_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Person represented under a delegation: a delegation uses up both people (A11).
    stopped_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    resume_asked_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    approved_version = models.ForeignKey(
        "inventory.Version", models.PROTECT, null=True, blank=True, related_name="approved_for"
    )
    search = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField()
    review_on = models.DateField(null=True, blank=True)
    #: Reason of an early review: higher risk or a new finding (I2, T4). Empty after the review.
    review_because = models.CharField(max_length=40, blank=True)

    objects = AutomationQuerySet.as_manager()
    history = History(excluded_fields=["search"])

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
                condition=people_differ(("resume_asked_by", "resume_asked_for"), ("stopped_by", "stopped_for")),
            ),
        )
        indexes = (
            GinIndex(fields=["search"], name="automation_search", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["name", "id"], name="automation_by_name"),
            models.Index(
                fields=["external_id"], name="automation_by_external_id"
            ),  # an import looks for retired ones too
            models.Index(fields=["team", "name", "id"], name="automation_by_team"),
            models.Index(fields=["state", "name", "id"], name="automation_by_state"),
        )

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the lower-cased search text."""
        self.search = f"{self.name} {self.purpose} {self.platform_instance} {self.external_id}".lower()
        super().save(*args, **kwargs)

    @property
    def owners(self) -> tuple[Person, ...]:
        """Business owner and, if set, technical owner."""
        return tuple(owner for owner in (self.business_owner, self.technical_owner) if owner is not None)

    @property
    def led_team(self) -> Team:
        """Team with its leads and the lead above, loaded together: an escalation chain needs each of them."""
        if not (Automation.team.is_cached(self) and Team.lead.is_cached(self.team)):
            self.team = Team.objects.select_related("lead", "deputy_lead", "parent__lead").get(pk=self.team_id)
        return self.team

    def accepting(self, now: datetime) -> Person:
        """Person who may accept a partial approval: the business owner or the interim owner (A5, I3)."""
        return self.interim_owner(now) or self.business_owner

    @property
    def platform_name(self) -> str:
        """Name of its platform for people: "n8n"."""
        return sentences.platform_label(self.platform_instance)

    def answering(self, now: datetime) -> tuple[Person, ...]:
        """People who answer for the automation at ``now``: its owners, and the interim owner of a business owner who left
        (I3).
        """
        interim = self.interim_owner(now)
        if interim is None:
            return self.owners
        return tuple(dict.fromkeys([interim, *self.owners]))

    @property
    def requested_fields(self) -> dict[str, Any]:
        """Fields of stage 1 as they would be submitted: stored values with the amendment (A12)."""
        stored = {name: getattr(self, name) for name in AMENDED_BY_REVIEW}
        return {**stored, **self.amendment}

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations of a person: owner roles, and relations to the team."""
        relations = set(self.team.relations(person, now))
        if person.pk == self.business_owner_id or person == self.interim_owner(now):
            relations.add(Relation.BUSINESS_OWNER)
        if person.pk == self.technical_owner_id:
            relations.add(Relation.TECHNICAL_OWNER)
        return frozenset(relations)


class AutomationUserObjectPermission(UserObjectPermissionBase):
    """Permission of one person to see one automation: guardian's direct table."""

    content_object = models.ForeignKey(Automation, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


class TransferState(models.TextChoices):
    """State: requested, then accepted and moved, or dropped by either lead."""

    ASKED = "asked", "Asked"
    AGREED = "agreed", "Agreed"
    MOVED = "moved", "Moved"
    DROPPED = "dropped", "Dropped"


class Transfer(models.Model):
    """Transfer of one automation to another team: requested by one lead, accepted by the other (L2)."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="transfers")
    from_team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    to_team = models.ForeignKey(Team, models.PROTECT, related_name="transfers")
    state = models.CharField(max_length=8, choices=TransferState, default=TransferState.ASKED)
    #: Lead who requests the transfer: submitter to the other team, and so a party (S1).
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Lead who accepted or dropped it.
    answered_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)

    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="transfer_state_known", condition=Q(state__in=TransferState.values)),
            models.CheckConstraint(name="transfer_to_another_team", condition=~Q(from_team=F("to_team"))),
            models.CheckConstraint(
                name="transfer_answered_by_somebody",
                condition=Q(state="asked", answered_by__isnull=True, answered_at__isnull=True)
                | ~Q(state="asked") & Q(answered_by__isnull=False, answered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="transfer_by_two_people",
                condition=~Q(state__in=["agreed", "moved"]) | ~Q(answered_by=F("asked_by")),
            ),
            models.UniqueConstraint(fields=["automation"], condition=Q(state="asked"), name="transfer_one_at_a_time"),
        )

    def __str__(self) -> str:
        return f"{self.automation} to {self.to_team}"

    @property
    def href(self) -> str:
        """Page of the automation."""
        return self.automation.href

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines of the automation and of both teams."""
        return (self, self.automation, self.from_team, self.to_team)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations: the receiving team's lead answers; the giving team's lead requested."""
        relations = set()
        if person.pk in (self.to_team.lead_id, self.to_team.deputy_lead_id):
            relations.add(Relation.TEAM_LEAD)
        if person.pk in (self.from_team.lead_id, self.from_team.deputy_lead_id):
            relations.add(Relation.PROPOSER)
        return frozenset(relations)
