"""Saved views of lists: filters that a person named for themselves."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from governance.core.models import Person

#: The longest name, which is shown on a chip.
LONGEST_NAME = 40
#: The longest query in characters.
LONGEST_QUERY = 600


class SavedView(models.Model):
    """One person's named filters. Not governed: no history and no ledger event."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    #: Name of the list's URL.
    register = models.CharField(max_length=40, default="approvals", db_default="approvals")
    #: The query string of the list's address.
    query = models.CharField(max_length=LONGEST_QUERY)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("person", "register", Lower("name"), name="saved_view_name_once")
        ]

    def __str__(self) -> str:
        return self.name
