"""Revocation tasks: opened at the end of a detached grant, escalated, closed by a driver's check or the word of two
people (G4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from approvals.grants import revocation_tasks
from approvals.grants.revocation_drivers import CheckResult
from approvals.models import (
    Grant,
    RevocationOutcome,
    RevocationState,
    RevocationTask,
    RevocationWord,
    WordSaid,
)
from approvals.models.grant import Why
from approvals.models.revocation_task import DETACHED
from approvals.policies import queries as policy_queries
from approvals.policies import rules as policy_rules
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Delegation, Person
from governance.core.notices import outbox
from governance.core.roles.roles import Permission

OPEN, CLOSED = RevocationState.OPEN, RevocationState.CLOSED

#: Ends of a grant with a follower. Whether it covers the whole grant is checked once it exists (`update_after_granting`).
CARRIED_ON = (Why.SUCCEEDED, Why.REPLACED)


def open_for_ended(grant: Grant, step: Step[Any]) -> None:
    """Open a task for a detached grant in the transaction of its end. Fits ``hooks.register("grant.ended", …)``."""
    if grant.ended_why not in CARRIED_ON and revocation_tasks.is_task(grant):
        open_task(RevocationTask(grant=grant), actor=step.actor, now=step.now)


def update_after_granting(step: Step[Any], made: Sequence[Grant]) -> None:
    """Close tasks that new grants cover, and open tasks for replaced grants that they don't cover (G2).

    Args:
        step: the running step, which has ended the replaced grants.
        made: new grants of one automation.
    """
    automation = step.subject.automation_id
    standing = list(Grant.objects.standing().filter(automation=automation))
    replaced = Grant.objects.filter(
        DETACHED, automation=automation, ended_why=Why.REPLACED, ended_at=step.now, revocation_tasks__isnull=True
    )
    for old in replaced.order_by("pk"):
        if not any(revocation_tasks.covers(new, old) for new in standing):
            open_task(RevocationTask(grant=old), actor=step.actor, now=step.now)
    open_tasks = RevocationTask.objects.open().filter(
        grant__automation=automation, grant__key__in={grant.key for grant in made}
    )
    for task in open_tasks.select_related("grant").order_by("pk"):
        if any(revocation_tasks.covers(new, task.grant) for new in made):
            close_as_in_use(task, actor=step.actor, now=step.now)


@transition(RevocationTask, event="revocation.opened", permission=None, source=(OPEN,), target=(OPEN,))
def open_task(step: Step[RevocationTask]) -> Effect:
    """Open a task to remove an access in the target system, within a day by the shipped policy (G4)."""
    task = step.subject
    task.gains = sorted(revocation_tasks.gainer_ids(task.grant, step.now))
    time_to_remove = _time_to_remove(step.now)
    task.opened_at, task.due_at = step.now, step.now + time_to_remove
    rung = revocation_tasks.next_rung(task, step.now)
    people = list(rung.people[:1]) if rung is not None else []
    task.owner = people[0] if people else None
    _add_people(task, people, step.now, time_to_remove)
    _queue_new_task_notice(task, people, step.now)
    return Effect(payload={"to": _ids(people), "due": ledger_events.instant(task.due_at), "why": task.grant.ended_why})


def _time_to_remove(now: datetime) -> timedelta:
    """Return the time to remove the access, for each rung: a security deadline in plain hours (G4, H8)."""
    return timedelta(hours=policy_queries.in_force(now).revocation_hours)


def _add_people(task: RevocationTask, people: Iterable[Person], now: datetime, time_to_remove: timedelta) -> None:
    """Add people to the task, and set when the next rung is asked."""
    new_ids = [person.pk for person in people]
    task.asked = [*task.asked, *new_ids]
    task.escalate_at = max(task.due_at, now + time_to_remove) if task.asked else task.due_at


def _ids(people: Iterable[Person]) -> str:
    return ", ".join(str(person.opaque_id) for person in people)


def _queue_new_task_notice(task: RevocationTask, people: Sequence[Person], now: datetime) -> None:
    """Queue the notice. Grants of one automation that end together share one mail."""
    automation = task.grant.automation
    context = {
        "automation": automation.name,
        "team": automation.team.name,
        "due": ledger_events.instant(task.due_at),
        "page": ["revocations"],
    }
    thread, key = f"revocations:{automation.pk}", f"opened:{ledger_events.instant(now)}"
    outbox.queue(outbox.each(people, "revocation_opened", thread=thread, key=key, now=now, context=context))


def notices(
    task: RevocationTask, people: Iterable[Person], event: str, key: str, now: datetime, **more: Any
) -> list[Any]:
    """Build one notice about a task for each person; not queued yet."""
    resource = task.resource
    context = {
        "automation": task.grant.automation.name,
        "team": task.grant.automation.team.name,
        "what": task.grant.sentence,
        "resource": resource.name if resource is not None else "",
        "due": ledger_events.instant(task.due_at),
        "page": ["revocation", task.pk],
        **more,
    }
    return outbox.each(people, event, thread=f"revocation:{task.pk}", key=key, now=now, context=context)


# --- duties -----------------------------------------------------------------------------------------------------------


def _interactive(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind != "person" or actor.signed_in_at is None:
        return Refusal("SOD-5", "duty", "Tokens, jobs and commands give no word.", "Sign in to the portal.")
    tier = subject.grant.counted_tier
    return policy_rules.stale_sign_in(actor, policy_queries.in_force(now), tier, "word")


def _gains(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    held = {*subject.gains, *revocation_tasks.gainer_ids(subject.grant, now)}
    for person in actor.people:
        if person.pk in held:
            subject_words = "You gain" if person == actor.person else f"{person.name}, for whom you stand in, gains"
            sentence = f"{subject_words} by this access, so two others say that it is gone."
            return Refusal("G4", "duty", sentence, "Whoever answers for what is held, and security, can.")
    return None


def _not_twice(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    person_ids = [person.pk for person in actor.people]
    removed_words = subject.words.filter(says=WordSaid.REMOVED)
    if removed_words.filter(Q(person__in=person_ids) | Q(for_person__in=person_ids)).exists():
        return Refusal("G4", "duty", "You have said so already; a second person says it too.")
    first = list(removed_words.values_list("person", "said_at"))
    for first_person, at in first:
        if Delegation.objects.between([first_person], person_ids).since(at, now).exists():
            sentence = "You and the first stand in for each other, so somebody else gives the second word."
            return Refusal("G4", "duty", sentence)
    return None


def _not_passed_up(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    person_ids = [person.pk for person in actor.people]
    cannot_words = subject.words.filter(Q(person__in=person_ids) | Q(for_person__in=person_ids), says=WordSaid.CANNOT)
    if not cannot_words.exists():
        return None
    return Refusal(
        "G4", "duty", "You have said that you can’t; the next were asked then.", "Say it once it is removed."
    )


def _is_due(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    if subject.escalate_at is not None and subject.escalate_at <= now:
        return None
    return Refusal("G4", "state", "Those who were asked have time still.")


IN_SESSION = Duty(
    "SOD-5", "S5", "A word needs a person in an interactive, for high risk a fresh, session.", _interactive
)
NOBODY_WHO_GAINS = Duty("G4", "G4", "Who gains by an access does not say that it is gone.", _gains)
ANOTHER = Duty(
    "G4",
    "G4",
    "The second word is another person's, who does not stand in for the first.",
    _not_twice,
    ("revocation_word_once_a_person",),
)
ONCE = Duty(
    "G4",
    "G4",
    "Who can't take it away says so once: each word asks the next on the ladder.",
    _not_passed_up,
    ("revocation_word_once_a_person",),
)
ESCALATION_DUE = Duty("G4", "G4", "The next on the ladder are asked once those before had their day.", _is_due)


# --- what people say --------------------------------------------------------------------------------------------------


@transition(
    RevocationTask,
    event="revocation.said_removed",
    permission=Permission.REVOCATION_SAY,
    source=(OPEN,),
    target=(OPEN, CLOSED),
    duties=(NOBODY_WHO_GAINS, ANOTHER, IN_SESSION),
    reason_needed=True,
)
def say_removed(step: Step[RevocationTask]) -> Effect:
    """Record that a person saw the access gone, and where they looked; the second such word closes the task (G4)."""
    task = step.subject
    first = list(task.words.filter(says=WordSaid.REMOVED).select_related("person"))
    _save_word(step, WordSaid.REMOVED)
    if first:
        _close(task, RevocationOutcome.CHECKED, step.now)
        task.closed_by = [*(word.person_id for word in first), _person(step).pk]
        return Effect(to=CLOSED, payload={"words": 2})
    _ask_for_second(step)
    return Effect(to=OPEN, payload={"words": 1})


def _ask_for_second(step: Step[RevocationTask]) -> None:
    """Ask the others for the second word; without others, the next rung."""
    task, speaker_ids = step.subject, {person.pk for person in step.actor.people}
    others = [
        person for person in Person.objects.filter(pk__in=task.asked) if person.is_here and person.pk not in speaker_ids
    ]
    if not others:
        asked_ids = task.asked
        task.asked = [
            *asked_ids,
            *(pk for pk in speaker_ids if pk not in asked_ids),
        ]  # people who have spoken are not asked for the second word
        rung = revocation_tasks.next_rung(task, step.now)
        others = list(rung.people) if rung is not None else []
        task.asked = asked_ids
        _add_people(task, others, step.now, _time_to_remove(step.now))
    key = f"second:{_person(step).pk}"
    outbox.queue(notices(task, others, "revocation_second", key, step.now, by=_person(step).name))


@transition(
    RevocationTask,
    event="revocation.said_cannot",
    permission=Permission.REVOCATION_SAY,
    source=(OPEN,),
    target=(OPEN,),
    duties=(NOBODY_WHO_GAINS, ONCE, IN_SESSION),
    reason_needed=True,
)
def say_cannot(step: Step[RevocationTask]) -> Effect:
    """Record that a person can't remove the access, and ask the next rung at once (G4)."""
    _save_word(step, WordSaid.CANNOT)
    people = _pass_up(step, because=step.text, by=_person(step).name)
    return Effect(to=OPEN, payload={"to": _ids(people)})


def _save_word(step: Step[RevocationTask], says: WordSaid) -> None:
    step.save(
        RevocationWord(
            task=step.subject,
            person=step.actor.person,
            for_person=step.actor.standing_for,
            says=says,
            text=step.reason,
            said_at=step.now,
        )
    )


def _person(step: Step[Any]) -> Person:
    assert step.actor.person is not None  # a duty asked
    return step.actor.person


# --- what jobs do -----------------------------------------------------------------------------------------------------


@transition(
    RevocationTask,
    event="revocation.escalated",
    permission=Permission.REVOCATION_FOLLOW,
    source=(OPEN,),
    target=(OPEN,),
    duties=(ESCALATION_DUE,),
)
def escalate_task(step: Step[RevocationTask]) -> Effect:
    """Ask the next rung about an overdue task (G4)."""
    return Effect(payload={"to": _ids(_pass_up(step))})


def _pass_up(step: Step[RevocationTask], *, because: str = "", by: str = "") -> list[Person]:
    task = step.subject
    rung = revocation_tasks.next_rung(task, step.now)
    people = list(rung.people) if rung is not None else []
    time_to_remove = _time_to_remove(step.now)
    _add_people(task, people, step.now, time_to_remove)
    if not people:
        task.escalate_at = None if task.asked else step.now + time_to_remove  # a person may be named until then
    elif task.owner is None:
        task.owner = people[0]
    number = len(task.asked)
    outbox.queue(notices(task, people, "revocation_escalated", f"escalated:{number}", step.now, because=because, by=by))
    return people


@transition(
    RevocationTask,
    event="revocation.checked",
    permission=Permission.REVOCATION_FOLLOW,
    source=(OPEN,),
    target=(OPEN, CLOSED),
)
def record_check(step: Step[RevocationTask], *, result: CheckResult) -> Effect:
    """Record a driver's check: close the task if the access is gone, else note the observation (G4).

    Args:
        step: the running step.
        result: the result of the check.
    """
    task = step.subject
    task.checked_at, task.found = step.now, result.found[:200]
    if result.is_gone:
        _close(task, RevocationOutcome.DRIVER, step.now)
    return Effect(to=CLOSED if result.is_gone else OPEN, payload={"is_gone": result.is_gone, "driver": result.driver})


@transition(RevocationTask, event="revocation.in_use_again", permission=None, source=(OPEN,), target=(CLOSED,))
def close_as_in_use(step: Step[RevocationTask]) -> Effect:
    """Close a task because the same access was granted again before it was removed."""
    _close(step.subject, RevocationOutcome.IN_USE, step.now)
    return Effect()


def _close(task: RevocationTask, outcome: RevocationOutcome, now: datetime) -> None:
    task.outcome, task.closed_at, task.escalate_at = outcome, now, None
