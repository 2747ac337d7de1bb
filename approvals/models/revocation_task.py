"""Revocation tasks: access of an ended grant is removed in the target system and counts as revoked once checked (G4)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Value, When

from approvals.models.grant import EnforcedBy, Grant
from governance.core.access import Actor, Relation, access
from governance.core.models import AppendOnly, FreeText, HasPage, History, Person
from inventory.models import Automation, Resource


class RevocationState(models.TextChoices):
    """Open until a check; closed once."""

    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


class RevocationOutcome(models.TextChoices):
    """How it was closed."""

    CHECKED = "checked", "Checked by two people"
    DRIVER = "driver", "Checked by a driver"
    IN_USE = "in_use", "Granted again"


class RevocationTaskQuerySet(models.QuerySet["RevocationTask"]):
    """Query set of tasks by state and people."""

    def open(self) -> RevocationTaskQuerySet:
        """Return open tasks."""
        return self.filter(state=RevocationState.OPEN)

    def standing(self, show: str, now: datetime) -> RevocationTaskQuerySet:
        """Filter for pages: open by default, ``overdue``, ``done``, or open of an age (`by_age`)."""
        if show == "done":
            return self.filter(state=RevocationState.CLOSED)
        words = {"overdue": Q(due_at__lte=now)} | {age: Q(age=age) for age in ("24", "48", "older")}
        return self.open().by_age(now).filter(words.get(show, Q()))

    def by_age(self, now: datetime) -> RevocationTaskQuerySet:
        """Annotate ``age`` in hours: less than ``24``, less than ``48``, or ``older``."""
        ages = [When(opened_at__gt=now - timedelta(hours=hours), then=Value(str(hours))) for hours in (24, 48)]
        return self.annotate(age=Case(*ages, default=Value("older")))

    def visible_to(self, actor: Actor, now: datetime) -> RevocationTaskQuerySet:
        """Return tasks of visible automations, and tasks that the actor or a giver of a delegation was asked about."""
        if actor.person is None:
            return self.none()
        seen = Automation.objects.visible_to(actor, now).filter(pk=OuterRef("grant__automation"))
        return self.filter(Exists(seen) | Q(asked__overlap=list(access.answers_as(actor, now))))

    def waiting_for(self, actor: Actor, now: datetime) -> RevocationTaskQuerySet:
        """Return open tasks that the actor or a giver of a delegation was asked about and none of them has answered."""
        people = list(access.answers_as(actor, now))
        by_them = Q(person__in=people) | Q(for_person__in=people)
        words = RevocationWord.objects.filter(by_them, task=OuterRef("pk"))
        return self.open().filter(~Exists(words), asked__overlap=people)


class RevocationTask(HasPage, models.Model):
    """The task to remove the access of an ended detached grant. A driver or two people confirm the removal (G4)."""

    page_name = "revocation"
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="revocation_tasks")
    #: The person who answers for the access and does not gain if it stays; None if nobody is left.
    owner = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="revocation_tasks")
    #: Ids of all people asked so far.
    asked = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    #: Ids of people who gained by the access when it ended: the database refuses their word.
    gains = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    #: When the next rung is asked; None once nobody is left.
    escalate_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=RevocationState, default=RevocationState.OPEN)
    outcome = models.CharField(max_length=10, choices=RevocationOutcome, blank=True, default="", db_default="")
    #: Ids of the two people who confirmed.
    closed_by = ArrayField(models.BigIntegerField(), default=list)
    closed_at = models.DateTimeField(null=True, blank=True)
    #: The last observation of a driver, and when.
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
    def resource(self) -> Resource | None:
        """The resource of the access: the privilege's, or the one that decided the credential."""
        grant = self.grant
        if grant.entitlement is not None:
            return grant.entitlement.resource
        return grant.approval.decided_on or (grant.credential.decided_on if grant.credential is not None else None)

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Return timeline names of tasks with these ids that the reader may see: one query."""
        rows = cls.objects.visible_to(actor, now).filter(pk__in=keys).order_by()
        return {pk: f"“{sentence}”" for pk, sentence in rows.values_list("pk", "grant__sentence")}

    def is_overdue(self, now: datetime) -> bool:
        """Return whether it is overdue at ``now``."""
        return self.state == RevocationState.OPEN and self.due_at <= now

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: grant, automation and resource."""
        return (self, *self.grant.ledger_about())

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return REVOKER for people who were asked, and relations to the resource."""
        relations: set[Relation] = {Relation.REVOKER} if person.pk in self.asked else set()
        if self.resource is not None:
            relations |= self.resource.relations(person, now)
        return frozenset(relations)


class RevocationWord(AppendOnly):
    """One person's word that the access is removed, and where they looked (G4)."""

    task = models.ForeignKey(RevocationTask, models.PROTECT, related_name="words")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    #: The giver of a delegation, which uses up both people (A11).
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    text = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    said_at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["task", "person"], name="revocation_word_once_a_person"),)

    def __str__(self) -> str:
        return f"{self.person} on {self.task}"

    @property
    def person_name(self) -> str:
        """The person's name, with the giver of a delegation."""
        instead = f" for {self.for_person.name}" if self.for_person is not None else ""
        return f"{self.person.name}{instead}"


#: Detached grants: their end counts only after a check in the target system.
DETACHED = Q(enforcement=EnforcedBy.DETACHED)
