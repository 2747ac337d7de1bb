"""Conflict rules, conflicts, and waivers that allow a conflict for a limited time (S6, S7)."""

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
from inventory.models.resource import sees_whole_register

#: Limits of any policy: the longest waiver, and the number of consecutive waivers (S7).
LONGEST_WAIVER = timedelta(days=90)
WAIVERS_IN_A_ROW = 2
#: A waiver follows an earlier one unless this time lies between them (S7; `waiver_in_a_row` in sql/waivers.sql).
WAIVER_GAP = timedelta(days=30)

#: The leg number of access that must be missing ("A without B"); other legs are numbered from 1.
WITHOUT = 0
#: The number of a rule's needs: after its legs, six at most.
NEEDS = 7


class Mode(models.TextChoices):
    """The effect of a conflict: shown, needs an extra approval, or refused."""

    RECORD = "record", "Record"
    APPROVAL = "approval", "Needs a signature"
    ENFORCE = "enforce", "Refused"


class Scope(models.TextChoices):
    """The subject whose access is checked together."""

    AUTOMATION = "automation", "Automation"
    IDENTITY = "identity", "Identity"
    OWNER = "owner", "Owner"
    TEAM = "team", "Team"
    CHAIN = "chain", "Chain"


class Rating(models.TextChoices):
    """The severity of a conflict."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class ConflictRuleQuerySet(models.QuerySet["ConflictRule"]):
    """Query set of conflict rules."""

    def in_force(self, now: datetime) -> ConflictRuleQuerySet:
        """Return the newest version of each rule in force at ``now``, without given-up rules.

        A tightening by one person counts until its time is up, even before a job has run.
        """
        counts = self.filter(Q(until__isnull=True) | Q(until__gt=now), effective_at__lte=now)
        return self.filter(pk__in=counts._newest(), is_given_up=False).order_by("code")

    def to_keep_weighed(self, now: datetime) -> ConflictRuleQuerySet:
        """Return rules in force, and the versions that return after a temporary one."""
        signed = self.filter(until__isnull=True, effective_at__lte=now)
        back = self.filter(pk__in=signed._newest(), is_given_up=False)
        return self.filter(Q(pk__in=self.in_force(now).values("pk")) | Q(pk__in=back.values("pk"))).order_by("code")

    def _newest(self) -> Any:
        return self.order_by("code", "-number").distinct("code").values("pk")


class ConflictRule(AppendOnly):
    """One version of one rule. Shipped rules are version 1; two people proposed and approved each other version (S8).

    A tightening by one person counts until `until` without a second signature. When it lapses, the earlier rule
    returns as a new version that names it in `undoes`.
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
    #: The rule no longer applies; its versions stay.
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
        """The URL of its page, shared by all versions."""
        return reverse("conflict_rule", args=[self.code])


class ConflictMember(models.Model):
    """An entitlement that fills a leg of a rule; recomputed when either changes.

    `mask` says which kinds of access count (reading, writing, chosen by a model …): bit N stands for grants with
    ``held_as`` N.
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
    """A conflict is open while all of it is held; its waivers say whether it is waived."""

    OPEN = "open", "Open"
    ENDED = "ended", "Ended"


def _same() -> WaiverQuerySet:
    """Return waivers with the subject of an outer query's conflict (`WaiverQuerySet.of_the_same`)."""
    in_chain = Q(scope=Scope.CHAIN, covers__overlap=OuterRef("keys"))
    return Waiver.objects.filter(
        Q(subject=OuterRef("subject")) | in_chain, code=OuterRef("code"), scope=OuterRef("scope")
    )


def _covering(now: datetime) -> WaiverQuerySet:
    """Return waivers that lift all of an outer query's conflict at ``now``, for the same rule text (S7)."""
    return _same().live(now).filter(lifts__contains=OuterRef("held"), rule_digest=OuterRef("rule__digest"))


def _over() -> WaiverQuerySet:
    """Return waivers of an outer query's conflict that are over, or were given for an older rule text."""
    of_another = Q(state=WaiverState.GRANTED) & ~Q(rule_digest=OuterRef("rule__digest"))
    return _same().filter(Q(state=WaiverState.ENDED) | of_another).order_by()


def _signing() -> models.QuerySet[Any]:
    """Return signatures that cover all of an outer query's conflict, for the same rule text."""
    from approvals.models.extra_approval import ConflictSignature  # imports conflict rules

    signatures = ConflictSignature.objects.standing().filter(rule__digest=OuterRef("rule__digest"))
    return signatures.filter(rule__mode=Mode.APPROVAL, covers__contains=OuterRef("held"))


class ConflictQuerySet(models.QuerySet["Conflict"]):
    """Query set of conflicts by visibility and waivers."""

    def visible_to(self, actor: Actor, now: datetime) -> ConflictQuerySet:
        """Return conflicts with an automation that the actor may see."""
        if sees_whole_register(actor, now):
            return self
        seen = Automation.objects.visible_to(actor, now).order_by().values("pk")
        return self.filter(automations__overlap=ArraySubquery(seen))

    def enforceable(self, now: datetime) -> ConflictQuerySet:
        """Return open conflicts to enforce at ``now``: their time is up, or the waiver of a key has ended (S6, S7)."""
        let_in = Q(by_waiver__len__gt=0, rule__mode=Mode.ENFORCE)
        return self.filter(Q(due_at__lte=now) | let_in, ~Exists(_covering(now)), state=ConflictState.OPEN)

    def allowed_by(self, waiver: Waiver) -> ConflictQuerySet:
        """Return open conflicts of a waiver's subject."""
        same = self.filter(code=waiver.code, scope=waiver.scope, state=ConflictState.OPEN)
        in_chain = waiver.scope == Scope.CHAIN
        return same.filter(keys__overlap=waiver.covers) if in_chain else same.filter(subject=waiver.subject)

    def telling_waived(self, now: datetime) -> ConflictQuerySet:
        """Annotate the conflicts with the state of their waivers and signatures.

        - ``waived_until``: the end of a waiver that covers all of it at ``now``
        - ``was_waived``: whether one of its waivers is over (S7)
        - ``signed_by``: id of the signature that covers all of it (S6)
        """
        ends = _covering(now).order_by("-ends_at").values("ends_at")[:1]
        signed = _signing().order_by("-pk").values("pk")[:1]
        return self.annotate(waived_until=Subquery(ends), was_waived=Exists(_over()), signed_by=Subquery(signed))

    def standing(self, word: str, now: datetime) -> ConflictQuerySet:
        """Filter by state: ``waived``, ``prior_decisions.queries`` (a waiver is over), ``ended``, or open by default."""
        if word == "ended":
            return self.filter(state=ConflictState.ENDED)
        rows, covered = self.filter(state=ConflictState.OPEN), Exists(_covering(now))
        if word == "waived":
            return rows.filter(covered)
        return rows.filter(~covered, Exists(_over())) if word == "again" else rows.filter(~covered)


class Conflict(models.Model):
    """Access held by one subject that one rule forbids together: found by a check or scan, open while it is held (S6)."""

    rule = models.ForeignKey(ConflictRule, models.PROTECT, related_name="conflicts")
    code = models.CharField(max_length=80)
    scope = models.CharField(max_length=10, choices=Scope)
    #: Id of the automation, identity, person or team; for a chain, its id (`ChainMember`).
    subject = models.BigIntegerField()
    #: Ids of the automations that take part.
    automations = ArrayField(models.BigIntegerField(), default=list)
    #: All keys that take part, as a waiver names them.
    keys = ArrayField(models.CharField(max_length=110), default=list)
    #: How each key is held (`conflicts.ways`).
    held = ArrayField(models.CharField(max_length=140), default=list)
    grants = ArrayField(models.BigIntegerField(), default=list)
    #: Keys that came in under a waiver: they get no time of their own after it.
    by_waiver = ArrayField(models.CharField(max_length=110), default=list, blank=True)
    state = models.CharField(max_length=8, choices=ConflictState, default=ConflictState.OPEN)
    opened_at = models.DateTimeField()
    #: The deadline to resolve or waive it under an enforced rule; then the newer grant is suspended.
    due_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)

    #: Set by `ConflictQuerySet.telling_waived`.
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
        """Return none: people act on its grants, or ask for a waiver."""
        return frozenset()

    @property
    def href(self) -> str:
        """The URL of its page."""
        return reverse("conflict", args=[self.pk])


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
        """Filter by state: ``live`` (granted and not ended, begun or not), ``over``, or requested by default."""
        lasts = Q(state=WaiverState.GRANTED, ends_at__gt=now)
        waits = Q(state=WaiverState.ASKED)
        return self.filter({"live": lasts, "over": ~lasts & ~waits}.get(word, waits))

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


class Waiver(models.Model):
    """Permission for one subject to hold access together for a limited time that one rule forbids (S7).

    `covers` has an ``automation id/key`` for each automation and access. The key of a privilege is the same in all
    versions and in its grants. Access added later is not covered, and neither is wider access: `lifts` lists the ways
    of holding it up to what was asked for.
    """

    code = models.CharField(max_length=80)
    scope = models.CharField(max_length=10, choices=Scope)
    subject = models.BigIntegerField()
    #: The automation of the request: its readers see the waiver.
    automation = models.ForeignKey(Automation, models.PROTECT, related_name="waivers")
    covers = ArrayField(models.CharField(max_length=110))
    #: Ways of holding these keys that it lifts (`conflicts.ways`).
    lifts = ArrayField(models.CharField(max_length=140), default=list)
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

    @property
    def href(self) -> str:
        """The URL of its page."""
        return reverse("waiver", args=[self.pk])

    def is_live(self, now: datetime) -> bool:
        """Return whether it lifts something at ``now``, like `WaiverQuerySet.live`."""
        begins, ends = self.begins_at, self.ends_at
        return self.state == WaiverState.GRANTED and begins is not None and ends is not None and begins <= now < ends

    def lifts_all(self, held: Iterable[str]) -> bool:
        """Return whether it lifts all of these ways of holding access (`conflicts.ways`), at any time."""
        return set(held) <= set(self.lifts)

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
