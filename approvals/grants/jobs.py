"""Jobs of grants: end them at their term, follow held batches and revocation tasks, notify owners before an end (R9).

Nothing waits for the end of a term: a grant is not live after it (G3). The sweep records the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from approvals.grants import circuit_breaker as grant_circuit_breaker
from approvals.grants import revocation_drivers
from approvals.grants.transitions import circuit_breaker, lifecycle, revocation_tasks
from approvals.models import BatchState, EndCause, Grant, GrantKind, HeldBatch, HeldGrant, RevocationTask
from governance.core.access import Actor
from governance.core.clock import organisation
from governance.core.jobs import job_runs
from governance.core.ledger import ledger_events
from governance.core.models import Notice, Person
from governance.core.notices import outbox

#: The time between two checks of a task by its driver.
LOOK_AGAIN = timedelta(hours=1)
#: The notice before a grant ends.
BEFORE_THE_END = timedelta(days=7)
#: Relations that a reminder and a notice read.
TASK = ("grant__automation__team", "grant__entitlement__resource", "grant__credential", "grant__approval")
OWNERS = ("business_owner", "technical_owner", "interim__person", "team")


def end_held_grants(now: datetime, actor: Actor) -> Mapping[str, int]:
    """Lapse unanswered batches and end released grants (G6). Return the counts by action."""
    unanswered = HeldBatch.objects.filter(state=BatchState.OPEN, answer_by__lte=now)
    return {
        "batches_lapsed": circuit_breaker.lapse_batch.sweep(unanswered, actor=actor, now=now),
        "held_ended": circuit_breaker.end_held.sweep(HeldGrant.objects.to_end(), actor=actor, now=now),
    }


def ask_first(cause: EndCause, due: Sequence[Grant], why: str, *, now: datetime, actor: Actor) -> bool:
    """Check whether a sweep may end due grants by one cause. If so, count them; if not, hold all of them, still due.

    Args:
        cause: the cause of the ends.
        due: due grants, without those held from the cause (`circuit_breaker.is_blocked`).
        why: a value of `grants.Why`.
        now: business time.
        actor: the actor of the job.
    """
    if not due:
        return True
    with transaction.atomic():
        row = grant_circuit_breaker.lock(cause)
        if grant_circuit_breaker.let_through(row, [grant.pk for grant in due], now):
            return True
    circuit_breaker.hold_due.when_due(row, actor=actor, now=now, due=due, why=why)
    return False


def expire_due(now: datetime, actor: Actor) -> int:
    """End each standing grant whose term is over at ``now``; return their number."""
    due = Grant.objects.standing().filter(ends_at__lte=now)
    # Credentials first: a privilege's end would end them for another reason (A2).
    kinds = (GrantKind.CREDENTIAL, GrantKind.PRIVILEGE)
    return sum(lifecycle.expire.sweep(due.filter(kind=kind), actor=actor, now=now) for kind in kinds)


def follow_revocation_tasks(now: datetime, actor: Actor) -> Mapping[str, int]:
    """Have drivers check, ask the next person, remind daily (G4). Return the counts by action."""
    silent = RevocationTask.objects.open().filter(escalate_at__lte=now)
    return {
        "checked": check_due(now, actor),
        "revocations_escalated": revocation_tasks.escalate_task.sweep(silent, actor=actor, now=now),
        "revocations_reminded": remind_of_revocations(now),
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

    return job_runs.sweep(due, look, job=actor.job)


def remind_of_revocations(now: datetime) -> int:
    """Remind silent people of overdue tasks once a day; return the number of notices."""
    day = now.astimezone(organisation.organisation_zone()).date().isoformat()
    overdue = RevocationTask.objects.standing("overdue", now).select_related(*TASK).prefetch_related("words")
    tasks = list(overdue.order_by("pk"))
    people = Person.objects.in_bulk({pk for task in tasks for pk in task.asked})
    sent = 0
    for task in tasks:
        spoken = {pk for word in task.words.all() for pk in (word.person_id, word.for_person_id)}
        silent = [people[pk] for pk in task.asked if pk not in spoken and pk in people]
        reminders = revocation_tasks.notices(task, silent, "revocation_overdue", f"overdue:{day}", now)
        with transaction.atomic():
            sent += len(outbox.queue(reminders))
    return sent


def notify_ends(now: datetime) -> int:
    """Notify the owners of automations of grants that end within a week, once per grant; return the number of notices.

    Grants suspended by a review are left out: `recertification_revoked` and `recertification_suspended` announced
    their end.
    """
    soon = Grant.objects.live(now).filter(ends_at__lte=now + BEFORE_THE_END)
    sent = 0
    for grant in soon.select_related(*(f"automation__{name}" for name in OWNERS)).order_by("pk"):
        with transaction.atomic():
            sent += len(_queue_notice(grant, now))
    return sent


def _queue_notice(grant: Grant, now: datetime) -> list[Notice]:
    ends_at = ledger_events.instant(grant.ends_at)
    context = {
        "automation": grant.automation.name,
        "team": grant.automation.team.name,
        "what": grant.sentence,
        "ends_at": ends_at,
        "renew": grant.renew,
        "page": ["automation_grants", grant.automation_id],
    }
    people, thread, key = grant.automation.answering(now), f"grant:{grant.pk}", f"ending:{ends_at}"
    return outbox.queue(outbox.notices_for(people, "grant_ending", thread=thread, key=key, now=now, context=context))
