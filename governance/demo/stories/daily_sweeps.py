"""The sweeps of mornings in the demo's past, and of its present."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals.submissions import jobs as submission_jobs
from governance.core.clock.organisation import organisation_zone
from governance.demo.stories.playback import Story
from governance.recertification.reminders import jobs as review_jobs

WEEK, DAY = timedelta(days=7), timedelta(days=1)
#: Before this time little happens, so a sweep a week is enough.
DAILY = timedelta(days=80)


def mornings(first: datetime, present: datetime) -> Story:
    """Sweep every week, later every day, at the hour of ``first`` by the organisation's clock, and at the present."""
    at = first.astimezone(organisation_zone())
    while at < present:
        _sweep((yield at.astimezone(first.tzinfo)))
        at += WEEK if at < present - DAILY - WEEK else DAY
    _sweep((yield present))


def _sweep(now: datetime) -> None:
    submission_jobs.sweep(now)
    review_jobs.sweep(now)
