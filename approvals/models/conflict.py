"""What may not be held together, what is held of it, and what is allowed for a while all the same (S6, S7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from governance.core.actors.actor import Actor
from governance.core.models import AppendOnly, FreeText, History, Person
from governance.core.roles.roles import Relation
from inventory.models import Automation, Entitlement
from inventory.models.resource import sees_all

#: The longest that any policy lets a waiver last, and how many it lets follow each other (S7).
LONGEST_WAIVER = timedelta(days=90)
WAIVERS_IN_A_ROW = 2
#: A waiver follows an earlier one unless this time lies between them (S7; `waiver_in_a_row` in sql/waivers.sql).
WAIVER_GAP = timedelta(days=30)

#: The place of what has to be held too ("A without B") among the legs of a rule; its legs are numbered from 1.
WITHOUT = 0
#: The place of a rule's needs: after its legs, six at most.
NEEDS = 7


class Mode(models.TextChoices):
    """What a conflict does: it is shown, takes another signature, or is refused."""

    RECORD = "record", "Record"
    APPROVAL = "approval", "Needs a signature"
    ENFORCE = "enforce", "Refused"


class Scope(models.TextChoices):
    """Of whom it is asked what is held together."""

    AUTOMATION = "automation", "Automation"
    IDENTITY = "identity", "Identity"
    OWNER = "owner", "Owner"
    TEAM = "team", "Team"
    CHAIN = "chain", "Chain"


class Rating(models.TextChoices):
    """How bad it would be."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class ConflictRuleQuerySet(models.QuerySet["ConflictRule"]):
    """Rules by whether they count."""

    def in_force(self, now: datetime) -> ConflictRuleQuerySet:
        """The newest version of each rule that counts at the instant ``now``, without those that were given up.

        What one person tightened counts until its time is up, whether or not a job has run by then.
        """
        counts = self.filter(Q(until__isnull=True) | Q(until__gt=now), effective_at__lte=now)
        return self.filter(pk__in=counts._newest(), is_given_up=False).order_by("code")

    def to_keep_weighed(self, now: datetime) -> ConflictRuleQuerySet:
        """Those in force, and what comes back where one of them acts only until an hour."""
        signed = self.filter(until__isnull=True, effective_at__lte=now)
        back = self.filter(pk__in=signed._newest(), is_given_up=False)
        return self.filter(Q(pk__in=self.in_force(now).values("pk")) | Q(pk__in=back.values("pk"))).order_by("code")

    def _newest(self) -> Any:
        return self.order_by("code", "-number").distinct("code").values("pk")


class ConflictRule(AppendOnly):
    """One version of one rule. What ships is version 1 of itself; every other one was proposed and approved by two people (S8).

    What one person tightened counts until `until` and has no second signature; where it lapses, what it said before is back as a version
    of its own, which names it in `undoes`.
    """

    code = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    process = models.CharField(max_length=80)
    rating = models.CharField(max_length=8, choices=Rating)
    mode = models.CharField(max_length=8, choices=Mode)
    scope = models.CharField(max_length=10, choices=Scope)
    ships = models.BooleanField(default=False)
    #: Nobody asks for it any more; its versions stay.
    is_given_up = models.BooleanField(default=False)
    effective_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    undoes = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    proposed_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    objects = ConflictRuleQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("code", "-number")
        constraints = (
            models.UniqueConstraint(fields=["code", "number"], name="conflict_rule_number_once"),
            models.CheckConstraint(
                name="conflict_rule_two_people",
                condition=Q(ships=True, number=1)
                | Q(proposed_by__isnull=False, approved_by__isnull=False) & ~Q(proposed_by=F("approved_by"))
                | Q(proposed_by__isnull=False, approved_by__isnull=True, until__isnull=False)
                | Q(proposed_by__isnull=True, approved_by__isnull=True, until__isnull=True, undoes__isnull=False),
            ),
            models.CheckConstraint(name="conflict_rule_mode_known", condition=Q(mode__in=Mode.values)),
            models.CheckConstraint(name="conflict_rule_scope_known", condition=Q(scope__in=Scope.values)),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def href(self) -> str:
        """Its page, which is that of all its versions."""
        return reverse("conflict_rule", args=[self.code])


class ConflictMember(models.Model):
    """Holding this entitlement fills this leg of this rule: worked out from both, and worked out again when one of them changes.

    What of it does (reading, writing, chosen by a model …) stands in `mask`: bit N says that a grant with ``held_as`` N counts.
    """

    rule = models.ForeignKey(ConflictRule, models.CASCADE, related_name="members")
    leg = models.SmallIntegerField()
    entitlement = models.ForeignKey(Entitlement, models.CASCADE, related_name="+")
    mask = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["rule", "leg", "entitlement"], name="conflict_member_once"),)

    def __str__(self) -> str:
        return f"{self.entitlement} is leg {self.leg} of {self.rule}"


class ConflictState(models.TextChoices):
    """A conflict is open while all of it is held; whether it is waived is asked of its waivers."""

    OPEN = "open", "Open"
    ENDED = "ended", "Ended"


def _same() -> WaiverQuerySet:
    """The waivers of what a conflict of an outer query is of (`WaiverQuerySet.of_the_same`)."""
    in_chain = Q(scope=Scope.CHAIN, covers__overlap=OuterRef("keys"))
    return Waiver.objects.filter(
        Q(subject=OuterRef("subject")) | in_chain, code=OuterRef("code"), scope=OuterRef("scope")
    )


def _covering(now: datetime) -> WaiverQuerySet:
    """The waivers that lift a conflict of an outer query at ``now``: all of it, or nothing, and of the rule as they were given for (S7)."""
    return _same().live(now).filter(lifts__contains=OuterRef("held"), rule_digest=OuterRef("rule__digest"))


def _over() -> WaiverQuerySet:
    """The waivers of a conflict of an outer query that are over, or were given for what its rule says no more."""
    of_another = Q(state=WaiverState.GRANTED) & ~Q(rule_digest=OuterRef("rule__digest"))
    return _same().filter(Q(state=WaiverState.ENDED) | of_another).order_by()


def _signing() -> models.QuerySet[Any]:
    """The signatures that cover a conflict of an outer query: all of it, and of the rule as it was signed for."""
    from approvals.models.extra_approval import ConflictSignature  # which names rules

    of = ConflictSignature.objects.standing().filter(rule__digest=OuterRef("rule__digest"))
    return of.filter(rule__mode=Mode.APPROVAL, covers__contains=OuterRef("held"))


class ConflictQuerySet(models.QuerySet["Conflict"]):
    """Conflicts as people may see them, and by their waivers."""

    def visible_to(self, actor: Actor, now: datetime) -> ConflictQuerySet:
        """Those in which an automation has a part that the actor may see."""
        if sees_all(actor, now):
            return self
        seen = Automation.objects.visible_to(actor, now).order_by().values("pk")
        return self.filter(automations__overlap=ArraySubquery(seen))

    def enforceable(self, now: datetime) -> ConflictQuerySet:
        """The open ones of which something is suspended at ``now``: their time is up, or no waiver lasts by which something came in (S6, S7)."""
        let_in = Q(by_waiver__len__gt=0, rule__mode=Mode.ENFORCE)
        return self.filter(Q(due_at__lte=now) | let_in, ~Exists(_covering(now)), state=ConflictState.OPEN)

    def allowed_by(self, waiver: Waiver) -> ConflictQuerySet:
        """The open ones that a waiver is of."""
        same = self.filter(code=waiver.code, scope=waiver.scope, state=ConflictState.OPEN)
        in_chain = waiver.scope == Scope.CHAIN
        return same.filter(keys__overlap=waiver.covers) if in_chain else same.filter(subject=waiver.subject)

    def telling_waived(self, now: datetime) -> ConflictQuerySet:
        """Each with ``waived_until``, until when a waiver covers all of it at ``now``, ``was_waived``, whether one of it is over (S7), and
        ``signed_by``, the id of the signature that covers all of it (S6).
        """
        ends = _covering(now).order_by("-ends_at").values("ends_at")[:1]
        signed = _signing().order_by("-pk").values("pk")[:1]
        return self.annotate(waived_until=Subquery(ends), was_waived=Exists(_over()), signed_by=Subquery(signed))

    def standing(self, word: str, now: datetime) -> ConflictQuerySet:
        """Those that stand as a word says: ``waived``, ``prior_decisions.queries`` (a waiver of it is over), ``ended``, or open where it says nothing."""
        if word == "ended":
            return self.filter(state=ConflictState.ENDED)
        rows, covered = self.filter(state=ConflictState.OPEN), Exists(_covering(now))
        if word == "waived":
            return rows.filter(covered)
        return rows.filter(~covered, Exists(_over())) if word == "again" else rows.filter(~covered)


class Conflict(models.Model):
    """One subject holds together what one rule says nobody may: found by a check or a scan, open until it holds it no more (S6)."""

    rule = models.ForeignKey(ConflictRule, models.PROTECT, related_name="conflicts")
    code = models.CharField(max_length=80)
    scope = models.CharField(max_length=10, choices=Scope)
    #: Id of the automation, identity, person or team; of a chain, by which it is known (`ChainMember`).
    subject = models.BigIntegerField()
    #: Ids of those that hold a part of it.
    automations = ArrayField(models.BigIntegerField(), default=list)
    #: All that has a part in it, as a waiver names it.
    keys = ArrayField(models.CharField(max_length=110), default=list)
    #: How each of it is held (`conflicts.ways`).
    held = ArrayField(models.CharField(max_length=140), default=list)
    grants = ArrayField(models.BigIntegerField(), default=list)
    #: What of it came in while a waiver allowed it: it has no time of its own once none does.
    by_waiver = ArrayField(models.CharField(max_length=110), default=list, blank=True)
    state = models.CharField(max_length=8, choices=ConflictState, default=ConflictState.OPEN)
    opened_at = models.DateTimeField()
    #: By when it is resolved or waived, where the rule is enforced: then the newer grant is suspended.
    due_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)

    #: Where `ConflictQuerySet.telling_waived` has read them.
    waived_until: datetime | None
    was_waived: bool
    signed_by: int | None

    objects = ConflictQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["code", "scope", "subject"], condition=Q(state="open"), name="conflict_open_once"
            ),
            models.CheckConstraint(name="conflict_state_known", condition=Q(state__in=ConflictState.values)),
            models.CheckConstraint(
                name="conflict_ended_says_when_and_why",
                condition=Q(state="open", ended_at__isnull=True)
                | Q(state="ended", ended_at__isnull=False) & ~Q(ended_why=""),
            ),
        )
        indexes = (models.Index(fields=["state", "-id"], name="conflict_by_state"),)

    def __str__(self) -> str:
        return f"{self.rule}, {self.get_scope_display().lower()} {self.subject}"

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Nobody's: what is done about it is done to what is held, or asked as a waiver."""
        return frozenset()

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("conflict", args=[self.pk])


class WaiverState(models.TextChoices):
    """A waiver counts while it is granted and its term runs."""

    ASKED = "asked", "Waiting"
    GRANTED = "granted", "Granted"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    ENDED = "ended", "Ended"


class WaiverQuerySet(models.QuerySet["Waiver"]):
    """Waivers as people may see them, and by whether they count."""

    def visible_to(self, actor: Actor, now: datetime) -> WaiverQuerySet:
        """Those that were asked for an automation that the actor may see."""
        return self.filter(automation__in=Automation.objects.visible_to(actor, now))

    def live(self, now: datetime) -> WaiverQuerySet:
        """Those that lift something at the instant ``now``."""
        return self.filter(state=WaiverState.GRANTED, begins_at__lte=now, ends_at__gt=now)

    def standing(self, word: str, now: datetime) -> WaiverQuerySet:
        """Those that stand as a word says: ``live`` (granted and not at their end, begun or not), ``over``, or asked for where it says nothing."""
        lasts = Q(state=WaiverState.GRANTED, ends_at__gt=now)
        waits = Q(state=WaiverState.ASKED)
        return self.filter({"live": lasts, "over": ~lasts & ~waits}.get(word, waits))

    def titled(self) -> WaiverQuerySet:
        """Each with ``title``, what its rule is called."""
        newest = ConflictRule.objects.filter(code=OuterRef("code")).order_by("-number")
        return self.annotate(
            title=Coalesce(Subquery(newest.values("title")[:1]), "code", output_field=models.CharField())
        )

    def not_followed(self) -> WaiverQuerySet:
        """Those after which no other was granted."""
        return self.filter(~Exists(Waiver.objects.filter(follows=OuterRef("pk"), state=WaiverState.GRANTED)))

    def counting(self, since: datetime) -> WaiverQuerySet:
        """Those that one which was asked at the instant ``changes`` would follow: granted, whatever came of it, and not long over (S7)."""
        was_granted = (WaiverState.GRANTED, WaiverState.ENDED)
        return self.filter(state__in=was_granted, ends_at__gt=since - WAIVER_GAP)

    def of_the_same(self, code: str, scope: str, subject: int, keys: Collection[str]) -> WaiverQuerySet:
        """Those of a rule and of whom it looks at. A chain's number changes with who is in it: its are those that name something of it."""
        same = self.filter(code=code, scope=scope)
        return same.filter(covers__overlap=list(keys)) if scope == Scope.CHAIN else same.filter(subject=subject)


class Waiver(models.Model):
    """For a while one subject may hold certain things together that one rule says nobody may (S7).

    `covers` names what: for each automation and each thing that it holds one ``automation id/key``, the key that a privilege keeps from
    version to version and its grants have too. What comes beside it later is not covered, and neither is more of the same: `lifts` names every way
    of holding it that is no more than what was asked for.
    """

    code = models.CharField(max_length=80)
    scope = models.CharField(max_length=10, choices=Scope)
    subject = models.BigIntegerField()
    #: For which it was asked: who sees that, sees this.
    automation = models.ForeignKey(Automation, models.PROTECT, related_name="waivers")
    covers = ArrayField(models.CharField(max_length=110))
    #: Each way of holding these that it lifts (`conflicts.ways`).
    lifts = ArrayField(models.CharField(max_length=140), default=list)
    #: Of what its rule said when it was read: what says something else is not lifted by it.
    rule_digest = models.CharField(max_length=64, default="")
    reason = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    #: What is done instead, so that it does no harm meanwhile.
    control = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    days = models.PositiveSmallIntegerField()
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    #: Ids of whoever gained by it when it was asked for, and when it was decided: the database lets none of them decide.
    beneficiaries = ArrayField(models.BigIntegerField(), default=list)
    decided_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    #: Whom they stood in for when they did (A11).
    decided_for = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    begins_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    #: The waiver that it follows with no long gap, and its place in that row; counted when it is asked for, and again when granted.
    follows = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="followed_by")
    in_a_row = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=WaiverState, default=WaiverState.ASKED)

    #: Where `WaiverQuerySet.titled` has read it.
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

    @property
    def href(self) -> str:
        """Its page."""
        return reverse("waiver", args=[self.pk])

    def is_live(self, now: datetime) -> bool:
        """Whether it lifts something at the instant ``now``, as `WaiverQuerySet.live` says of rows."""
        begins, ends = self.begins_at, self.ends_at
        return self.state == WaiverState.GRANTED and begins is not None and ends is not None and begins <= now < ends

    def lifts_all(self, held: Iterable[str]) -> bool:
        """Whether it lifts all that is held so (`conflicts.ways`), whenever it does."""
        return set(held) <= set(self.lifts)

    def state_at(self, now: datetime) -> str:
        """Its state as a page says it: over at its end, whether or not a run has said so yet."""
        is_over = self.state == WaiverState.GRANTED and self.ends_at is not None and self.ends_at <= now
        return WaiverState.ENDED if is_over else self.state

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the automation's timeline too."""
        return (self, self.automation)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """As to the automation; whoever asked for it."""
        found = set(self.automation.relations(person, now))
        if person.pk == self.asked_by_id:
            found.add(Relation.SUBMITTER)
        return frozenset(found)
