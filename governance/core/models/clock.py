"""The movable clock of demo and tests, and the runs of background jobs."""

from datetime import timedelta

from django.db import models
from django.db.models import Q


class ClockOffset(models.Model):
    """The one row with the offset of business time from real time. Production never reads it."""

    offset = models.DurationField(default=timedelta)

    class Meta:
        constraints = (models.CheckConstraint(name="clock_has_one_row", condition=Q(pk=1)),)

    def __str__(self) -> str:
        return f"{self.offset} ahead"


class JobRun(models.Model):
    """One run of one sweep: its time and its counts.

    ``started_at`` and ``ended_at`` are business time; ``began_at`` and ``seen_at`` are the same in real time. Lateness uses real
    time, so a demo's clock that moves a month makes no job late.
    """

    job = models.CharField(max_length=60)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = (models.Index(fields=["job", "-id"], name="job_run_latest"),)

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M}"


#: The ledger's event of each move.
MOVED = "clock.moved"
