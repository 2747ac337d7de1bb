"""A waiver is asked, granted by somebody who gains nothing, lifts what it names, and ends loudly (S7)."""

from __future__ import annotations

import pytest

from approvals.conflicts import jobs as conflict_jobs
from governance.core.actors.actor import Actor

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S7")]

JOB = Actor.of_job(conflict_jobs.JOB)
