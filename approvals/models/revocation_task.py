"""Revocation tasks: what is held elsewhere is taken away there, and called revoked once that was checked (G4)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from approvals.models.grant import EnforcedBy, Grant
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.database.key_filters import among
from governance.core.models import AppendOnly, FreeText, History, Person
from governance.core.roles.roles import Relation
from inventory.models import Automation, Resource


class RevocationState(models.TextChoices):
    """Open until somebody, or something, has looked; it is closed once."""

    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


class RevocationOutcome(models.TextChoices):
    """What closed it."""

    CHECKED = "checked", "Checked by two people"
    DRIVER = "driver", "Checked by a driver"
    IN_USE = "in_use", "Granted again"


class WordSaid(models.TextChoices):
    """What a person says of it: both are on record, and only the first counts for closing it."""

    REMOVED = "removed", "It is removed"
    CANNOT = "cannot", "I can’t"


class RevocationTaskQuerySet(models.QuerySet["RevocationTask"]):
    """Tasks by where they stand and whom they are about."""

    def open(self) -> RevocationTaskQuerySet:
        """Those that nobody has closed."""
        return self.filter(state=RevocationState.OPEN)

    def standing(self, show: str, now: datetime) -> RevocationTaskQuerySet:
        """Those that a filter shows: ``""`` what is open, ``overdue``, ``done``."""
        if show == "done":
            return self.filter(state=RevocationState.CLOSED)
        return self.open().filter(due_at__lte=now) if show == "overdue" else self.open()

    def visible_to(self, actor: Actor, now: datetime) -> RevocationTaskQuerySet:
        """Those of grants of automations that the actor may see, and those that were put to them or to whom they stand in for."""
        if actor.person is None:
            return self.none()
        seen = Automation.objects.visible_to(actor, now).filter(pk=OuterRef("grant__automation"))
        return self.filter(Exists(seen) | Q(asked__overlap=list(access.answers_as(actor, now))))

    def waiting_for(self, actor: Actor, now: datetime) -> RevocationTaskQuerySet:
        """Open ones that were put to a person, or to whom they stand in for, and of which they have not said anything."""
        return self.put_to(list(access.answers_as(actor, now)))

    def put_to(self, people: list[int] | compiled_queries.Value) -> RevocationTaskQuerySet:
        """Open ones that were put to some of these people, and of which none of them has said anything."""
        theirs = Q(among(people, "person")) | Q(among(people, "for_person"))
        said = RevocationWord.objects.filter(theirs, task=OuterRef("pk"))
        return self.open().filter(~Exists(said), asked__overlap=people)


class RevocationTask(models.Model):
    """A detached grant ended: somebody takes away what it left where that is held, and a driver or two people say that it is gone (G4)."""

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="revocation_tasks")
    #: Whose it is: who answers for what is held, and does not gain by its staying; None where nobody is left.
    owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="revocation_tasks")
    #: Ids of everybody to whom it was put so far, up the ladder.
    asked = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    #: Ids of whoever gained by the access when it ended: the database takes no word of theirs.
    gains = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    #: When the next on the ladder are asked; None once nobody is left to ask.
    escalate_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=RevocationState, default=RevocationState.OPEN)
    outcome = models.CharField(max_length=10, choices=RevocationOutcome, blank=True, default="", db_default="")
    #: Ids of the two who said so.
    closed_by = ArrayField(models.BigIntegerField(), default=list)
    closed_at = models.DateTimeField(null=True, blank=True)
    #: What a driver found last, and when.
    checked_at = models.DateTimeField(null=True, blank=True)
    found = models.CharField(max_length=200, blank=True, default="", db_default="")

    objects = RevocationTaskQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=["grant"], name="revocation_task_one_per_grant"),
            models.CheckConstraint(name="revocation_task_state_known", condition=Q(state__in=RevocationState.values)),
            models.CheckConstraint(
                name="revocation_task_closed_says_how",
                condition=Q(state="open", outcome="", closed_at__isnull=True)
                | Q(state="closed", outcome__in=RevocationOutcome.values, closed_at__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=["due_at"], condition=Q(state="open"), name="revocation_open"),
            models.Index(fields=["state", "-id"], name="revocation_newest"),
        )

    def __str__(self) -> str:
        return f"Revoke {self.grant}"

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("revocation", args=[self.pk])

    @property
    def resource(self) -> Resource | None:
        """Where what it left is: the resource of the privilege, or where the credential was decided."""
        grant = self.grant
        if grant.entitlement is not None:
            return grant.entitlement.resource
        return grant.approval.decided_on or (grant.credential.decided_on if grant.credential is not None else None)

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """What a timeline calls the tasks with these keys that the reader may see: one query."""
        rows = cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by()
        about = ("grant__approval__privilege__entitlement__resource", "grant__credential")
        return {row.pk: f"“{row.grant.sentence}”" for row in rows.select_related(*about)}

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been closed by ``now``."""
        return self.state == RevocationState.OPEN and self.due_at <= now

    def state_at(self, now: datetime) -> str:
        """Its state as a page says it: open, overdue, or what closed it."""
        if self.state == RevocationState.OPEN:
            return "overdue" if self.is_overdue(now) else "open"
        return self.outcome

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the grant's, the automation's and the resource's timelines too."""
        return (self, *self.grant.ledger_about())

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Whoever it was put to; who answers for what is held; the lead of their team."""
        found: set[Relation] = {Relation.REVOKER} if person.pk in self.asked else set()
        if self.resource is not None:
            found |= self.resource.relations(person, now)
        return frozenset(found)


class RevocationWord(AppendOnly):
    """One person's word on a task: that it is removed, and where they looked; or that they can't, and why (G4)."""

    task = models.ForeignKey(RevocationTask, models.PROTECT, related_name="words")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    #: Whom they stood in for: a delegation uses up both people (A11).
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    says = models.CharField(max_length=8, choices=WordSaid)
    text = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    said_at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(name="revocation_word_known", condition=Q(says__in=WordSaid.values)),
            models.UniqueConstraint(fields=["task", "person", "says"], name="revocation_word_once_a_person"),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.says}"

    @property
    def who(self) -> str:
        """By name, with whom they stood in for."""
        instead = f" for {self.for_person.name}" if self.for_person is not None else ""
        return f"{self.person.name}{instead}"


#: Of a grant that ended: whether it was held elsewhere, so that its end is believed only once it was checked.
DETACHED = Q(enforcement=EnforcedBy.DETACHED)
