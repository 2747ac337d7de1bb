"""Authors whom the source of a version names (S1)."""

from __future__ import annotations

from django.db import models

from governance.controls.models import AppendOnly, Person
from inventory.models.automation import Version


class VersionAuthor(AppendOnly):
    """The source names an author of a version: in its own words, and who that was when it was brought in, if anybody (S1).

    The same content brought in again may name somebody whom the first file did not: authors only accumulate.
    """

    version = models.ForeignKey(Version, models.PROTECT, related_name="authors")
    hint = models.CharField(max_length=200)
    person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(AppendOnly.Meta):
        ordering = ("version", "id")
        constraints = (models.UniqueConstraint(fields=["version", "hint"], name="version_author_once"),)

    def __str__(self) -> str:
        return f"{self.hint} of {self.version}"
