"""Jobs of revocation tasks: have drivers check, escalate to the next person, remind daily (G4, R9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from approvals.grants import revocation_drivers
from approvals.grants.transitions import revocation_tasks
from approvals.models import RevocationTask
from governance.core.actors.actor import Actor
from governance.core.clock import organisation
from governance.core.jobs import sweeps
from governance.core.models import Person
from governance.core.notices import outbox

#: The time between two checks of a task by its driver.
LOOK_AGAIN = timedelta(hours=1)

TASK = ("grant__automation__team", "grant__entitlement__resource", "grant__credential", "grant__approval")


def sweep(now: datetime, actor: Actor) -> Mapping[str, int]:
    """Run once; return the counts by action."""
    return {
        "checked": check_due(now, actor),
        "revocations_escalated": escalate_due(now, actor),
        "revocations_reminded": remind(now),
    }


def check_due(now: datetime, actor: Actor) -> int:
    """Have drivers check the open tasks that they handle; return the number of checked tasks."""
    if not revocation_drivers.has_drivers():
        return 0
    due = RevocationTask.objects.open().filter(Q(checked_at__isnull=True) | Q(checked_at__lte=now - LOOK_AGAIN))

    def look(task: RevocationTask) -> bool:
        driver = revocation_drivers.driver_for(task.grant)
        if driver is None:
            return False
        result = replace(driver.check(task.grant), driver=driver.name)
        return revocation_tasks.record_check.when_due(task, actor=actor, now=now, result=result)

    return sweeps.sweep(due, look, job=actor.job)


def escalate_due(now: datetime, actor: Actor) -> int:
    """Escalate overdue tasks to the next rung; return their number."""
    due = RevocationTask.objects.open().filter(escalate_at__lte=now)
    return sweeps.sweep(
        due, lambda task: revocation_tasks.escalate_task.when_due(task, actor=actor, now=now), job=actor.job
    )


def remind(now: datetime) -> int:
    """Remind silent people of overdue tasks once a day; return the number of notices."""
    day = now.astimezone(organisation.organisation_zone()).date().isoformat()
    overdue = RevocationTask.objects.standing("overdue", now).select_related(*TASK).prefetch_related("words")
    tasks = list(overdue.order_by("pk"))
    people = Person.objects.in_bulk({pk for task in tasks for pk in task.asked})
    sent = 0
    for task in tasks:
        spoken = {pk for word in task.words.all() for pk in (word.person_id, word.for_person_id)}
        silent = [people[pk] for pk in task.asked if pk not in spoken and pk in people]
        with transaction.atomic():
            sent += len(
                outbox.queue(revocation_tasks.notices(task, silent, "revocation_overdue", f"overdue:{day}", now))
            )
    return sent
