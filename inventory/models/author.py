"""Authors whom the source of a version names (S1)."""

from __future__ import annotations

from django.db import models

from governance.core.models import AppendOnly, FreeText, Person
from inventory.models.version import Version


class VersionAuthor(AppendOnly):
    """The source names an author of a version: in its own words, and who that was when it was brought in, if anybody (S1).

    The same content brought in again may name somebody whom the first file did not: authors only accumulate. Its words, mostly a name
    and a mail address, stand beside, where they can be erased (H6).
    """

    version = models.ForeignKey(Version, models.PROTECT, related_name="authors")
    said = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "id")

    def __str__(self) -> str:
        return f"{self.said} of {self.version}"
