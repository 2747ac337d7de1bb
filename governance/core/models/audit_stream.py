"""How far the audit stream has come."""

from django.db import models
from django.db.models import Q


class AuditStream(models.Model):
    """The one row of the stream. Instants are real time."""

    #: The last seal whose events were all accepted.
    seal = models.BigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    #: Since when the receiver refuses or does not answer.
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(name="audit_stream_has_one_row", condition=Q(pk=1)),)

    def __str__(self) -> str:
        return f"Sent up to seal {self.seal}"
