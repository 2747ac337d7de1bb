"""Conflicts in held access, and their extra approval: one person of Security signs it once, with a reason (S6)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery

from approvals.models.approval import Decision
from approvals.models.conflict_rule import ConflictRule, Mode, Scope
from approvals.models.submission import Party, Submission
from approvals.models.waiver import Waiver
from governance.core.access import Actor
from governance.core.models import AppendOnly, FreeText, HasPage, History, Person
from inventory.models import Automation
from inventory.models.resource import sees_whole_register


class ConflictSignatureQuerySet(models.QuerySet["ConflictSignature"]):
    """Query set of signatures."""

    def standing(self) -> ConflictSignatureQuerySet:
        """Return signatures not retracted whose signer is no party to a later submission of the automation (SOD-1)."""
        signer = Q(person=OuterRef("person")) | Q(person=OuterRef("for_person"))
        later = Q(submission__automation=OuterRef("submission__automation"), submission__gt=OuterRef("submission"))
        return self.filter(~Exists(Party.objects.filter(signer, later)), decision__retraction__isnull=True)


class ConflictSignature(AppendOnly):
    """One signature for the whole combination that a conflict rule forbids.

    It covers the access in conflict then, at the same or a lower level. A raised level, other access or a changed rule
    needs another signature.
    """

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="signatures")
    rule = models.ForeignKey(ConflictRule, models.PROTECT, related_name="signatures")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="signatures")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    #: The giver of the delegation, if a delegate signed (A11).
    for_person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    #: Digest of the rule and of all access held under it (`transitions.signing.digest_of`).
    digest = models.CharField(max_length=64)
    #: All access that it covers, each as ``automation id/key level`` (`conflicts.held_access.covered_by`).
    covers = ArrayField(models.CharField(max_length=140))
    at = models.DateTimeField()

    objects = ConflictSignatureQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["decision", "digest"], name="conflict_signed_once"),)

    def __str__(self) -> str:
        return f"{self.rule}, signed by {self.signer_name}"

    @property
    def signer_name(self) -> str:
        """The signer's name, and for a delegate the name of the giver."""
        return f"{self.person} for {self.for_person}" if self.for_person is not None else str(self.person)

    @classmethod
    def in_words(cls, keys: Collection[int], actor: Actor, now: datetime) -> dict[int, str]:
        """Return timeline names of conflicts with these signatures that the reader may see: one query."""
        seen = cls.objects.filter(pk__in=keys, submission__in=Submission.objects.visible_to(actor, now))
        return {pk: f"the conflict “{title}”" for pk, title in seen.order_by().values_list("pk", "rule__title")}

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Return other timelines of its event: submission and automation."""
        return (self, self.submission, self.submission.automation)


class ConflictState(models.TextChoices):
    """A conflict is open while all of it is held; its waivers say whether it is waived."""

    OPEN = "open", "Open"
    ENDED = "ended", "Ended"


class _HasWaiver(models.Func):
    """Whether a conflict has a waiver with its subject, as `WaiverQuerySet.of_the_same`, that fulfils a condition. In SQL: every home asks twice.

    Args:
        condition: in SQL, about ``waiver`` and ``conflict``.
        at: business time.
    """

    output_field = models.BooleanField()
    template = """EXISTS (SELECT FROM approvals_waiver waiver,
        (VALUES (%(expressions)s)) conflict (code, scope, subject, keys, digest, at)
        WHERE waiver.code = conflict.code AND waiver.scope = conflict.scope
        AND (waiver.subject = conflict.subject OR waiver.scope = 'chain' AND waiver.covers && conflict.keys)
        AND (%(condition)s))"""

    def __init__(self, condition: str, at: datetime | None = None) -> None:
        columns = ("code", "scope", "subject", "keys", "rule__digest")
        super().__init__(*columns, models.Value(at, models.DateTimeField()), condition=condition)


#: It covers all of the conflict, for the same rule text (S7).
_COVERS = """waiver.state = 'granted' AND waiver.begins_at <= conflict.at AND waiver.ends_at > conflict.at
    AND waiver.covers @> conflict.keys AND waiver.rule_digest = conflict.digest"""
#: It is over, or was given for an older rule text.
_IS_OVER = "waiver.state = 'ended' OR waiver.state = 'granted' AND waiver.rule_digest <> conflict.digest"


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
        return self.filter(Q(due_at__lte=now) | let_in, ~Q(_HasWaiver(_COVERS, now)), state=ConflictState.OPEN)

    def telling_waived_until(self, now: datetime) -> ConflictQuerySet:
        """Annotate ``waived_until``: the end of a waiver that covers all of a conflict at ``now``, for the same rule text (S7)."""
        same_subject = Q(subject=OuterRef("subject")) | Q(scope=Scope.CHAIN, covers__overlap=OuterRef("keys"))
        same_rule = Q(code=OuterRef("code"), scope=OuterRef("scope"), rule_digest=OuterRef("rule__digest"))
        covering = Waiver.objects.live(now).filter(same_subject, same_rule, covers__contains=OuterRef("keys"))
        return self.annotate(waived_until=Subquery(covering.order_by("-ends_at").values("ends_at")[:1]))

    def telling_waived(self, now: datetime) -> ConflictQuerySet:
        """Annotate the conflicts with the state of their waivers and signatures.

        - ``waived_until``: see `telling_waived_until`
        - ``was_waived``: whether one of its waivers is over (S7)
        - ``signed_by``: id of the signature that covers all of it at its levels (S6)
        """
        covers_all = Q(rule__digest=OuterRef("rule__digest"), covers__contains=OuterRef("held"))
        signed = ConflictSignature.objects.standing().filter(covers_all, rule__mode=Mode.APPROVAL).order_by("-pk")
        told = self.annotate(was_waived=_HasWaiver(_IS_OVER), signed_by=Subquery(signed.values("pk")[:1]))
        return told.telling_waived_until(now)

    def standing(self, word: str, now: datetime) -> ConflictQuerySet:
        """Filter by state: ``waived``, ``again`` (a waiver is over), ``ended``, or open by default."""
        if word == "ended":
            return self.filter(state=ConflictState.ENDED)
        rows, covered = self.filter(state=ConflictState.OPEN), Q(_HasWaiver(_COVERS, now))
        if word == "waived":
            return rows.filter(covered)
        return rows.filter(~covered, _HasWaiver(_IS_OVER)) if word == "again" else rows.filter(~covered)


class Conflict(HasPage, models.Model):
    """Access held by one subject that one rule forbids together: found by a check or scan, open while it is held (S6)."""

    page_name = "conflict"
    rule = models.ForeignKey(ConflictRule, models.PROTECT, related_name="conflicts")
    code = models.CharField(max_length=80)
    scope = models.CharField(max_length=10, choices=Scope)
    #: Id of the automation, identity, person or team; for a chain, its id (`ChainMember`).
    subject = models.BigIntegerField()
    #: Ids of the automations that take part.
    automations = ArrayField(models.BigIntegerField(), default=list)
    #: All keys that take part, as a waiver names them.
    keys = ArrayField(models.CharField(max_length=110), default=list)
    #: The same keys with their levels, as an extra approval names them.
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
