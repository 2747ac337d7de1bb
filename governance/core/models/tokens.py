"""Tokens of programs: secrets that a pipeline or script sends instead of a sign-in. Only a digest of the secret is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from governance.core.models.people import Person, Team
from governance.core.models.row_protection import History
from governance.core.roles.roles import Relation

#: A token ends after at most this many days.
TOKEN_DAYS = 90


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens by validity."""

    def live(self, at: datetime) -> ApiTokenQuerySet:
        """Return the valid tokens at real time ``at``: not revoked, not over, their person still here."""
        here = Q(person__is_active=True, person__left_at__isnull=True)
        return self.filter(here, revoked_at__isnull=True, expires_at__gt=at)


class ApiToken(models.Model):
    """A secret by which a program acts as its maker; with a team, only on that team's automations.

    A program decides nothing (S5). Instants are real time, like those of sessions.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="api_tokens")
    #: The team of a pipeline: it sees and imports only automations of this team. None for the person's own token.
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="api_tokens")
    name = models.CharField(max_length=80, blank=True)
    #: The start of the secret, for its holder.
    shown = models.CharField(max_length=16)
    #: SHA-256 of the secret, as hex. The secret has 256 random bits, so it needs no slow hash.
    secret_digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()
    history = History(excluded_fields=["name", "secret_digest", "last_used_at"])

    class Meta:
        verbose_name = "token"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="token_ends_in_time",
                condition=Q(expires_at__gt=F("made_at"))
                & Q(
                    expires_at__lte=F("made_at")
                    + models.Value(timedelta(days=TOKEN_DAYS), output_field=models.DurationField())
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.shown}…"

    @property
    def is_over(self) -> bool:
        """Whether it was revoked."""
        return self.revoked_at is not None

    def is_live(self, at: datetime) -> bool:
        """Whether the token is valid at real time ``at``, like `ApiTokenQuerySet.live`."""
        return self.person.is_here and self.revoked_at is None and self.expires_at > at

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return the relations to a token: its maker, and leads of its team."""
        relations = {Relation.SELF} if person.pk == self.person_id else set()
        if self.team is not None and person.pk in (self.team.lead_id, self.team.deputy_lead_id):
            relations.add(Relation.TEAM_LEAD)
        return frozenset(relations)

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Events are on the timelines of its person and its team (H3)."""
        return (self.person,) if self.team is None else (self.person, self.team)
