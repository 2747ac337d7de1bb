"""The outbox: one row for each notice to a person, and for each digest that carries several notices. And the mail that a person turned off."""

from django.db import models

from governance.core.models.people import Person


class NoticeState(models.TextChoices):
    """State of a notice.

    A notice of a digest waits for it, and is carried by it, or dropped because its task is finished. Every other notice, and the digest
    itself, is queued and sent. One worker claims it; after the worker's death, another one does.
    """

    WAITING = "waiting", "Waiting for the day's digest"
    CARRIED = "carried", "In a digest"
    DROPPED = "dropped", "Dropped"
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Notice(models.Model):
    """One message to one person, by its own mail or by a digest. A digest is a row too. The key keeps it single, and the message id lets
    the receiver drop a repeat (R9).

    ``created_at`` and ``sent_at`` are business time. ``claimed_at`` is real time, because it shows whether the worker may be dead.
    """

    key = models.CharField(max_length=200, unique=True)
    recipient = models.ForeignKey(Person, models.PROTECT, related_name="notices")
    event = models.CharField(max_length=60)
    thread = models.CharField(max_length=120)
    context = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=NoticeState, default=NoticeState.QUEUED)
    #: Derived from the key and as unique as the key. A constraint of its own would fail before that of the key.
    message_id = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    #: The attached calendar file of tasks with a due date.
    dates = models.TextField(blank=True, default="", db_default="")
    #: The digest that carries the notice.
    digest = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="carried")
    #: When the recipient read it in the portal.
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["created_at"], condition=models.Q(state="queued"), name="notice_queued"),
            models.Index(fields=["claimed_at"], condition=models.Q(state="sending"), name="notice_sending"),
            models.Index(
                fields=["recipient", "created_at"], condition=models.Q(state="waiting"), name="notice_waiting"
            ),
            models.Index(fields=["recipient", "-id"], name="notice_recipient"),
            models.Index(
                fields=["recipient", "created_at"],
                condition=models.Q(read_at__isnull=True) & ~models.Q(event="digest"),
                name="notice_unread",
            ),
        )
        constraints = (
            models.CheckConstraint(name="notice_known_state", condition=models.Q(state__in=NoticeState.values)),
            models.CheckConstraint(
                name="notice_sent_says_when", condition=~models.Q(state="sent") | models.Q(sent_at__isnull=False)
            ),
            models.CheckConstraint(
                name="notice_carried_by_its_digest",
                condition=models.Q(state="carried", digest__isnull=False)
                | ~models.Q(state="carried") & models.Q(digest__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def heading(self) -> str:
        """The subject of its mail, or its event in words before it is written."""
        return self.subject or self.event.replace("_", " ").capitalize()


class UnwantedMail(models.Model):
    """A kind of notice that a person gets no mail about. A setting, not a governed fact: the portal shows the notice all the same."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    event = models.CharField(max_length=60)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "event"], name="unwanted_mail_once"),)

    def __str__(self) -> str:
        return f"{self.person}: no mail about {self.event}"
