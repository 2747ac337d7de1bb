"""Lists that admins upload: working data of one person for 30 days, without ledger events (H7). Applying a row has its own event."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.core.models import HasPage, Person


class UploadState(models.TextChoices):
    """States of an upload."""

    PREVIEW = "preview", "Not applied"
    APPLYING = "applying", "Being applied"
    APPLIED = "applied", "Applied"


class RowOutcome(models.TextChoices):
    """What a row does, or did, to the register."""

    NEW = "new", "New"
    CHANGED = "changed", "Changed"
    SAME = "same", "Unchanged"
    REFUSED = "refused", "Refused"


#: Outcomes of rows that are applied.
APPLIED_OUTCOMES = (RowOutcome.NEW, RowOutcome.CHANGED)


class ListUpload(HasPage, models.Model):
    """Some lists that belong together, with their rows."""

    page_name = "list_upload"
    by = models.ForeignKey(Person, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    progress = models.CharField(max_length=10, choices=UploadState, default=UploadState.PREVIEW)

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="list_upload_known_progress", condition=models.Q(progress__in=UploadState.values)
            ),
        )
        indexes = (models.Index(fields=["progress", "at"], name="list_upload_by_progress"),)

    def __str__(self) -> str:
        return f"lists of {self.at:%Y-%m-%d %H:%M}"


class ListRow(models.Model):
    """One row of a list: its texts by column, and what it does to the register.

    ``phase`` is the last phase of `governance.portal.lists.changes` in which it was applied, from 1; 0 before.
    """

    upload = models.ForeignKey(ListUpload, models.CASCADE, related_name="rows")
    kind = models.CharField(max_length=16)
    file = models.CharField(max_length=255)
    line = models.PositiveIntegerField()
    cells = models.JSONField()
    outcome = models.CharField(max_length=8, choices=RowOutcome)
    #: What it changes, or why it was refused.
    words = models.TextField(blank=True)
    phase = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar[tuple[str, ...]] = ("pk",)
        constraints = (
            models.CheckConstraint(name="list_row_known_outcome", condition=models.Q(outcome__in=RowOutcome.values)),
        )
        indexes = (models.Index(fields=["upload", "outcome"], name="list_row_by_outcome"),)

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"

    @property
    def name(self) -> str:
        """What the row is about: the address or name in it, or "Row 7" without one."""
        columns = {"people": ("email",), "teams": ("team",), "resources": ("resource",)}
        names = (self.cells.get(column, "") for column in columns.get(self.kind, ("resource", "code")))
        return " ".join(names).strip() or f"Row {self.line}"
