"""An automation moves to another team: asked by the lead of the one, agreed to by the lead of the other (L2)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from governance.core.models import FreeText, History, Person, Team
from governance.core.roles.roles import Relation
from inventory.models.automation import Automation


class TransferState(models.TextChoices):
    """Asked by one lead; agreed to by the other, and moved by that; or dropped by either."""

    ASKED = "asked", "Asked"
    AGREED = "agreed", "Agreed"
    MOVED = "moved", "Moved"
    DROPPED = "dropped", "Dropped"


class Transfer(models.Model):
    """One automation is to move from one team to another."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="transfers")
    from_team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    to_team = models.ForeignKey(Team, models.PROTECT, related_name="transfers")
    state = models.CharField(max_length=8, choices=TransferState, default=TransferState.ASKED)
    #: The lead who gives it away: who submits it to the other team, and a party of that (S1).
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Who agreed to it, or dropped it.
    answered_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)

    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="transfer_state_known", condition=Q(state__in=TransferState.values)),
            models.CheckConstraint(name="transfer_to_another_team", condition=~Q(from_team=F("to_team"))),
            models.CheckConstraint(
                name="transfer_answered_by_somebody",
                condition=Q(state="asked", answered_by__isnull=True, answered_at__isnull=True)
                | ~Q(state="asked") & Q(answered_by__isnull=False, answered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="transfer_by_two_people",
                condition=~Q(state__in=["agreed", "moved"]) | ~Q(answered_by=F("asked_by")),
            ),
            models.UniqueConstraint(fields=["automation"], condition=Q(state="asked"), name="transfer_one_at_a_time"),
        )

    def __str__(self) -> str:
        return f"{self.automation} to {self.to_team}"

    @property
    def href(self) -> str:
        """The page of the automation."""
        return self.automation.href

    def ledger_about(self) -> tuple[models.Model, ...]:
        """It stands on the timeline of the automation, and of both teams."""
        return (self, self.automation, self.from_team, self.to_team)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Who leads the team that it goes to, answers; who leads the one that it comes from, asked."""
        relations = set()
        if person.pk in (self.to_team.lead_id, self.to_team.deputy_lead_id):
            relations.add(Relation.TEAM_LEAD)
        if person.pk in (self.from_team.lead_id, self.from_team.deputy_lead_id):
            relations.add(Relation.PROPOSER)
        return frozenset(relations)
