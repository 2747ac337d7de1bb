"""Proposals: what one person wants changed about the rules or about who answers, and another countersigns (S8)."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from approvals.models.not_among import NotAmong
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import FreeText, History, Person
from governance.core.roles.roles import Permission, Relation, Role


class ProposalState(models.TextChoices):
    """Open until a second person answers; approved until the appointed person accepts; at once: it acts and is not countersigned yet."""

    OPEN = "open", "Open"
    AT_ONCE = "at_once", "Acts, not countersigned yet"
    APPROVED = "approved", "Approved, to be accepted"
    IN_FORCE = "in_force", "In force"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    LAPSED = "lapsed", "Lapsed"


#: States in which a proposal stands in the way of another about the same.
UNANSWERED = (ProposalState.OPEN, ProposalState.AT_ONCE, ProposalState.APPROVED)


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Proposals as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> ProposalQuerySet:
        """All of them for whoever may read proposals; else those that somebody made, would have to accept, or is named in."""
        if access.may(actor, Permission.PROPOSAL_READ, None, now=now):
            return self
        people = [person.pk for person in actor.people]
        return self.filter(Q(proposed_by__in=people) | Q(appointed__in=people) | Q(gains__overlap=people))

    def unanswered(self) -> ProposalQuerySet:
        """Those that are under way."""
        return self.filter(state__in=UNANSWERED)


class Proposal(models.Model):
    """One change of one thing, as a document; its author, who may not countersign it, and what became of it."""

    #: Which entry of the registry of kinds it is, and what it is about there: a policy's name, a row's key.
    kind = models.CharField(max_length=24)
    target = models.CharField(max_length=64)
    document = models.JSONField()
    #: How that stood when it was proposed, or amended last.
    before = models.JSONField()
    #: SHA-256 over the canonical JSON of all that is shown: whoever approves approves this (A6).
    digest = models.CharField(max_length=64)
    tightens = models.BooleanField()
    #: Who may not countersign because they would gain by it, by id: whoever it appoints is among them.
    gains = ArrayField(models.BigIntegerField(), default=list)
    #: Who does not answer it because they would lose by it, and keep what they have where it is rejected.
    loses = ArrayField(models.BigIntegerField(), default=list)
    #: The role whose countersignature it needs.
    needs = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=ProposalState, default=ProposalState.OPEN)
    round = models.PositiveSmallIntegerField(default=1)
    proposed_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Until when what one person tightened stands without a second signature.
    acting_until = models.DateTimeField(null=True, blank=True)
    #: When it lapses, where nobody answers or accepts.
    lapses_at = models.DateTimeField()
    answered_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    appointed = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ProposalQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="proposal_state_known", condition=Q(state__in=ProposalState.values)),
            models.CheckConstraint(
                name="proposal_two_people", condition=Q(answered_by__isnull=True) | ~Q(answered_by=F("proposed_by"))
            ),
            models.CheckConstraint(
                name="proposal_who_gains_is_apart",
                condition=NotAmong(F("proposed_by"), F("gains")) & NotAmong(F("answered_by"), F("gains")),
            ),
            models.CheckConstraint(
                name="proposal_who_loses_is_apart", condition=NotAmong(F("answered_by"), F("loses"))
            ),
            models.CheckConstraint(
                name="proposal_answered_with_who_and_when",
                condition=Q(answered_by__isnull=True, answered_at__isnull=True)
                | Q(answered_by__isnull=False, answered_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["kind", "target"], condition=Q(state__in=UNANSWERED), name="proposal_one_under_way"
            ),
        )
        indexes = (models.Index(fields=["state", "lapses_at"], name="proposal_lapsing"),)

    def __str__(self) -> str:
        return f"Proposal {self.pk}: {self.kind} {self.target}"

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("proposal", args=[self.pk])

    @property
    def is_under_way(self) -> bool:
        """Whether somebody has yet to answer or accept."""
        return self.state in UNANSWERED

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on its own timeline."""
        return (self,)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Its author; whom it appoints; whoever holds the role that countersigns it."""
        found = set[Relation]()
        if person.pk == self.proposed_by_id:
            found.add(Relation.PROPOSER)
        if person.pk == self.appointed_id:
            found.add(Relation.APPOINTED)
        if access.holds(person, Role(self.needs), now):
            found.add(Relation.COUNTERSIGNER)
        return frozenset(found)


class WhatIf(models.Model):
    """What one proposal would have changed in the last 90 days: counted a slice at a time, and left as it was once it is done."""

    proposal = models.ForeignKey(Proposal, models.PROTECT, related_name="what_ifs")
    round = models.PositiveSmallIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    #: The last row that was counted, how many were, and of how many.
    cursor = models.BigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=["proposal", "round"], name="what_if_once_a_round"),)
        indexes = (models.Index(fields=["id"], condition=Q(finished_at__isnull=True), name="what_if_unfinished"),)

    def __str__(self) -> str:
        return f"What {self.proposal} would have changed"
