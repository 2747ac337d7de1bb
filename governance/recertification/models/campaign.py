"""Campaigns: a frozen snapshot of what comes up for review together, and how far the job is that takes it (R1, R2)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import FreeText, History, Person
from governance.core.roles.roles import Permission, Relation
from inventory.models import Automation, Resource


class CampaignKind(models.TextChoices):
    """Why a campaign opened."""

    SCHEDULED = "scheduled", "Scheduled"
    ADHOC = "adhoc", "Ad hoc"


class CampaignState(models.TextChoices):
    """Opening while a job puts things into it; open while something in it is; called off while it was opening."""

    OPENING = "opening", "Opening"
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"
    CALLED_OFF = "called_off", "Called off"


#: States in which nothing of it is under way any more.
OVER = (CampaignState.CLOSED, CampaignState.CALLED_OFF)


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> CampaignQuerySet:
        """All of them for whoever reads all reviews; for others those in which they are asked, or own what is reviewed."""
        if actor.person is None:
            return self.none()
        if access.may(actor, Permission.CAMPAIGN_READ, None, now=now):
            return self
        return self.filter(_with_items_of(access.answers_as(actor, now)))


def _with_items_of(people: Collection[int]) -> Q:
    """Campaigns in which some people are asked, or that review what they own; each way is looked up by itself, by its own index."""
    own = Q(business_owner__in=people) | Q(technical_owner__in=people)
    held = Automation.objects.filter(own).order_by()
    resources = Resource.objects.filter(Q(owner__in=people) | Q(deputy__in=people)).order_by()
    ways = (
        {"items__questions__reviewer__in": people},
        {"items__automation__in": held},
        {"items__grant__automation__in": held},
        {"items__grant__entitlement__resource__in": resources},
    )
    found = Q()
    for way in ways:
        found |= Q(pk__in=Campaign._base_manager.filter(**way).order_by().values("pk"))
    return found


class Campaign(models.Model):
    """A frozen snapshot: scope, items, reviewers, deadline, and what happens to silence (R2)."""

    kind = models.CharField(max_length=10, choices=CampaignKind, default=CampaignKind.SCHEDULED)
    tier = models.CharField(max_length=8, blank=True)
    name = models.CharField(max_length=160)
    scope = models.JSONField(default=dict)
    #: The day, in the organisation's zone, whose items a scheduled campaign holds.
    opened_on = models.DateField(null=True, blank=True)
    snapshot_at = models.DateTimeField()
    deadline = models.DateTimeField()
    grace_until = models.DateTimeField()
    on_silence = models.CharField(max_length=10, default="revoke")
    state = models.CharField(max_length=10, choices=CampaignState, default=CampaignState.OPEN)
    #: Who opened it, and why; nobody and nothing for one that opened on its day.
    opened_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Who called it off, and why.
    called_off_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    called_off_why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    called_off_at = models.DateTimeField(null=True, blank=True)
    #: How many items it was going to have when it was opened, for the bar.
    expected = models.PositiveIntegerField(default=0)
    #: How far the job is: all up to these keys is done, and nothing is looked at beyond those that were there when it was opened (R2, R9).
    grants_to = models.BigIntegerField(default=0)
    grants_until = models.BigIntegerField(default=0)
    automations_to = models.BigIntegerField(default=0)
    automations_until = models.BigIntegerField(default=0)
    asked_to = models.BigIntegerField(default=0)

    objects = CampaignQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="campaign_state_known", condition=Q(state__in=CampaignState.values)),
            models.CheckConstraint(name="campaign_silence_never_keeps", condition=Q(on_silence="revoke")),
            models.CheckConstraint(name="campaign_grace_after_deadline", condition=Q(grace_until__gte=F("deadline"))),
            models.UniqueConstraint(
                fields=["tier", "opened_on"],
                condition=Q(kind="scheduled"),
                name="campaign_one_scheduled_a_tier_and_day",
            ),
            models.UniqueConstraint(
                fields=["name"], condition=Q(kind="adhoc") & ~Q(state__in=OVER), name="campaign_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("campaign", args=[self.pk])

    @property
    def is_frozen(self) -> bool:
        """Whether all that it is about is in it."""
        return self.grants_to >= self.grants_until and self.automations_to >= self.automations_until

    @property
    def has_unasked(self) -> bool:
        """Whether the job has not come to some of its items yet, to ask who answers for them."""
        return bool(self.items.filter(pk__gt=self.asked_to).exists())

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """What a timeline calls the campaigns with these keys that the reader may see: one query."""
        return {row.pk: f"“{row.name}”" for row in cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by()}

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Nobody stands to a campaign otherwise than by a role."""
        return frozenset()
