"""How revocation tasks get into the states of ``approvals.csv``, and what allowed writes are called with.

The stock report's privilege on Slack, of which *resource_owner* and *resource_deputy* answer, was taken back by *business_owner*.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import models

from approvals.grants.revocation_drivers import CheckResult
from approvals.grants.transitions import lifecycle, revocation_tasks
from approvals.models import Grant, RevocationTask
from tests.matrix.approvals_states import held
from tests.matrix.cast_and_states import World, arguments, creating, state

TASK = "approvals.revocationtask"

creating(f"{TASK}.open_task")


def _ended(w: World, grant: Grant, at: datetime) -> RevocationTask:
    lifecycle.revoke(grant, actor=w.actor("business_owner"), now=at, reason="Not needed.")
    return RevocationTask.objects.get(grant=grant)


@state(TASK, "new", on=held)
def new(w: World, grant: Grant) -> RevocationTask:
    """Not opened yet."""
    return RevocationTask(grant=grant, opened_at=w.now, due_at=w.now)


@state(TASK, "open", on=held)
def open_now(w: World, grant: Grant) -> RevocationTask:
    """Opened just now."""
    return _ended(w, grant, w.now)


@state(TASK, "overdue", on=held)
def overdue(w: World, grant: Grant) -> RevocationTask:
    """Opened more than a day ago, and no sweep has run."""
    return _ended(w, grant, w.now - timedelta(hours=25))


@state(TASK, "half", on=open_now)
def half(w: World, task: RevocationTask) -> RevocationTask:
    """The resource's owner has said that it is gone."""
    return revocation_tasks.say_removed(
        task, actor=w.actor("resource_owner"), now=w.now, reason="Looked in Slack: gone."
    )


@state(TASK, "closed", on=half)
def closed(w: World, task: RevocationTask) -> RevocationTask:
    """Security too."""
    return revocation_tasks.say_removed(
        task, actor=w.actor("second_security"), now=w.now, reason="The token is refused."
    )


@arguments(f"{TASK}.record_check")
def _found(w: World, task: models.Model) -> Mapping[str, Any]:
    return {"result": CheckResult(True, "the token is refused", "a driver")}
