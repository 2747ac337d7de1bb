"""Figures of the dashboard: counts by day, scope and name. No governed facts: a job counts them again every minute."""

from django.db import models

from governance.core.models import Team


class Figure(models.Model):
    """One count of one day, for one team or for the organisation. A missing row of a counted day is 0.

    ``name`` has words with dots between them, such as ``automations.live.high`` (`governance.portal.figures.jobs`).
    """

    #: Day in the organisation's zone.
    day = models.DateField()
    #: None for the organisation.
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="+", db_index=False)
    name = models.CharField(max_length=60)
    value = models.PositiveIntegerField()
    #: When the value changed last.
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["day", "team", "name"], nulls_distinct=False, name="figure_once_a_day"),
        )
        indexes = (models.Index(fields=["day", "name"], name="figure_by_name"),)

    def __str__(self) -> str:
        return f"{self.name} {self.day}: {self.value}"
