"""When a nightly job is due: once each night at the organisation's own time."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from governance.core.clock.organisation import organisation_zone
from governance.core.models import JobRun

#: When the night's look is due, where the organisation is.
AT = time(2, 0)


def is_due(now: datetime, job: str) -> bool:
    """Whether a job has not looked since the night began; business time may be moved back in a demo, and then it is due again."""
    here = now.astimezone(organisation_zone())
    began = here.replace(hour=AT.hour, minute=AT.minute, second=0, microsecond=0)
    if here < began:
        began -= timedelta(days=1)
    looked = JobRun.objects.filter(job=job, counts__looked=1, error="", started_at__gte=began, started_at__lte=now)
    return not looked.exists()
