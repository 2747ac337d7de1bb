"""Automations: identity, team, owners and visibility (I1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.urls import reverse
from guardian.models import UserObjectPermissionBase

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.database.key_filters import among, keyed_by
from governance.core.models import History, Membership, Person, Team
from governance.core.roles.roles import Relation
from inventory.models.interim_owner import InterimOwner, InterimState, Owned, interim_condition, ownerless_condition
from inventory.models.resource import Environment, sees_whole_register

if TYPE_CHECKING:
    from inventory.models.version import Privilege


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


#: Compiled query of `AutomationQuerySet.answered_by`: pages use it several times a request.
_ANSWERED = """
ARRAY(SELECT id FROM inventory_automation WHERE business_owner_id = ANY(%s)
UNION ALL SELECT id FROM inventory_automation WHERE technical_owner_id = ANY(%s)
UNION ALL SELECT a.id FROM inventory_automation a JOIN inventory_interimowner i ON i.id = a.interim_id
WHERE i.person_id = ANY(%s) AND i.state = %s AND i.until > %s)
"""


class AutomationQuerySet(models.QuerySet["Automation"]):
    """Automations by visibility and ownership."""

    def visible_to(self, actor: Actor, now: datetime) -> AutomationQuerySet:
        """Automations that the actor may see, in one query.

        An automation is visible to its team, its team's lead, its owners, owners and deputies of its resources,
        security reviewers, auditors, admins, on-call, and people with guardian's ``view_automation``. Approvers get
        that permission with their first approval. During a delegation the delegate sees what the giver sees as owner,
        deputy or lead, not as team member or by role (A11). A team's token sees the team's automations only.
        """
        seer = Seer.of(actor, now)
        if seer is None:
            return self.none()
        of_token = self.filter(team=actor.token.team_id) if actor.token is not None and actor.token.team_id else self
        if seer.sees_all:
            return of_token
        return of_token.filter(
            Q(business_owner__in=seer.people)
            | Q(technical_owner__in=seer.people)
            | interim_condition(seer.people, now)
            | Q(Exists(seer.teams.filter(pk=OuterRef("team"))))
            | Q(Exists(seer.named.filter(content_object=OuterRef("pk"))))
            | Q(Exists(seer.touched.filter(version__automation=OuterRef("pk"))))
        )

    def answered_by(self, people: Collection[int] | compiled_queries.Value, now: datetime) -> AutomationQuerySet:
        """Automations that some people own, or have as interim owners at ``now`` (I3).

        Each way is a lookup of its own with an index; one condition with OR would read every row.
        """
        ids = people if isinstance(people, compiled_queries.Value) else list(people)
        values = [ids, ids, ids, InterimState.CONFIRMED, now]
        return self.filter(among(RawSQL(_ANSWERED, values, ArrayField(models.BigIntegerField()))))  # noqa: S611  a constant

    def ownerless(self, now: datetime) -> AutomationQuerySet:
        """Automations that are not retired, whose business owner has left and that have no interim owner (I3)."""
        return self.filter(ownerless_condition("business_owner", now)).exclude(state=AutomationState.RETIRED)


@dataclass(frozen=True)
class Seer:
    """Reader of automations, with the ways in which they see some: see `AutomationQuerySet.visible_to`.

    Args:
        now: business time.
        sees_all: whether one of their roles sees every automation.
        people: ids of the people they act for.
        teams: teams whose automations they see.
        named: rows of guardian that name them.
        touched: privileges on their resources.
    """

    now: datetime
    sees_all: bool
    people: Collection[int]
    teams: models.QuerySet[Team]
    named: models.QuerySet[AutomationUserObjectPermission]
    touched: models.QuerySet[Privilege]

    @classmethod
    def of(cls, actor: Actor, now: datetime) -> Seer | None:
        """Seer for an actor; None without a person."""
        from inventory.models.version import Privilege  # it refers to automations

        if actor.person is None:
            return None
        people = access.answers_as(actor, now)
        own_teams = Membership.objects.filter(person=actor.person).values("team")
        resource = "entitlement__resource__"
        owned = Q((f"{resource}owner__in", people)) | Q((f"{resource}deputy__in", people))
        return cls(
            now,
            sees_whole_register(actor, now),
            people,
            Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people) | Q(pk__in=own_teams)).order_by(),
            AutomationUserObjectPermission.objects.filter(user__in=people, permission__codename="view_automation"),
            Privilege.objects.filter(owned | interim_condition(people, now, resource)).order_by(),
        )

    @property
    def ways(self) -> list[Q]:
        """Visibility as conditions for one automation, each found by an index from the reader's side.

        A single condition with OR would be tested for every hidden row. A prepared condition with EXISTS would be
        tested for every other matching row.
        """
        # An interim owner's row and the automation point at each other: the index starts from the person.
        meanwhile = InterimOwner.objects.filter(person__in=self.people, automation__isnull=False).order_by()
        return [
            Q(business_owner__in=self.people),
            Q(technical_owner__in=self.people),
            interim_condition(self.people, self.now) & Q(keyed_by(meanwhile.values("automation"))),
            Q(keyed_by(self.teams.values("pk"), "team")),
            Q(keyed_by(self.named.order_by().values("content_object"))),
            Q(keyed_by(self.touched.values("version__automation"))),
        ]


def ways_to_see(actor: Actor, now: datetime) -> list[Q] | None:
    """Conditions by which an actor sees automations; None for all of them, empty without a person."""
    seer = Seer.of(actor, now)
    if seer is None:
        return []
    return None if seer.sees_all else seer.ways


def _names_differ(left: str, other: str) -> Q:
    """Condition that two people differ, if both are set."""
    return Q((f"{left}__isnull", True)) | Q((f"{other}__isnull", True)) | ~Q((left, F(other)))


class Automation(Owned):
    """One automation: platform instance, external id and environment, with owners, purpose and state. Matched by id, never
    by name.
    """

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
                condition=_names_differ("resume_asked_by", "stopped_by")
                & _names_differ("resume_asked_by", "stopped_for")
                & _names_differ("resume_asked_for", "stopped_by")
                & _names_differ("resume_asked_for", "stopped_for"),
            ),
        )
        indexes = (
            GinIndex(fields=["search"], name="automation_search", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["name", "id"], name="automation_by_name"),
            models.Index(fields=["team", "name", "id"], name="automation_by_team"),
            models.Index(fields=["state", "name", "id"], name="automation_by_state"),
        )

    def __str__(self) -> str:
        return self.name

    def prepare(self) -> None:
        """Derive the lower-cased search text before the row is written."""
        self.search = f"{self.name} {self.purpose} {self.platform_instance} {self.external_id}".lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Prepare and save."""
        self.prepare()
        super().save(*args, **kwargs)

    @property
    def owners(self) -> tuple[Person, ...]:
        """Business owner and, if set, technical owner."""
        return tuple(owner for owner in (self.business_owner, self.technical_owner) if owner is not None)

    @property
    def accountable(self) -> Person:
        """Business owner."""
        return self.business_owner

    @property
    def owning_team(self) -> Team:
        """Team of the automation."""
        return self.team

    @property
    def led_team(self) -> Team:
        """Team with its leads and the lead above, loaded together: a ladder needs each of them."""
        if not (Automation.team.is_cached(self) and Team.lead.is_cached(self.team)):
            self.team = Team.objects.select_related("lead", "deputy_lead", "parent__lead").get(pk=self.team_id)
        return self.team

    def accepting(self, now: datetime) -> Person:
        """Person who may accept a partial approval: the business owner or the interim owner (A5, I3)."""
        return self.interim_owner(now) or self.business_owner

    def answering(self, now: datetime) -> tuple[Person, ...]:
        """People who answer for the automation at ``now``: its owners, and the interim owner of a business owner who left
        (I3).
        """
        meanwhile = self.interim_owner(now)
        return (
            self.owners if meanwhile is None else (meanwhile, *(owner for owner in self.owners if owner != meanwhile))
        )

    @property
    def asked(self) -> dict[str, Any]:
        """Fields of stage 1 as they would be submitted: stored values with the amendment (A12)."""
        stored = {name: getattr(self, name) for name in AMENDED_BY_REVIEW}
        return {**stored, **self.amendment}

    @property
    def href(self) -> str:
        """Address of its page."""
        return reverse("automation", args=[self.pk])

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations of a person: owner roles, and relations to the team.

        The team's relations are cached on this instance, for pages with many rows of one automation; a write loads the
        row again.
        """
        relations_by_team: dict[tuple[int, int], frozenset[Relation]] = self.__dict__.setdefault("_team_relations", {})
        key = (self.team_id, person.pk)
        if key not in relations_by_team:
            team = self.team if Automation.team.is_cached(self) else self.led_team
            relations_by_team[key] = team.relations(person, now)
        relations = set(relations_by_team[key])
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
