"""Waivers that allow a conflict for a limited time (S7)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from approvals.models.conflict_rule import ConflictRule, Scope
from governance.core.access import Actor, Relation
from governance.core.models import FreeText, HasPage, History, Person
from inventory.models import Automation

#: Limits of any policy: the longest waiver, and the number of consecutive waivers (S7).
LONGEST_WAIVER = timedelta(days=90)
WAIVERS_IN_A_ROW = 2
#: A waiver follows an earlier one unless this time lies between them (S7; `waiver_in_a_row` in sql/waivers.sql).
WAIVER_GAP = timedelta(days=30)


class WaiverState(models.TextChoices):
    """A waiver counts while it is granted and its term runs."""

    ASKED = "asked", "Waiting"
    GRANTED = "granted", "Granted"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    ENDED = "ended", "Ended"


class WaiverQuerySet(models.QuerySet["Waiver"]):
    """Query set of waivers by visibility and state."""

    def visible_to(self, actor: Actor, now: datetime) -> WaiverQuerySet:
        """Return waivers requested for an automation that the actor may see."""
        return self.filter(automation__in=Automation.objects.visible_to(actor, now))

    def live(self, now: datetime) -> WaiverQuerySet:
        """Return waivers that lift something at ``now``."""
        return self.filter(state=WaiverState.GRANTED, begins_at__lte=now, ends_at__gt=now)

    def standing(self, word: str, now: datetime) -> WaiverQuerySet:
        """Filter by state: ``live`` (granted and not ended, begun or not), ``over``, ``open``, or requested by default."""
        lasts = Q(state=WaiverState.GRANTED, ends_at__gt=now)
        waits = Q(state=WaiverState.ASKED)
        return self.filter({"live": lasts, "over": ~lasts & ~waits, "open": lasts | waits}.get(word, waits))

    def titled(self) -> WaiverQuerySet:
        """Annotate ``title``, the title of the rule."""
        newest = ConflictRule.objects.filter(code=OuterRef("code")).order_by("-number")
        return self.annotate(
            title=Coalesce(Subquery(newest.values("title")[:1]), "code", output_field=models.CharField())
        )

    def not_followed(self) -> WaiverQuerySet:
        """Return waivers without a granted follower."""
        return self.filter(~Exists(Waiver.objects.filter(follows=OuterRef("pk"), state=WaiverState.GRANTED)))

    def counting(self, since: datetime) -> WaiverQuerySet:
        """Return waivers that a request at ``since`` would follow: granted, and not long over (S7)."""
        was_granted = (WaiverState.GRANTED, WaiverState.ENDED)
        return self.filter(state__in=was_granted, ends_at__gt=since - WAIVER_GAP)

    def of_the_same(self, code: str, scope: str, subject: int, keys: Collection[str]) -> WaiverQuerySet:
        """Return waivers of a rule and subject. A chain's id changes with its members, so there a common key counts."""
        same = self.filter(code=code, scope=scope)
        return same.filter(covers__overlap=list(keys)) if scope == Scope.CHAIN else same.filter(subject=subject)


class Waiver(HasPage, models.Model):
    """Permission for one subject to hold access together for a limited time that one rule forbids (S7).

    `covers` names the grants: an ``automation id/key`` for each. The key of a privilege is the same in all versions
    and in its grants. Access added later is not covered.
    """

    page_name = "waiver"
    code = models.CharField(max_length=80)
    scope = models.CharField(max_length=10, choices=Scope)
    subject = models.BigIntegerField()
    #: The automation of the request: its readers see the waiver.
    automation = models.ForeignKey(Automation, models.PROTECT, related_name="waivers")
    covers = ArrayField(models.CharField(max_length=110))
    #: Digest of the rule that was read; a changed rule is not lifted.
    rule_digest = models.CharField(max_length=64, default="")
    reason = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    #: The compensating control.
    control = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    days = models.PositiveSmallIntegerField()
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    #: Ids of people who gained at the request or at the decision: the database refuses their decision.
    beneficiaries = ArrayField(models.BigIntegerField(), default=list)
    decided_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: The giver of a delegation (A11).
    decided_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    begins_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    #: The waiver that it follows without a long gap, and its place in the sequence; counted at the request and at the
    #: grant.
    follows = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="followed_by")
    in_a_row = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=WaiverState, default=WaiverState.ASKED)

    #: Set by `WaiverQuerySet.titled`.
    title: str

    objects = WaiverQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="waiver_state_known", condition=Q(state__in=WaiverState.values)),
            models.CheckConstraint(name="waiver_two_in_a_row", condition=Q(in_a_row__lte=WAIVERS_IN_A_ROW)),
            models.CheckConstraint(name="waiver_within_its_longest", condition=Q(days__gte=1, days__lte=90)),
            models.CheckConstraint(
                name="waiver_ends",
                condition=~Q(state__in=["granted", "ended"])
                | Q(
                    begins_at__isnull=False,
                    ends_at__gt=F("begins_at"),
                    ends_at__lte=F("begins_at") + Value(LONGEST_WAIVER, output_field=models.DurationField()),
                    decided_by__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="waiver_by_nobody_who_gains",
                condition=Q(decided_by__isnull=True)
                | Q(state="withdrawn")
                | (~Q(decided_by=F("asked_by")) & ~Q(beneficiaries__contains=[F("decided_by")])),
            ),
            models.CheckConstraint(
                name="waiver_for_nobody_who_gains",
                condition=Q(decided_for__isnull=True)
                | (~Q(decided_for=F("asked_by")) & ~Q(beneficiaries__contains=[F("decided_for")])),
            ),
            models.UniqueConstraint(
                fields=["code", "scope", "subject"], condition=Q(state="asked"), name="waiver_asked_once"
            ),
        )
        indexes = (models.Index(fields=["code", "scope", "subject"], name="waiver_by_subject"),)

    def __str__(self) -> str:
        return f"Waiver of {self.code} for {self.automation}"

    def is_live(self, now: datetime) -> bool:
        """Return whether it lifts something at ``now``, like `WaiverQuerySet.live`."""
        begins, ends = self.begins_at, self.ends_at
        return self.state == WaiverState.GRANTED and begins is not None and ends is not None and begins <= now < ends

    def conflict_filter(self) -> Q:
        """Return the condition for conflicts of its subject. A chain's id changes with its members."""
        same = Q(code=self.code, scope=self.scope)
        return same & (Q(keys__overlap=self.covers) if self.scope == Scope.CHAIN else Q(subject=self.subject))

    def state_at(self, now: datetime) -> str:
        """Return its state on pages: over after its end, even before a job has run."""
        is_over = self.state == WaiverState.GRANTED and self.ends_at is not None and self.ends_at <= now
        return WaiverState.ENDED if is_over else self.state

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its events: the automation."""
        return (self, self.automation)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return relations to the automation, and SUBMITTER for the requester."""
        relations = set(self.automation.relations(person, now))
        if person.pk == self.asked_by_id:
            relations.add(Relation.SUBMITTER)
        return frozenset(relations)
