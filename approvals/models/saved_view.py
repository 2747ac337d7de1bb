"""Views of the desk that somebody has named: their own note of which filters they use, and nothing else."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from governance.core.models import Person

#: The longest name: what stands on a chip.
LONGEST_NAME = 40
#: The longest query, in characters.
LONGEST_QUERY = 600


class DeskView(models.Model):
    """Filters under a name, one person's. No governed row: it leaves no history and no ledger event."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    #: The query of the desk's address, as its filters write it.
    query = models.CharField(max_length=LONGEST_QUERY)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("person", Lower("name"), name="desk_view_name_once")
        ]

    def __str__(self) -> str:
        return self.name
