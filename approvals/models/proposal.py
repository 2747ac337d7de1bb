"""Proposals: changes of rules or responsibilities by one person, countersigned by another (S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from approvals.models.not_among import NotAmong
from approvals.models.submission import Submission, SubmissionQuerySet
from governance.core.access import ROLE_WORDS, Actor, Permission, Relation, Role, access
from governance.core.models import FreeText, HasPage, History, Person


class ProposalState(models.TextChoices):
    """Open until a second person answers; approved until the appointed person accepts.

    At once: it acts without a countersignature yet.
    """

    OPEN = "open", "Open"
    AT_ONCE = "at_once", "Acts, not countersigned yet"
    APPROVED = "approved", "Approved, to be accepted"
    IN_FORCE = "in_force", "In force"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    LAPSED = "lapsed", "Lapsed"


#: States in which a proposal blocks another about the same target.
UNANSWERED = (ProposalState.OPEN, ProposalState.AT_ONCE, ProposalState.APPROVED)


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Query set of proposals."""

    def visible_to(self, actor: Actor, now: datetime) -> ProposalQuerySet:
        """Return all proposals for readers of proposals; else those that the actor made, must accept, or is named in."""
        if access.may(actor, Permission.PROPOSAL_READ, None, now=now):
            return self
        people = [person.pk for person in actor.people]
        return self.filter(Q(proposed_by__in=people) | Q(appointed__in=people) | Q(gains__overlap=people))

    def unanswered(self) -> ProposalQuerySet:
        """Return open proposals."""
        return self.filter(state__in=UNANSWERED)


class Proposal(HasPage, models.Model):
    """One change of one target, as a document, with its author and its outcome. The author can't countersign it."""

    page_name = "proposal"
    #: Its kind in the registry, and its target there: a policy's name, a row's key.
    kind = models.CharField(max_length=24)
    target = models.CharField(max_length=64)
    document = models.JSONField()
    #: The state of the target at the proposal or its last amendment.
    before = models.JSONField()
    #: SHA-256 over the canonical JSON of everything shown: the countersigner approves this (A6).
    digest = models.CharField(max_length=64)
    tightens = models.BooleanField()
    #: Ids of people who can't countersign because they would gain, including the appointed person.
    gains = ArrayField(models.BigIntegerField(), default=list)
    #: Ids of people who can't answer because they would lose, and keep what they have if it is rejected.
    loses = ArrayField(models.BigIntegerField(), default=list)
    #: The role that must countersign.
    needs = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=ProposalState, default=ProposalState.OPEN)
    round = models.PositiveSmallIntegerField(default=1)
    proposed_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    #: Until when a tightening by one person counts without a second signature.
    acting_until = models.DateTimeField(null=True, blank=True)
    #: When it lapses without an answer or acceptance.
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
    def is_under_way(self) -> bool:
        """Whether an answer or an acceptance is missing."""
        return self.state in UNANSWERED

    @property
    def countersigner_words(self) -> str:
        """The role that countersigns it, in words."""
        return ROLE_WORDS[Role(self.needs)].lower()

    @property
    def signed_facts(self) -> dict[str, Any]:
        """Facts for the version that it puts in force: who signed it, and its end if one person did."""
        is_signed = self.acting_until is None or self.answered_by_id is not None
        until = None if is_signed else self.acting_until
        return {"until": until, "proposed_by": self.proposed_by, "approved_by": self.answered_by}

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: none."""
        return (self,)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return relations of its author, of the appointed person, and of people with the countersigning role."""
        relations = set[Relation]()
        if person.pk == self.proposed_by_id:
            relations.add(Relation.PROPOSER)
        if person.pk == self.appointed_id:
            relations.add(Relation.APPOINTED)
        if access.holds(person, Role(self.needs), now):
            relations.add(Relation.COUNTERSIGNER)
        return frozenset(relations)


class WhatIf(models.Model):
    """The impact of one proposal on the last 90 days: counted one slice at a time, unchanged once done."""

    proposal = models.ForeignKey(Proposal, models.PROTECT, related_name="what_ifs")
    round = models.PositiveSmallIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    #: The last counted row, the number of counted rows, and the total.
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

    @property
    def submissions(self) -> SubmissionQuerySet:
        """The submissions of the period: after `since`, up to `until`."""
        return Submission.objects.filter(submitted_at__gt=self.since, submitted_at__lte=self.until)
