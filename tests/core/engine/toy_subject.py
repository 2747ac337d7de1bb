"""A toy subject for the engine: a door of a team, with a state, a history and relations, and operations on it.

Its table is made inside the test's transaction; its operations are declared for one test and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.db import connection, models
from simple_history.models import HistoricalRecords

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Duty, Refusal
from governance.core.engine import transition
from governance.core.models import Person
from governance.core.roles.roles import Relation


class Door(models.Model):
    """One door; its painter does not open it."""

    name = models.CharField(max_length=40)
    state = models.CharField(max_length=10, default="closed")
    painter = models.ForeignKey(Person, models.DO_NOTHING, null=True, related_name="+")
    history = HistoricalRecords()

    class Meta:
        app_label = "web"  # an app without models of its own

    def __str__(self) -> str:
        return self.name

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """The painter is like an owner."""
        return frozenset({Relation.BUSINESS_OWNER}) if person.pk == self.painter_id else frozenset()


def _not_the_painter(subject: Door, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk == subject.painter_id for person in actor.people):
        return Refusal("SOD-0", "duty", "You painted it.")
    return None


NOT_THE_PAINTER = Duty("SOD-0", "S5", "Who painted a door does not open it.", _not_the_painter)


@pytest.fixture
def doors(db: None) -> Iterator[type[Door]]:
    """The toy's tables, for one test."""
    with connection.schema_editor() as editor:
        editor.create_model(Door)
        editor.create_model(Door.history.model)
    registry = dict(transition.REGISTRY)
    yield Door
    transition.REGISTRY.clear()
    transition.REGISTRY.update(registry)
