"""Imports in progress: results and drafts. The raw file is never kept (I7, H7)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Func, Q, Value

from governance.core.access import Actor
from governance.core.models import Membership, Person, Team
from inventory.models.version import Version


class ImportState(models.TextChoices):
    """State of an item: a confirmed preview becomes a version, another is discarded."""

    PREVIEW = "preview", "Preview"
    CONFIRMED = "confirmed", "Confirmed"
    REFUSED = "refused", "Refused"
    DISCARDED = "discarded", "Discarded"


class BatchState(models.TextChoices):
    """State of an upload: read, being imported, or imported."""

    PREVIEW = "preview", "Read"
    CONFIRMING = "confirming", "Importing"
    CONFIRMED = "confirmed", "Imported"


class Outcome(models.TextChoices):
    """Outcome of importing one automation."""

    NEW = "new", "New in the register"
    CHANGED = "changed", "A new version"
    UNCHANGED = "unchanged", "Nothing changed"
    REFUSED = "refused", "Refused"


class ImportBatch(models.Model):
    """One upload by one person: one file or many, read a few at a time.

    `order` has the choices for all of its automations: ids of team and owners, and the environment.
    """

    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    progress = models.CharField(max_length=10, choices=BatchState, default=BatchState.PREVIEW)
    order = models.JSONField(default=dict)
    #: Number of automations that were read.
    size = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = (models.Index("id", name="inv_importbatch_confirming", condition=Q(progress="confirming")),)

    def __str__(self) -> str:
        return f"Import of {self.at:%Y-%m-%d %H:%M}"


class ImportItemQuerySet(models.QuerySet["ImportItem"]):
    """Items by visibility."""

    def visible_to(self, actor: Actor, now: datetime) -> ImportItemQuerySet:
        """Items of the actor, and those of their teams after a team was chosen."""
        if actor.person is None:
            return self.none()
        own_teams = Membership.objects.filter(person=actor.person).values("team")
        return self.filter(Q(batch__by=actor.person) | Q(team__in=own_teams))

    def that_open(self, resource: int) -> ImportItemQuerySet:
        """Previews with a draft that says that a connection opens the resource with this id."""
        path = Value(f"$.chosen.* ? (@ == {resource})")
        template = "jsonb_path_exists(%(expressions)s::jsonpath)"
        is_chosen = Func(F("draft"), path, template=template, output_field=models.BooleanField())
        return self.filter(is_chosen, progress=ImportState.PREVIEW)


class ImportItem(models.Model):
    """One automation of an upload: its manifest, the builder's draft and the outcome.

    A refused item stays a preview, with the reason, for correction; an unreadable file is an item without a manifest.
    """

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="items")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    filename = models.CharField(max_length=255)
    manifest = models.JSONField(default=dict)
    secrets = models.JSONField(default=list)
    draft = models.JSONField(default=dict)
    progress = models.CharField(max_length=10, choices=ImportState, default=ImportState.PREVIEW)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    version = models.ForeignKey(Version, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    objects = ImportItemQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.filename
