"""Authors that the source of a version names (S1)."""

from __future__ import annotations

from django.db import models

from governance.core.models import AppendOnly, FreeText, Person
from inventory.models.version import Version


class VersionAuthor(AppendOnly):
    """An author of a version: the name in the source, and the matching person at the import, if any (S1).

    Authors only accumulate: a repeated import may name another author. The name, often with a mail address, has its own
    row that can be erased (H6).
    """

    version = models.ForeignKey(Version, models.PROTECT, related_name="authors")
    said = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "id")

    def __str__(self) -> str:
        return f"{self.said} of {self.version}"
