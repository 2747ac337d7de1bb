"""Webhooks of a team or of the whole organisation, and their messages."""

import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.core.models.page_address import HasPage
from governance.core.models.people import Person, Team
from governance.core.models.row_protection import History
from governance.core.roles.roles import Relation


class WebhookFormat(models.TextChoices):
    """The format that the receiver takes."""

    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    JSON = "json", "Signed JSON"


class WebhookState(models.TextChoices):
    """A paused endpoint gets no messages: a person paused it, or deliveries failed for long. A removed one never gets any again."""

    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    REMOVED = "removed", "Removed"


class WebhookEndpoint(HasPage, models.Model):
    """One address that gets some events of one team, or of all teams.

    Addresses of Slack and Teams hold a secret. So the address is stored sealed, and its host separately for people. The signing key is
    computed from the installation's key and never stored (`governance.core.webhooks.signing_keys`).
    """

    page_name = "webhook"
    opaque_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    #: The team whose events it gets; none for the whole organisation.
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="webhooks")
    host = models.CharField(max_length=260)
    sealed_url = models.TextField()
    format = models.CharField(max_length=5, choices=WebhookFormat)
    events = ArrayField(models.CharField(max_length=60))
    #: Which of its signing keys counts: renewing takes the next.
    key_number = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=7, choices=WebhookState, default=WebhookState.ACTIVE)
    paused_why = models.CharField(max_length=200, blank=True)
    made_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    history = History(excluded_fields=["sealed_url"])

    class Meta:
        verbose_name = "webhook"
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(name="webhook_state_known", condition=Q(state__in=WebhookState.values)),
            models.CheckConstraint(name="webhook_format_known", condition=Q(format__in=WebhookFormat.values)),
            models.CheckConstraint(name="webhook_tells_of_something", condition=Q(events__len__gt=0)),
        )

    def __str__(self) -> str:
        return f"{self.get_format_display()} at {self.host}"

    def ledger_about(self) -> tuple[models.Model, ...]:
        """Events are on its team's timeline too."""
        return (self,) if self.team is None else (self, self.team)

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """Return the relations to its team: leads manage the webhook."""
        return self.team.relations(person, now) if self.team is not None else frozenset()


class DeliveryState(models.TextChoices):
    """State of a message, like that of a mail."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class WebhookDelivery(models.Model):
    """One message to one endpoint. The key keeps it single, and its id lets the receiver drop a repeat (R9).

    Instants are like those of a `Notice`. The context holds names, an event and a page: no person, no secret, no scope.
    """

    key = models.CharField(max_length=200, unique=True)
    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="deliveries")
    event = models.CharField(max_length=60)
    context = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=DeliveryState, default=DeliveryState.QUEUED)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: The receiver's last answer.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        indexes = (
            models.Index(fields=["created_at"], condition=Q(state__in=["queued", "sending"]), name="delivery_unsent"),
            models.Index(fields=["endpoint", "-id"], name="delivery_endpoint"),
            models.Index(fields=["endpoint", "-claimed_at", "-id"], name="delivery_tried"),
        )
        constraints = (
            models.CheckConstraint(name="delivery_known_state", condition=Q(state__in=DeliveryState.values)),
            models.CheckConstraint(
                name="delivery_sent_says_when", condition=~Q(state="sent") | Q(sent_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def message_id(self) -> str:
        """Return the message's id for the receiver, the same for each repeat."""
        return f"msg_{uuid.uuid5(uuid.NAMESPACE_URL, f'countersign:webhook:{self.key}').hex}"
