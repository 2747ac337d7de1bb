"""Protected rows: append-only rows and histories (H1, H2).

The triggers that keep rows are in each app's ``sql/on_record.sql``. A test compares its lists with the models.
"""

from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords

#: Replaces the name of an erased person in other people's texts (H6).
ERASED_NAME = "Erased person"


class AppendOnly(models.Model):
    """A row that is written once. The database refuses UPDATE, DELETE and TRUNCATE (H2)."""

    class Meta:
        abstract = True


class History(HistoricalRecords):
    """The history of a governed row: each state and its author. The database refuses changes (H1).

    The author is the actor of the step (`step.save_with_history`), never the user of the request.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(get_user=lambda **_: None, **options)
