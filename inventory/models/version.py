"""Versions of an automation with their parts, privileges, findings and authors (I2, S1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Expression, F, OuterRef, Q, QuerySet, Subquery

from governance.core.access import Relation
from governance.core.models import AppendOnly, FreeText, Person
from inventory.importers import privilege_scope, sentences
from inventory.models.automation import Automation, AutomationState
from inventory.models.binding import REGISTERED
from inventory.models.resource import Entitlement, Level
from inventory.risk.levels import LEVEL_ORDER, POWER


class Version(AppendOnly):
    """One unchanging state of an automation; an edit makes a new one (I2)."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    source_digest = models.CharField(max_length=80)
    manifest_digest = models.CharField(max_length=80)
    binding_digest = models.CharField(max_length=80)
    manifest = models.JSONField()
    #: Secrets of the source: place, kind and keyed fingerprint, never a value (I6).
    secrets = models.JSONField(default=list)
    #: Points and sides that would join another automation, identities aside (`inventory.chains.chain_ends`); None if
    #: not computed.
    meets = ArrayField(models.CharField(max_length=140, blank=True), null=True, editable=False)
    imported_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta(AppendOnly.Meta):
        ordering = ("automation_id", "-number")
        constraints = (
            models.UniqueConstraint(fields=["automation", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["automation", "manifest_digest", "binding_digest"], name="version_content_once"
            ),
        )
        indexes = (models.Index(fields=["source_digest"], name="version_by_source"),)

    def __str__(self) -> str:
        return f"{self.automation}, version {self.number}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the automation, for its events."""
        return (self, self.automation)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Relations to the automation."""
        return self.automation.relations(person, now)

    @property
    def latest_assessment(self) -> Assessment | None:
        """Newest assessment, or None before the first."""
        return self.assessments.order_by("-id").first()


class Assessment(AppendOnly):
    """Assessment of a version by one importer version on one date: tier with reasons, inferred levels (I2)."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="assessments")
    importer_version = models.CharField(max_length=40)
    at = models.DateTimeField()
    tier = models.CharField(max_length=8)
    reasons = models.JSONField(default=list)
    levels = models.JSONField(default=dict)

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "-id")

    def __str__(self) -> str:
        return f"{self.version}: {self.tier}"

    @property
    def unvouched(self) -> Collection[str]:
        """Keys of the privileges that counted as restricted because their binding rested on a party (I8)."""
        return frozenset(self.levels.get("unvouched", ()))

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Timeline of the automation."""
        return (self, self.version, self.version.automation)


class Privilege(AppendOnly):
    """One privilege of a version: entitlement, target, scope and credential, at one or several places.

    `connector` and `instance` are its single connection: another connection to the same resource is another privilege
    (I8). `target_name` is a label and no part of the key.
    """

    version = models.ForeignKey(Version, models.PROTECT, related_name="privileges")
    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="privileges")
    connector = models.CharField(max_length=80)
    instance = models.CharField(max_length=255, blank=True)
    target = models.TextField(blank=True)
    target_name = models.CharField(max_length=300, blank=True)
    scope = ArrayField(models.TextField(), default=list)
    level = models.CharField(max_length=8, choices=Level)
    credential = models.ForeignKey(
        "inventory.Credential", models.PROTECT, null=True, blank=True, related_name="privileges"
    )
    key = models.CharField(max_length=80)
    at = ArrayField(models.CharField(max_length=300), default=list)
    assumed = ArrayField(models.CharField(max_length=60), default=list)
    active = models.BooleanField(default=True)
    model_controlled = models.BooleanField(default=False)
    sensitive = models.BooleanField(default=False)
    recognised = models.BooleanField(default=True)
    #: The executed code can't be read from the source (T1).
    opaque = models.BooleanField(default=False)
    #: The source needs a credential here and names none.
    credential_missing = models.BooleanField(default=False)

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "id")
        constraints = (models.UniqueConstraint(fields=["version", "key"], name="privilege_once_per_version"),)
        indexes = (models.Index(fields=["entitlement", "version"], name="privilege_by_entitlement"),)

    def __str__(self) -> str:
        return self.sentence

    @property
    def matter(self) -> str:
        """Matter of the privilege, see `privilege_scope.matter`; unique for an unsaved entitlement."""
        return privilege_scope.privilege_matter(self.entitlement_id, self.target, self.scope)

    @property
    def sentence(self) -> str:
        """Sentence: "Post messages to #finance in Finance Slack workspace"."""
        # Without scope and level, which lists leave unread.
        entitlement = self.entitlement
        words = entitlement.words, entitlement.form, entitlement.resource.name
        return sentences.sentence_for(*words, self.target, self.target_name)

    def sentence_of(self, scope: Sequence[str], level: str) -> str:
        """Sentence for an approved part: a smaller scope or a lower level (A7, R3)."""
        is_part = set(scope) < set(self.scope)
        target, name = (", ".join(scope), "") if is_part else (self.target, self.target_name)
        entitlement = self.entitlement
        text = sentences.sentence_for(entitlement.words, entitlement.form, entitlement.resource.name, target, name)
        is_lowered = POWER.index(level) < POWER.index(self.level)
        return f"{text}, narrowed to {sentences.LOWERED[level]}" if is_lowered else text

    @property
    def through(self) -> str:
        """Connection as the source names it (I8); empty if that is the credential, which has its own approval."""
        if self.connector == REGISTERED or (self.credential and self.instance == self.credential.external_id):
            return ""
        return self.instance

    @property
    def is_bound(self) -> bool:
        """Whether its resource is known (I8)."""
        return not self.entitlement.resource.unresolved

    @property
    def counted_level(self) -> str:
        """Level for rules: the higher of its own and its entitlement's; unknown counts as write (I4)."""
        levels = [level for level in (self.level, self.entitlement.level) if level in LEVEL_ORDER]
        return max(levels, key=LEVEL_ORDER.index, default=Level.WRITE)


class VersionCredential(AppendOnly):
    """Credential that a version uses or asks for."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="version_credentials")
    credential = models.ForeignKey("inventory.Credential", models.PROTECT, related_name="used_by")
    at = ArrayField(models.CharField(max_length=300), default=list)

    class Meta(AppendOnly.Meta):
        constraints = (models.UniqueConstraint(fields=["version", "credential"], name="version_credential_once"),)

    def __str__(self) -> str:
        return f"{self.credential} in {self.version}"


class VersionIdentity(AppendOnly):
    """Identity that a version runs as; two automations with one identity are a finding (I5)."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="version_identities")
    identity = models.ForeignKey("inventory.NonHumanIdentity", models.PROTECT, related_name="used_by")

    class Meta(AppendOnly.Meta):
        constraints = (models.UniqueConstraint(fields=["version", "identity"], name="version_identity_once"),)

    def __str__(self) -> str:
        return f"{self.identity} in {self.version}"


class Trigger(AppendOnly):
    """Trigger of a version."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="triggers")
    type = models.CharField(max_length=40)
    at = models.CharField(max_length=300, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    authenticated = models.BooleanField(null=True)
    active = models.BooleanField(default=True)

    @property
    def is_open(self) -> bool:
        """Whether a person who is not signed in can start the automation with it (T2)."""
        return self.active and self.authenticated is False

    def __str__(self) -> str:
        return f"{self.type} {self.detail}".strip()


class Finding(models.Model):
    """Finding of an assessment; people set its state, the importer its facts."""

    assessment = models.ForeignKey(Assessment, models.PROTECT, related_name="findings")
    code = models.CharField(max_length=40)
    place = models.CharField(max_length=400, blank=True)
    severity = models.CharField(max_length=10)
    detail = models.CharField(max_length=400, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, default="open")

    class Meta:
        ordering = ("assessment_id", "id")
        constraints = (models.CheckConstraint(name="finding_state_known", condition=Q(state__in=["open", "closed"])),)

    def __str__(self) -> str:
        return f"{self.code} at {self.place}"


def newest_version() -> QuerySet[Version, int]:
    """Subquery for the key of the newest version of an outer query's automation."""
    newest = Version.objects.filter(automation=OuterRef("automation")).order_by("-number")
    return newest.values_list("pk", flat=True)[:1]


def newest_assessment(version: str, column: str | Expression) -> Subquery:
    """A column of the newest assessment of an outer query's version, or None before the first.

    Args:
        version: the outer query's path to the version.
        column: name or expression.
    """
    rows = Assessment.objects.filter(version=OuterRef(version)).order_by("-pk")
    return Subquery(rows.values(newest=F(column) if isinstance(column, str) else column)[:1])


def counted_versions() -> Q:
    """Condition for versions that count for other automations: the approved one and those with an open submission.

    Drafts do not count: a draft that names an identity shows nothing of it and raises no risk.
    """
    under_review = Version.objects.filter(submissions__state__in=("open", "decided")).order_by().values("pk")
    in_review = Q(automation__state=AutomationState.IN_REVIEW, pk=Subquery(newest_version()))
    return Q(pk=F("automation__approved_version")) | Q(pk__in=under_review) | in_review


class VersionAuthor(AppendOnly):
    """An author of a version: the name in the source, and the matching person at the import, if any (S1).

    Authors only accumulate: a repeated import may name another author. The name, often with a mail address, has its own
    row that can be erased (H6).
    """

    version = models.ForeignKey(Version, models.PROTECT, related_name="authors")
    said = models.ForeignKey(FreeText, models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(AppendOnly.Meta):
        ordering = ("version_id", "id")

    def __str__(self) -> str:
        return f"{self.said} of {self.version}"
