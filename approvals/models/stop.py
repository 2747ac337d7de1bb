"""Presses of Stop: what each stopped, why, and whether it was undone (G5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from approvals.models.grant import Grant
from governance.core.access import Actor, Permission, Relation, access
from governance.core.models import FreeText, HasPage, History, Person, Team
from inventory.models import Automation, NonHumanIdentity, Resource

#: How long the same person may undo a stop (G5).
UNDO = timedelta(seconds=60)
#: Columns of the stopped row; each stop has one.
TARGETS = ("automation", "grant", "identity", "resource", "team")


class StopQuerySet(models.QuerySet["Stop"]):
    """Query set of stops."""

    def visible_to(self, actor: Actor, now: datetime) -> StopQuerySet:
        """Return the actor's own stops; all of them for readers of the ledger."""
        if access.may(actor, Permission.LEDGER_READ, None, now=now):
            return self
        return self.filter(by__in=[person.pk for person in actor.people])


class Stop(HasPage, models.Model):
    """One press of Stop on an automation, a grant, an identity, a resource or a team."""

    page_name = "stop"
    automation = models.ForeignKey(Automation, models.PROTECT, null=True, blank=True, related_name="stops")
    grant = models.ForeignKey(Grant, models.PROTECT, null=True, blank=True, related_name="stops")
    identity = models.ForeignKey(NonHumanIdentity, models.PROTECT, null=True, blank=True, related_name="stops")
    resource = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="stops")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="stops")
    by = models.ForeignKey(Person, models.PROTECT, related_name="stops")
    at = models.DateTimeField()
    #: Ids of the stopped automations. By id of each grant that stopped: its former state and reason of suspension; empty if it
    #: keeps them, because its automation or the credential that it needs is what stopped.
    automations = ArrayField(models.BigIntegerField(), default=list)
    grants = models.JSONField(default=dict)
    #: The reason, which follows the press.
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = StopQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="stop_has_a_target", condition=~Q(**{f"{name}__isnull": True for name in TARGETS})
            ),
        )

    def __str__(self) -> str:
        return f"Stop of {self.target}"

    @property
    def target(self) -> Automation | Grant | NonHumanIdentity | Resource | Team:
        """The row whose Stop was pressed."""
        row = self.automation or self.grant or self.identity or self.resource or self.team
        assert row is not None  # stop_has_a_target
        return row

    @property
    def undo_until(self) -> datetime:
        """The end of the time in which it may be undone."""
        return self.at + UNDO

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines of the row whose Stop was pressed."""
        return (self, *(self.grant.ledger_about() if self.grant else (self.target,)))

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relation of the person who pressed it."""
        return frozenset({Relation.STOPPER} if person.pk == self.by_id else ())
