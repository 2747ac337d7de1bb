"""Imports under way: what was read, what the builder typed so far. The raw file is never kept (I7, H7)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from governance.controls.actors import Actor
from governance.controls.models import Membership, Person, Team
from inventory.models.automation import Version


class ImportState(models.TextChoices):
    """A preview becomes a version when it is confirmed, or is discarded."""

    PREVIEW = "preview", "Preview"
    CONFIRMED = "confirmed", "Confirmed"
    REFUSED = "refused", "Refused"
    DISCARDED = "discarded", "Discarded"


class ImportBatch(models.Model):
    """One upload by one person: one file or many."""

    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    progress = models.CharField(max_length=10, choices=ImportState, default=ImportState.PREVIEW)

    def __str__(self) -> str:
        return f"Import of {self.at:%Y-%m-%d %H:%M}"


class ImportItemQuerySet(models.QuerySet["ImportItem"]):
    """Items as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> ImportItemQuerySet:
        """One's own, and those of one's teams once a team was chosen."""
        if actor.person is None:
            return self.none()
        mine = Membership.objects.filter(person=actor.person).values("team")
        return self.filter(Q(batch__by=actor.person) | Q(team__in=mine))


class ImportItem(models.Model):
    """One automation found in an upload: its manifest, and the draft that the builder fills in."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="items")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    filename = models.CharField(max_length=255)
    manifest = models.JSONField(default=dict)
    secrets = models.JSONField(default=list)
    draft = models.JSONField(default=dict)
    progress = models.CharField(max_length=10, choices=ImportState, default=ImportState.PREVIEW)
    reason = models.CharField(max_length=400, blank=True)
    version = models.ForeignKey(Version, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    objects = ImportItemQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.filename
