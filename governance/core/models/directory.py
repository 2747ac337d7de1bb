"""Users and groups as a directory describes them (SCIM, RFC 7643)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from governance.core.models.people import Person


class EntryKind(models.TextChoices):
    """Resource types of SCIM."""

    USER = "User", "User"
    GROUP = "Group", "Group"


class DirectoryEntry(models.Model):
    """One user or group of a directory, with everything that the directory says about it. An active user is a person here.

    The entry governs nothing: what follows from it for a person is an operation of its own. Erasure of the person deletes it (H6).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=EntryKind)
    document = models.JSONField()
    #: The directory's name of a user, in lower case.
    user_name = models.CharField(max_length=255, blank=True)
    #: The directory's lasting key.
    external_id = models.CharField(max_length=255, blank=True)
    person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="directory_entries")
    version = models.PositiveIntegerField(default=1)
    #: Real time, like that of sessions.
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "directory entries"
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["source", "user_name"], condition=Q(kind="User"), name="entry_one_per_user_name"
            ),
            models.UniqueConstraint(
                fields=["source", "external_id"],
                condition=Q(kind="User") & ~Q(external_id=""),
                name="entry_one_per_external_id",
            ),
        )
        indexes = (models.Index(fields=["source", "kind", "external_id"], name="entry_external_id"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
