"""Interim owners for items whose owner has left: named by two people together, for thirty days at most (I3)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from governance.core.access import Relation
from governance.core.models import FreeText, History, Person, Team

#: Days of an interim owner's term (I3). They can be named again.
INTERIM_DAYS = 30

#: Kinds of items that can be without an owner, by the field that names them.
OWNED = ("resource", "automation", "identity", "credential")


class InterimState(models.TextChoices):
    """State: named by one person, then confirmed by another; the end of the term is computed."""

    NAMED = "named", "Named"
    CONFIRMED = "confirmed", "Confirmed"
    ENDED = "ended", "Ended"


class NamedAs(models.TextChoices):
    """Capacity of the person who names; the other capacity confirms."""

    LEAD = "lead", "Team lead"
    SECURITY = "security", "Security reviewer"


def _exactly_one() -> Q:
    """Constraint: exactly one field of `OWNED` is set."""
    return reduce(or_, (Q(**{f"{name}__isnull": name != named for name in OWNED}) for named in OWNED))


def people_differ(names: tuple[str, ...], other: tuple[str, ...]) -> Q:
    """Condition that none of some people is one of the others, by names of columns; empty columns differ."""
    condition = Q()
    for first in names:
        for second in other:
            condition &= Q((f"{first}__isnull", True)) | Q((f"{second}__isnull", True)) | ~Q((first, F(second)))
    return condition


class InterimOwner(models.Model):
    """One person as interim owner of one item, named by team lead and security reviewer together (I3)."""

    resource = models.ForeignKey(
        "inventory.Resource", models.PROTECT, null=True, blank=True, related_name="interim_owners"
    )
    automation = models.ForeignKey(
        "inventory.Automation", models.PROTECT, null=True, blank=True, related_name="interim_owners"
    )
    identity = models.ForeignKey(
        "inventory.NonHumanIdentity", models.PROTECT, null=True, blank=True, related_name="interim_owners"
    )
    credential = models.ForeignKey(
        "inventory.Credential", models.PROTECT, null=True, blank=True, related_name="interim_owners"
    )
    person = models.ForeignKey(Person, models.PROTECT, related_name="interim_for")
    state = models.CharField(max_length=10, choices=InterimState, default=InterimState.NAMED)
    #: Person represented under a delegation: a delegation uses up both people (A11).
    named_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    named_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    named_as = models.CharField(max_length=8, choices=NamedAs)
    named_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Reason of the naming, for the person who confirms.
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")

    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="interim_of_one_thing", condition=_exactly_one()),
            models.CheckConstraint(
                name="interim_named_by_two_others",
                condition=people_differ(("person",), ("named_by", "named_for", "confirmed_by", "confirmed_for"))
                & people_differ(("named_by", "named_for"), ("confirmed_by", "confirmed_for")),
            ),
            models.CheckConstraint(
                name="interim_confirmed_by_somebody",
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True, until__isnull=True)
                & ~Q(state="confirmed")
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, until__isnull=False) & ~Q(state="named"),
            ),
            models.CheckConstraint(
                name="interim_at_most_30_days",
                condition=Q(until__isnull=True)
                | Q(until__gt=F("confirmed_at"))
                & Q(
                    until__lte=F("confirmed_at")
                    + models.Value(timedelta(days=INTERIM_DAYS), output_field=models.DurationField())
                ),
            ),
            models.CheckConstraint(
                name="interim_ended_once",
                condition=Q(state="ended", ended_at__isnull=False) | ~Q(state="ended") & Q(ended_at__isnull=True),
            ),
            models.CheckConstraint(name="interim_state_known", condition=Q(state__in=InterimState.values)),
            models.CheckConstraint(name="interim_named_as_known", condition=Q(named_as__in=NamedAs.values)),
            models.UniqueConstraint(
                fields=OWNED, condition=~Q(state="ended"), nulls_distinct=False, name="interim_one_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} for {self.subject}"

    @property
    def subject(self) -> Owned:
        """Item without an owner."""
        subject: Owned = next(owned for name in OWNED if (owned := getattr(self, name)) is not None)
        return subject

    @property
    def confirmed_as(self) -> NamedAs:
        """Capacity of the person who confirms: the one in which nobody named."""
        return NamedAs.SECURITY if self.named_as == NamedAs.LEAD else NamedAs.LEAD

    def runs(self, now: datetime) -> bool:
        """Whether the interim owner counts at ``now``: confirmed, within the term, and here."""
        in_term = self.until is not None and now < self.until
        return self.state == InterimState.CONFIRMED and in_term and self.person.is_here

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timelines of the item."""
        ledger_about: Any = getattr(self.subject, "ledger_about", None)
        return (self, *(ledger_about() if ledger_about is not None else (self.subject,)))

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to the item; the interim owner can also end the term."""
        relations = {Relation.SELF} if person.pk == self.person_id else frozenset[Relation]()
        return frozenset(self.subject.relations(person, now) | relations)


class Owned(models.Model):
    """Base of items with an owner. An item is ownerless after its owner left, without an interim owner (I3).

    A subclass has a team, or defines whose leads name an interim owner (`owning_team`).
    """

    #: Field of the regular owner.
    OWNER = "owner"
    team: Any

    #: Last confirmed interim owner; `interim_owner` checks whether they still count.
    interim = models.ForeignKey(InterimOwner, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        abstract = True

    @property
    def accountable(self) -> Person | None:
        """Regular owner, here or not; None if there never was one."""
        owner: Person | None = getattr(self, self.OWNER)
        return owner

    @property
    def owning_team(self) -> Team | None:
        """Team whose lead names an interim owner, by default its own; None for the teams of the owner who left."""
        own: Team | None = self.team
        return own

    @property
    def href(self) -> str:
        """Address of its page."""
        return reverse(self.item_kind, args=[self.pk])

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations of a person to it."""
        raise NotImplementedError

    @property
    def item_kind(self) -> str:
        """Its kind: a field of `OWNED`."""
        name = str(self._meta.model_name)
        return "identity" if name == "nonhumanidentity" else name

    def interim_owner(self, now: datetime) -> Person | None:
        """Interim owner at ``now`` after the owner left, or None. No query if there never was one."""
        if self.interim is None or not self.interim.runs(now) or self._has_accountable:
            return None
        return self.interim.person

    @property
    def _has_accountable(self) -> bool:
        return self.accountable is not None and self.accountable.is_here

    def is_ownerless(self, now: datetime) -> bool:
        """Whether no person who is here answers for it (I3)."""
        return not self._has_accountable and self.interim_owner(now) is None

    def is_led_by(self, person: Person) -> bool:
        """Whether a person is lead or deputy lead of its team; without a team, of a team of the owner who left."""
        if self.owning_team is not None:
            return person.pk in (self.owning_team.lead_id, self.owning_team.deputy_lead_id)
        if self.accountable is None:
            return False
        teams = Team.objects.filter(memberships__person=self.accountable)
        return teams.filter(Q(lead=person) | Q(deputy_lead=person)).exists()


def interim_condition(people: Collection[int], now: datetime) -> Q:
    """Condition for rows with one of some people, by id, as interim owner at ``now``."""
    return Q(interim__person__in=people, interim__state=InterimState.CONFIRMED, interim__until__gt=now)


def ownerless_condition(owner: str, now: datetime) -> Q:
    """Condition for rows without an owner who is here and without an interim owner at ``now``.

    Args:
        owner: field of the accountable owner.
        now: business time.
    """
    has_left = Q((f"{owner}__is_active", False)) | Q((f"{owner}__left_at__isnull", False))
    is_active = Q(interim__person__is_active=True, interim__person__left_at__isnull=True)
    interim_runs = Q(interim__isnull=False, interim__state=InterimState.CONFIRMED, interim__until__gt=now)
    return (Q((f"{owner}__isnull", True)) | has_left) & ~(interim_runs & is_active)
