"""Automations: what exists, whose it is, who sees it (I1)."""

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
from inventory.models.interim_owner import (
    InterimOwner,
    InterimState,
    Owned,
    nobody_answers,
    still_answering,
)
from inventory.models.resource import Environment, sees_all

if TYPE_CHECKING:
    from inventory.models.version import Privilege


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
        of_token = self.filter(team=actor.token.team_id) if actor.token is not None and actor.token.team_id else self
        if seer.sees_all:
            return of_token
        return of_token.filter(
            Q(business_owner__in=seer.people)
            | Q(technical_owner__in=seer.people)
            | still_answering(seer.people, now)
            | Q(Exists(seer.teams.filter(pk=OuterRef("team"))))
            | Q(Exists(seer.named.filter(content_object=OuterRef("pk"))))
            | Q(Exists(seer.touched.filter(version__automation=OuterRef("pk"))))
        )

    def answered_by(self, people: Collection[int] | compiled_queries.Value, now: datetime) -> AutomationQuerySet:
        """Those that some people own, or answer for meanwhile at ``now`` (I3).

        Each of these ways has an index and is looked up by itself: either or the other, in one condition, reads every row.
        """
        ids = people if isinstance(people, compiled_queries.Value) else list(people)
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
        from inventory.models.version import Privilege  # it refers to automations

        if actor.person is None:
            return None
        people = access.answers_as(actor, now)
        own_teams = Membership.objects.filter(person=actor.person).values("team")
        resource = "entitlement__resource__"
        owned = Q((f"{resource}owner__in", people)) | Q((f"{resource}deputy__in", people))
        return cls(
            now,
            sees_all(actor, now),
            people,
            Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people) | Q(pk__in=own_teams)).order_by(),
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


def _names_differ(left: str, other: str) -> Q:
    """Two people are not the same, where both are named."""
    return Q((f"{left}__isnull", True)) | Q((f"{other}__isnull", True)) | ~Q((left, F(other)))


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
        return (
            self.owners if meanwhile is None else (meanwhile, *(owner for owner in self.owners if owner != meanwhile))
        )

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
    """One person may see one automation by name: guardian's direct table."""

    content_object = models.ForeignKey(Automation, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False
