"""Transfers of automations to another team: requested by one lead, accepted by the other (L2)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from governance.core.models import FreeText, History, Person, Team
from governance.core.roles.roles import Relation
from inventory.models.automation import Automation


class TransferState(models.TextChoices):
    """State: requested, then accepted and moved, or dropped by either lead."""

    ASKED = "asked", "Asked"
    AGREED = "agreed", "Agreed"
    MOVED = "moved", "Moved"
    DROPPED = "dropped", "Dropped"


class Transfer(models.Model):
    """Transfer of one automation from one team to another."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="transfers")
    from_team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    to_team = models.ForeignKey(Team, models.PROTECT, related_name="transfers")
    state = models.CharField(max_length=8, choices=TransferState, default=TransferState.ASKED)
    #: Lead who requests the transfer: submitter to the other team, and so a party (S1).
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    why = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Lead who accepted or dropped it.
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
        """Page of the automation."""
        return self.automation.href

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines of the automation and of both teams."""
        return (self, self.automation, self.from_team, self.to_team)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations: the receiving team's lead answers; the giving team's lead requested."""
        relations = set()
        if person.pk in (self.to_team.lead_id, self.to_team.deputy_lead_id):
            relations.add(Relation.TEAM_LEAD)
        if person.pk in (self.from_team.lead_id, self.from_team.deputy_lead_id):
            relations.add(Relation.PROPOSER)
        return frozenset(relations)
