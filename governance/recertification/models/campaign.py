"""Campaigns: frozen snapshots of grants and automations for review, and the progress of the job (R1, R2)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from governance.core.access import Actor, Permission, access
from governance.core.models import FreeText, HasPage, History, Person
from inventory.models import Automation, Resource


class CampaignKind(models.TextChoices):
    """Why a campaign opened."""

    SCHEDULED = "scheduled", "Scheduled"
    ADHOC = "adhoc", "Ad hoc"


class CampaignState(models.TextChoices):
    """State of a campaign: *opening* while the job fills it, *open* while an item is unclosed."""

    OPENING = "opening", "Opening"
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns with their visibility."""

    def visible_to(self, actor: Actor, now: datetime) -> CampaignQuerySet:
        """All campaigns with the permission; otherwise those in which the reader is a reviewer or an owner."""
        if actor.person is None:
            return self.none()
        if access.may(actor, Permission.CAMPAIGN_READ, None, now=now):
            return self
        condition = Q()
        for way in ways_to_items(access.answers_as(actor, now), "items__"):
            condition |= Q(pk__in=Campaign._base_manager.filter(**way).order_by().values("pk"))
        return self.filter(condition)


def ways_to_items(people: Collection[int], item: str = "") -> tuple[dict[str, Any], ...]:
    """Lookups for items in which these people are reviewers or owners. Each finds its items by its own index.

    Args:
        people: ids.
        item: prefix of the lookups, such as ``items__``.
    """
    owned = Q(business_owner__in=people) | Q(technical_owner__in=people)
    held = Automation.objects.filter(owned).order_by()
    resources = Resource.objects.filter(Q(owner__in=people) | Q(deputy__in=people)).order_by()
    return (
        {f"{item}questions__reviewer__in": people},
        {f"{item}automation__in": held},
        {f"{item}grant__automation__in": held},
        {f"{item}grant__entitlement__resource__in": resources},
    )


class Campaign(HasPage, models.Model):
    """A frozen snapshot: scope, items, reviewers, deadline, and the effect of silence (R2)."""

    page_name = "campaign"
    kind = models.CharField(max_length=10, choices=CampaignKind, default=CampaignKind.SCHEDULED)
    tier = models.CharField(max_length=8, blank=True)
    name = models.CharField(max_length=160)
    scope = models.JSONField(default=dict)
    #: Day of a scheduled campaign, in the organisation's zone.
    opened_on = models.DateField(null=True, blank=True)
    snapshot_at = models.DateTimeField()
    deadline = models.DateTimeField()
    grace_until = models.DateTimeField()
    on_silence = models.CharField(max_length=10, default="revoke")
    state = models.CharField(max_length=10, choices=CampaignState, default=CampaignState.OPEN)
    #: Opener and reason; empty for a scheduled campaign.
    opened_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Expected number of items at the opening, for the progress bar.
    expected = models.PositiveIntegerField(default=0)
    #: Progress of the job: keys up to ``_to`` are done, and ``_until`` are the last keys at the opening (R2, R9).
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
                fields=["name"], condition=Q(kind="adhoc") & ~Q(state="closed"), name="campaign_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def shown_state(self, now: datetime) -> str:
        """A key of ``state_words.STATES["campaign"]``. An open campaign past its deadline is in its second round (R6)."""
        return "second" if self.state == CampaignState.OPEN and now >= self.deadline else self.state

    @property
    def is_frozen(self) -> bool:
        """Whether its whole scope has items."""
        return self.grants_to >= self.grants_until and self.automations_to >= self.automations_until

    @property
    def has_unasked(self) -> bool:
        """Whether the job has items left to assign."""
        return bool(self.items.filter(pk__gt=self.asked_to).exists())

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Names of visible campaigns for timelines, by id. One query."""
        return {row.pk: f"“{row.name}”" for row in cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by()}
