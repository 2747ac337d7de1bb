"""Items, questions and answers: is what is held still needed, and still acceptable? (R1 to R4, S4)"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import Q

from approvals.models import Grant
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import AppendOnly, FreeText, History, Person
from governance.core.roles.roles import Permission, Relation
from governance.recertification.models.campaign import Campaign
from inventory.models import Automation, Resource


class ItemState(models.TextChoices):
    """Open until answered; escalated when overdue; closed when its outcome took effect."""

    OPEN = "open", "Open"
    ANSWERED = "answered", "Answered"
    ESCALATED = "escalated", "Escalated"
    CLOSED = "closed", "Closed"


class ItemOutcome(models.TextChoices):
    """What became of the grant."""

    KEPT = "kept", "Kept"
    REVOKED = "revoked", "Revoked"
    NOT_RENEWED = "not_renewed", "Not renewed"
    SUPERSEDED = "superseded", "Ended otherwise"
    RESOLVED = "resolved", "Conflict resolved"
    CALLED_OFF = "called_off", "Called off"


#: States in which an item still waits for something.
UNCLOSED = (ItemState.OPEN, ItemState.ANSWERED, ItemState.ESCALATED)


#: Under what an item keeps what joined it last and changed what is asked, and when: what was chosen before does not count (R2).
CHANGED = "changed"


class ItemQuerySet(models.QuerySet["Item"]):
    """Items as people may see them."""

    def visible_to(self, actor: Actor, now: datetime) -> ItemQuerySet:
        """Those that the actor is asked about, and those of automations that they may see."""
        if actor.person is None:
            return self.none()
        automations = Automation.objects.visible_to(actor, now)
        return self.filter(
            Q(pk__in=Question.objects.asked_of(actor, now).values("item"))
            | Q(grant__automation__in=automations)
            | Q(automation__in=automations)
        )

    def of_campaigns(self, campaigns: Collection[int], actor: Actor, now: datetime) -> ItemQuerySet:
        """The items of some campaigns: all of them for whoever reads all reviews, for others what they are asked or own (R2)."""
        rows = self.filter(campaign__in=list(campaigns))
        if access.may(actor, Permission.CAMPAIGN_READ, None, now=now):
            return rows
        people = access.answers_as(actor, now)
        held = Automation.objects.filter(Q(business_owner__in=people) | Q(technical_owner__in=people)).order_by()
        on = Resource.objects.filter(Q(owner__in=people) | Q(deputy__in=people)).order_by()
        asked = Question.objects.filter(reviewer__in=people, item__campaign__in=list(campaigns)).order_by()
        return rows.filter(
            Q(pk__in=asked.values("item"))
            | Q(automation__in=held.values("pk"))
            | Q(grant__automation__in=held.values("pk"))
            | Q(grant__entitlement__resource__in=on.values("pk"))
        )


def _about_what_is_seen(actor: Actor, now: datetime, item: str = "") -> Q:
    """Items about a grant or an automation that the reader may see, whoever is asked."""
    grants, automations = Grant.objects.visible_to(actor, now), Automation.objects.visible_to(actor, now)
    return Q(**{f"{item}grant__in": grants}) | Q(**{f"{item}automation__in": automations})


class Item(models.Model):
    """One grant, or one automation, that comes up for review; at most one is open for each (R5)."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="items", db_index=False)  # item_of_campaign
    grant = models.ForeignKey(Grant, models.PROTECT, null=True, blank=True, related_name="items")
    automation = models.ForeignKey(Automation, models.PROTECT, null=True, blank=True, related_name="items")
    reason = models.CharField(max_length=40)
    snapshot = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    deadline = models.DateTimeField()
    grace_until = models.DateTimeField()
    #: Nobody may say whether it is needed, or acceptable: it waits for security, and no silence counts against it (A9, R6).
    nobody = models.BooleanField(default=False, db_default=False)
    #: When silence suspended what is reviewed (R6).
    suspended_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.OPEN)
    outcome = models.CharField(max_length=12, choices=ItemOutcome, blank=True)
    #: When what is suspended ends for good, unless an answer comes or is corrected before (R4, R6).
    closes_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ItemQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("deadline", "id")
        constraints = (
            models.CheckConstraint(
                name="item_one_subject",
                condition=Q(grant__isnull=False, automation__isnull=True)
                | Q(grant__isnull=True, automation__isnull=False),
            ),
            models.CheckConstraint(name="item_state_known", condition=Q(state__in=ItemState.values)),
            models.CheckConstraint(
                name="item_closed_has_outcome",
                condition=~Q(state="closed") | Q(closed_at__isnull=False) & ~Q(outcome=""),
            ),
            models.UniqueConstraint(fields=["grant"], condition=~Q(state="closed"), name="item_one_open_per_grant"),
            models.UniqueConstraint(
                fields=["automation"], condition=~Q(state="closed"), name="item_one_open_per_automation"
            ),
        )
        indexes = (
            models.Index(fields=["state", "deadline"], name="item_due"),
            models.Index(fields=["campaign", "id"], name="item_of_campaign"),
            models.Index(fields=["campaign"], condition=Q(nobody=True) & ~Q(state="closed"), name="item_nobody"),
        )

    def __str__(self) -> str:
        return f"Review of {self.grant or self.automation}"

    @property
    def is_sample(self) -> bool:
        """Whether it is about low risk and was drawn, so that a second person is asked (S4)."""
        return bool(self.snapshot.get("drawn"))

    @property
    def of_automation(self) -> Automation:
        """The automation that is reviewed, or that holds the grant."""
        if self.grant is not None:
            return self.grant.automation
        assert self.automation is not None  # item_one_subject
        return self.automation

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """What a timeline calls what the items with these keys are about, as far as the reader may see it: one query."""
        about = ("grant__approval__privilege__entitlement__resource", "grant__approval__credential")
        rows = cls.objects.filter(_about_what_is_seen(actor, now), pk__in=keys).select_related(*about).order_by()
        return {row.pk: row.in_a_timeline for row in rows}

    @property
    def in_a_timeline(self) -> str:
        """What a timeline calls what is reviewed."""
        return f"“{self.grant.sentence}”" if self.grant else "the automation"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the timelines of grant, automation and resource too."""
        return (self, *(self.grant.ledger_about() if self.grant else (self.of_automation,)))

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Who is asked one of its questions is its reviewer."""
        found = set(self.of_automation.relations(person, now))
        if self.questions.filter(reviewer=person).exists():
            found.add(Relation.REVIEWER)
        return frozenset(found)


class Asks(models.TextChoices):
    """The two questions of S4."""

    NEEDED = "needed", "Is it still needed?"
    ACCEPTABLE = "acceptable", "Is it still acceptable?"


class QuestionQuerySet(models.QuerySet["Question"]):
    """Questions by whom they are asked of."""

    def asked_of(self, actor: Actor, now: datetime) -> QuestionQuerySet:
        """Those that the actor's person is asked, or somebody for whom they stand in at ``now`` (A11)."""
        return self.filter(reviewer__in=access.answers_as(actor, now))

    def unanswered(self) -> QuestionQuerySet:
        """Those that still wait for somebody."""
        return self.filter(answered_at__isnull=True, item__state__in=[ItemState.OPEN, ItemState.ESCALATED])


class Question(models.Model):
    """One question of one item to one reviewer; the two of an item never go to the same person (S4)."""

    item = models.ForeignKey(Item, models.PROTECT, related_name="questions")
    asks = models.CharField(max_length=10, choices=Asks)
    reviewer = models.ForeignKey(Person, models.PROTECT, related_name="questions")
    #: Since when it is with this reviewer.
    asked_at = models.DateTimeField()
    #: Who can be asked, in order, as it stood when the item opened (R2); and who was asked before, which is never undone (R4).
    ladder = ArrayField(models.BigIntegerField(), default=list)
    asked_before = ArrayField(models.BigIntegerField(), default=list)
    passed = models.PositiveSmallIntegerField(default=0)
    remind_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = QuestionQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("item_id", "id")
        constraints = (
            models.UniqueConstraint(fields=["item", "asks"], name="question_once_per_item"),
            models.CheckConstraint(name="question_passed_at_most_twice", condition=Q(passed__lte=2)),
            ExclusionConstraint(
                name="question_two_people",
                expressions=[
                    ("item", RangeOperators.EQUAL),
                    ("reviewer", RangeOperators.EQUAL),
                    ("asks", RangeOperators.NOT_EQUAL),
                ],
            ),
        )
        indexes = (
            models.Index(fields=["reviewer"], condition=Q(answered_at__isnull=True), name="question_unanswered"),
            models.Index(fields=["remind_at"], condition=Q(answered_at__isnull=True), name="question_reminder"),
        )

    def __str__(self) -> str:
        return f"{self.get_asks_display()} {self.item}"

    @property
    def state(self) -> str:
        """Derived, never set: answered, else what its item is (settled when the other answer took it away already)."""
        if self.answered_at is not None and self.item.state != ItemState.CLOSED:
            return "answered"
        return "settled" if self.item.state == ItemState.ANSWERED else self.item.state

    @property
    def latest_answer(self) -> Answer | None:
        """The answer that counts, or None; what only passed it on is none."""
        settling = (one for one in self.answers.all() if one.answer in SETTLING)
        return max(settling, key=lambda one: one.pk, default=None)

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """What a timeline calls what the questions with these keys are about, as far as the reader may see it: one query."""
        about = ("item__grant__approval__privilege__entitlement__resource", "item__grant__approval__credential")
        seen = _about_what_is_seen(actor, now, "item__")
        rows = cls.objects.filter(seen, pk__in=keys).select_related(*about).order_by()
        return {row.pk: row.item.in_a_timeline for row in rows}

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the item's timelines."""
        return (self, *self.item.ledger_about())

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """The reviewer alone answers."""
        found = set(self.item.of_automation.relations(person, now))
        if person.pk == self.reviewer_id:
            found.add(Relation.REVIEWER)
        return frozenset(found)


class AnswerKind(models.TextChoices):
    """What a reviewer may answer (R4)."""

    KEEP = "keep", "Keep"
    REVOKE = "revoke", "Revoke"
    DO_NOT_RENEW = "do_not_renew", "Do not renew"
    DONT_KNOW = "dont_know", "I don't know"
    NOT_MINE = "not_mine", "Not mine"


#: Answers that answer; the others pass the question on.
SETTLING = (AnswerKind.KEEP, AnswerKind.REVOKE, AnswerKind.DO_NOT_RENEW)


class Draft(models.Model):
    """What a reviewer has chosen and not submitted. No governed fact: it is overwritten, and gone once submitted (R4)."""

    question = models.OneToOneField(Question, models.CASCADE, related_name="draft")
    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    answer = models.CharField(max_length=12, choices=AnswerKind)
    reason = models.TextField(blank=True)
    whose = models.ForeignKey(Person, models.CASCADE, null=True, blank=True, related_name="+")
    seconds = models.PositiveIntegerField(null=True, blank=True)
    recommended = models.CharField(max_length=12, blank=True, default="", db_default="")
    looked = models.PositiveSmallIntegerField(null=True, blank=True)
    #: Chosen for several items of low risk at once (R7).
    in_bulk = models.BooleanField(default=False, db_default=False)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = (models.CheckConstraint(name="draft_answer_known", condition=Q(answer__in=AnswerKind.values)),)

    def __str__(self) -> str:
        return f"{self.person} would answer {self.answer}"


class Answer(AppendOnly):
    """One submitted answer. A correction is another row that supersedes it (R4)."""

    question = models.ForeignKey(Question, models.PROTECT, related_name="answers")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    answer = models.CharField(max_length=12, choices=AnswerKind)
    term_days = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    batch = models.UUIDField()
    #: How long the item was before them, what was recommended then (`recommending.Advice`), and how often they opened what stands behind
    #: it; empty where that was not shown or not measured (R3, R7).
    seconds = models.PositiveIntegerField(null=True, blank=True)
    recommended = models.CharField(max_length=12, blank=True, default="", db_default="")
    looked = models.PositiveSmallIntegerField(null=True, blank=True)
    at = models.DateTimeField()
    supersedes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="superseded_by")

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.CheckConstraint(name="answer_known", condition=Q(answer__in=AnswerKind.values)),)

    def __str__(self) -> str:
        return f"{self.person}: {self.answer}"

    @property
    def followed(self) -> bool | None:
        """Whether it is what was recommended; None where no answer was, or where it passed the question on."""
        if self.recommended not in SETTLING or self.answer not in SETTLING:
            return None
        return self.answer == self.recommended


class Joining(AppendOnly):
    """A campaign came to something that was under review already: that review goes on, and the campaign counts on it (R2, R5)."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="joinings")
    item = models.ForeignKey(Item, models.PROTECT, related_name="joinings")
    at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["campaign", "item"], name="joining_once"),)

    def __str__(self) -> str:
        return f"{self.item} joined by {self.campaign}"
