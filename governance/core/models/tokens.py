"""Keys of programs: what a pipeline or script shows instead of a sign-in. Only a digest of the secret is kept."""

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
    """Tokens by whether they open anything."""

    def live(self, at: datetime) -> ApiTokenQuerySet:
        """Those that open something at the instant ``at`` of real time: not revoked, not over, their person still here."""
        here = Q(person__is_active=True, person__left_at__isnull=True)
        return self.filter(here, revoked_at__isnull=True, expires_at__gt=at)


class ApiToken(models.Model):
    """One secret by which a program acts as the person who made it; for a team, as far as that team's automations go.

    It decides nothing (S5). Instants are of real time, as those of sessions are.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="api_tokens")
    #: For a pipeline of this team: it sees and imports what is this team's, and nothing else. None for the person's own.
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="api_tokens")
    name = models.CharField(max_length=80, blank=True)
    #: The beginning of the secret, by which its holder recognises it.
    shown = models.CharField(max_length=16)
    #: SHA-256 of the secret, as hex. The secret has 256 random bits, so that no slow hash is needed.
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
        """Whether it opens something at the instant ``at`` of real time, as `ApiTokenQuerySet.live` says of rows."""
        return self.person.is_here and self.revoked_at is None and self.expires_at > at

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Whose it is; and who leads the team that it is for."""
        relations = {Relation.SELF} if person.pk == self.person_id else set()
        if self.team is not None and person.pk in (self.team.lead_id, self.team.deputy_lead_id):
            relations.add(Relation.TEAM_LEAD)
        return frozenset(relations)

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Its events stand on the timeline of its person, and of its team (H3)."""
        return (self.person,) if self.team is None else (self.person, self.team)
