"""Items, questions and answers: is a grant or an automation still needed and acceptable? (R1 to R4, S4)"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, NullIf

from approvals.models import Grant
from governance.core.access import Actor, Permission, Relation, access
from governance.core.models import AppendOnly, FreeText, History, Person
from governance.recertification.models.campaign import Campaign, ways_to_items
from inventory.importers import sentences
from inventory.models import Automation


class ItemState(models.TextChoices):
    """State of an item: open until answered, escalated when overdue, closed when its outcome took effect."""

    OPEN = "open", "Open"
    ANSWERED = "answered", "Answered"
    ESCALATED = "escalated", "Escalated"
    CLOSED = "closed", "Closed"


class ItemOutcome(models.TextChoices):
    """Outcome for the grant."""

    KEPT = "kept", "Kept"
    REVOKED = "revoked", "Revoked"
    SUPERSEDED = "superseded", "Ended otherwise"
    RESOLVED = "resolved", "Conflict resolved"


#: States in which an item waits for an answer.
WAITING = (ItemState.OPEN, ItemState.ESCALATED)
#: States other than closed.
UNCLOSED = (ItemState.OPEN, ItemState.ANSWERED, ItemState.ESCALATED)


#: Due date of a question in a query, as `Item.due_at`.
DUE = Case(When(item__state=ItemState.ESCALATED, then=F("item__grace_until")), default=F("item__deadline"))

#: Tier as which an item counts, in a query: as `Grant.counted_tier`, or that of its automation.
COUNTED_AS = Coalesce(NullIf("grant__raised_to", Value("")), "grant__tier", "automation__tier")

#: Snapshot key for the last join that outdated earlier drafts, with its time (R2).
CHANGED = "changed"


#: Reasons of a review in words; a scheduled review needs none.
REASON_WORDS = {
    "review date": "",
    "tier raised": "Its risk has risen since it was approved.",
    "new conflict": "It is held together with something that a rule no longer allows.",
    "ad hoc": "Somebody asked for this review before its time.",
    "owner left": "Somebody who answers for it has left.",
    "drift": "It was changed since it was approved, and nobody has submitted the change.",
    "unused": "It was measured all the while, and not used once.",
    "incident": "An incident is declared on what it touches.",
    "new finding": "Something was found in it that was not known when it was approved.",
}


class ItemQuerySet(models.QuerySet["Item"]):
    """Items with their visibility."""

    def visible_to(self, actor: Actor, now: datetime) -> ItemQuerySet:
        """Items of visible automations, and those in which the actor is a reviewer."""
        if actor.person is None:
            return self.none()
        automations = Automation.objects.visible_to(actor, now)
        return self.filter(
            Q(pk__in=Question.objects.asked_of(actor, now).values("item"))
            | Q(grant__automation__in=automations)
            | Q(automation__in=automations)
        )

    def of_campaigns(self, campaigns: Collection[int], actor: Actor, now: datetime) -> ItemQuerySet:
        """Items of campaigns: all with the permission, otherwise those of the reader as reviewer or owner (R2)."""
        rows = self.filter(campaign__in=list(campaigns))
        if access.may(actor, Permission.CAMPAIGN_READ, None, now=now):
            return rows
        condition = Q()
        for way in ways_to_items(access.answers_as(actor, now)):
            condition |= Q(pk__in=rows.filter(**way).order_by().values("pk"))
        return rows.filter(condition)

    def standing(self, show: str, now: datetime) -> ItemQuerySet:
        """Filter for pages: ``open``, ``answered``, ``overdue``, or all."""
        late = Q(state=ItemState.OPEN, deadline__lte=now) | Q(state=ItemState.ESCALATED, grace_until__lte=now)
        words = {"open": Q(state__in=WAITING), "answered": ~Q(state__in=WAITING), "overdue": late}
        return self.filter(words.get(show, Q()))


def _visible_subjects(actor: Actor, now: datetime, item: str = "") -> Q:
    """Condition for items about a grant or automation that the reader may see."""
    grants, automations = Grant.objects.visible_to(actor, now), Automation.objects.visible_to(actor, now)
    return Q(**{f"{item}grant__in": grants}) | Q(**{f"{item}automation__in": automations})


class Item(models.Model):
    """One grant or automation under review; at most one open item for each (R5)."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="items", db_index=False)  # item_of_campaign
    grant = models.ForeignKey(Grant, models.PROTECT, null=True, blank=True, related_name="items")
    automation = models.ForeignKey(Automation, models.PROTECT, null=True, blank=True, related_name="items")
    reason = models.CharField(max_length=40)
    snapshot = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    deadline = models.DateTimeField()
    grace_until = models.DateTimeField()
    #: No eligible reviewer for some question: it waits for security, and silence does not count (A9, R6).
    nobody = models.BooleanField(default=False, db_default=False)
    #: When silence suspended the grant or automation (R6).
    suspended_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.OPEN)
    outcome = models.CharField(max_length=12, choices=ItemOutcome, blank=True)
    #: When the suspended grant ends, unless an answer or a correction comes first (R4, R6).
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
        """Whether it is low risk and in the sample, so that a second person is asked (S4)."""
        return bool(self.snapshot.get("drawn"))

    @property
    def of_automation(self) -> Automation:
        """The reviewed automation, or the automation of the grant."""
        if self.grant is not None:
            return self.grant.automation
        assert self.automation is not None  # item_one_subject
        return self.automation

    @property
    def counted_tier(self) -> str:
        """The present tier of the grant or automation (T4)."""
        return self.grant.counted_tier if self.grant is not None else self.of_automation.tier

    @property
    def due_at(self) -> datetime:
        """Due date: an escalated item is due when silence takes effect (R6)."""
        return self.grace_until if self.state == ItemState.ESCALATED else self.deadline

    @property
    def ends_at(self) -> datetime | None:
        """End of the grant's term; None for an automation."""
        return self.grant.ends_at if self.grant is not None else None

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Words for timelines about visible items, by id. One query."""
        rows = cls.objects.filter(_visible_subjects(actor, now), pk__in=keys).select_related("grant").order_by()
        return {row.pk: row.in_a_timeline for row in rows}

    @property
    def title(self) -> str:
        """One line: "Invoice chaser may post messages to #finance in Finance Slack workspace"."""
        if self.grant is None:
            return f"{self.of_automation.name} is in use"
        return f"{self.of_automation.name} may {sentences.infinitive(self.grant.sentence)}"

    @property
    def reason_words(self) -> str:
        """Reasons of an unscheduled review in words: why it opened and what joined it (R1, R2)."""
        reasons = dict.fromkeys([self.reason, *self.snapshot.get("joined", [])])
        return " ".join(sentence for reason in reasons if (sentence := REASON_WORDS.get(reason, "")))

    @property
    def in_a_timeline(self) -> str:
        """Words for the grant or automation in a timeline."""
        return f"“{self.grant.sentence}”" if self.grant else "the automation"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events are also on the timelines of grant, automation and resource."""
        return (self, *(self.grant.ledger_about() if self.grant else (self.of_automation,)))


class Asks(models.TextChoices):
    """The two questions of S4."""

    NEEDED = "needed", "Is it still needed?"
    ACCEPTABLE = "acceptable", "Is it still acceptable?"


class QuestionQuerySet(models.QuerySet["Question"]):
    """Questions by reviewer and state."""

    def asked_of(self, actor: Actor, now: datetime) -> QuestionQuerySet:
        """Questions of the actor's person, and of those they are a delegate of at ``now`` (A11)."""
        return self.filter(reviewer__in=access.answers_as(actor, now))

    def unanswered(self) -> QuestionQuerySet:
        """Questions without an answer in open or escalated items."""
        return self.filter(answered_at__isnull=True, item__state__in=WAITING)

    def open_for(self, people: Any) -> QuestionQuerySet:
        """Unanswered questions of some people, most urgent first: for the queue, home, digests and counts.

        Args:
            people: ids, or a query of ids such as `access.answering_as`.
        """
        return self.unanswered().filter(reviewer__in=people).order_by("item__deadline", "pk")


class Question(models.Model):
    """One question of an item to one reviewer; an item's two questions go to two people (S4)."""

    item = models.ForeignKey(Item, models.PROTECT, related_name="questions")
    asks = models.CharField(max_length=10, choices=Asks)
    reviewer = models.ForeignKey(Person, models.PROTECT, related_name="questions")
    #: When it came to this reviewer.
    asked_at = models.DateTimeField()
    #: Ids of possible reviewers in order, as at the opening (R2), and of earlier reviewers, who are never asked again (R4).
    escalation_chain = ArrayField(models.BigIntegerField(), default=list)
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
        """Derived state: answered, else the item's; settled if the other answer has settled the item."""
        if self.answered_at is not None and self.item.state != ItemState.CLOSED:
            return "answered"
        return "settled" if self.item.state == ItemState.ANSWERED else self.item.state

    @property
    def is_no_longer_asked(self) -> bool:
        """Whether its item was settled or closed without its answer."""
        return self.answered_at is None and self.item.state not in WAITING

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Words for timelines about visible questions, by id. One query."""
        seen = _visible_subjects(actor, now, "item__")
        rows = cls.objects.filter(seen, pk__in=keys).select_related("item__grant").order_by()
        return {row.pk: row.item.in_a_timeline for row in rows}

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events are also on the item's timelines; once it is answered, on the campaign's, too."""
        return (self, *self.item.ledger_about(), *((self.item.campaign,) if self.answered_at else ()))

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """The reviewer of this question, and nobody else, may answer it."""
        return frozenset({Relation.REVIEWER} if person.pk == self.reviewer_id else ())


class AnswerKind(models.TextChoices):
    """Possible answers of a reviewer (R4)."""

    KEEP = "keep", "Keep"
    REVOKE = "revoke", "Revoke"
    DONT_KNOW = "dont_know", "I don't know"
    NOT_MINE = "not_mine", "Not mine"


#: Answers that settle a question; the others pass it on.
SETTLING = (AnswerKind.KEEP, AnswerKind.REVOKE)


class Draft(models.Model):
    """A reviewer's unsubmitted choice. Not a governed fact: overwritten freely and deleted at submission (R4)."""

    question = models.OneToOneField(Question, models.CASCADE, related_name="draft")
    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    answer = models.CharField(max_length=12, choices=AnswerKind)
    ends_on = models.DateField(null=True, blank=True)
    reason = models.TextField(blank=True)
    whose = models.ForeignKey(Person, models.CASCADE, null=True, blank=True, related_name="+")
    seconds = models.PositiveIntegerField(null=True, blank=True)
    recommended = models.CharField(max_length=12, blank=True, default="", db_default="")
    looked = models.PositiveSmallIntegerField(null=True, blank=True)
    #: Chosen for several low-risk items at once (R7).
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
    #: For *keep*: the earlier day on which the access ends.
    ends_on = models.DateField(null=True, blank=True)
    reason = models.ForeignKey(FreeText, models.PROTECT, null=True, blank=True, related_name="+")
    batch = models.UUIDField()
    #: Seconds the card was open, the shown `recommendation.Advice`, and how often details were opened;
    #: empty if not shown or not measured (R3, R7).
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


class Joining(AppendOnly):
    """A campaign joined an open review of another one: the review continues and counts for both (R2, R5)."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="joinings")
    item = models.ForeignKey(Item, models.PROTECT, related_name="joinings")
    at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["campaign", "item"], name="joining_once"),)

    def __str__(self) -> str:
        return f"{self.item} joined by {self.campaign}"


def under_review(field: str = "grant") -> Exists:
    """Condition for grants, or for automations with ``field="automation"``: the row has an unclosed item."""
    return Exists(Item.objects.filter(state__in=UNCLOSED, **{field: OuterRef("pk")}))


def with_tier(rows: models.QuerySet[Grant]) -> models.QuerySet[Any]:
    """Grants with ``tier_now``, as `Grant.counted_tier`."""
    return rows.annotate(tier_now=Coalesce(NullIf("raised_to", Value("")), "tier"))
