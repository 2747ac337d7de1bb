"""Revocation tasks: opened with the end of a detached grant, passed up the ladder, closed by a driver's check or two people's word (G4)."""

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

#: Ends of a grant that another one carries on: whether it carries on all of it is asked once that one is there (`after_granting`).
CARRIED_ON = (Why.SUCCEEDED, Why.REPLACED)


def open_for(grant: Grant, step: Step[Any]) -> None:
    """Open a task for a detached grant that ended, in the transaction of its end. Fits ``consequences.register("grant.ended", …)``."""
    if grant.ended_why not in CARRIED_ON and revocation_tasks.is_task(grant):
        open_task(RevocationTask(grant=grant), actor=step.actor, now=step.now)


def after_granting(step: Step[Any], made: Sequence[Grant]) -> None:
    """What new grants carry on needs no taking away; what they replaced and do not carry on does (G2).

    Args:
        step: the running step, which has ended what these replace.
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
    left = RevocationTask.objects.open().filter(grant__automation=automation, grant__key__in={one.key for one in made})
    for task in left.select_related("grant").order_by("pk"):
        if any(revocation_tasks.covers(new, task.grant) for new in made):
            close_as_in_use(task, actor=step.actor, now=step.now)


@transition(RevocationTask, event="revocation.opened", permission=None, source=(OPEN,), target=(OPEN,))
def open_task(step: Step[RevocationTask]) -> Effect:
    """What is held elsewhere has ended here: whoever answers for it there takes it away, within a day by the policy that ships (G4)."""
    task = step.subject
    task.gains = sorted(revocation_tasks.who_gains(task.grant, step.now))
    time_to_remove = _time_to_remove(step.now)
    task.opened_at, task.due_at = step.now, step.now + time_to_remove
    rung = revocation_tasks.next_rung(task, step.now)
    people = list(rung.people[:1]) if rung is not None else []
    task.owner = people[0] if people else None
    _ask(task, people, step.now, time_to_remove)
    _tell_of_new(task, people, step.now)
    return Effect(payload={"to": _ids(people), "due": ledger_events.instant(task.due_at), "why": task.grant.ended_why})


def _time_to_remove(now: datetime) -> timedelta:
    """How long whoever answers has to take it away, and then each next one: a security deadline counts plain hours (G4, H8)."""
    return timedelta(hours=policy_queries.in_force(now).revocation_hours)


def _ask(task: RevocationTask, people: Iterable[Person], now: datetime, time_to_remove: timedelta) -> None:
    """Put it to some people more, and note when the next are asked: once these should have done it."""
    new = [one.pk for one in people]
    task.asked = [*task.asked, *new]
    task.escalate_at = max(task.due_at, now + time_to_remove) if task.asked else task.due_at


def _ids(people: Iterable[Person]) -> str:
    return ", ".join(str(one.opaque_id) for one in people)


def _tell_of_new(task: RevocationTask, people: Sequence[Person], now: datetime) -> None:
    """Tell at once, and of all that one act ends of one automation once: ten privileges that end together are one mail."""
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
    """What some people are told about a task, each once for a key; not queued yet."""
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
    held = {*subject.gains, *revocation_tasks.who_gains(subject.grant, now)}
    for person in actor.people:
        if person.pk in held:
            who = "You gain" if person == actor.person else f"{person.name}, for whom you stand in, gains"
            sentence = f"{who} by this access, so two others say that it is gone."
            return Refusal("G4", "duty", sentence, "Whoever answers for what is held, and security, can.")
    return None


def _not_twice(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    people = [one.pk for one in actor.people]
    said = subject.words.filter(says=WordSaid.REMOVED)
    if said.filter(Q(person__in=people) | Q(for_person__in=people)).exists():
        return Refusal("G4", "duty", "You have said so already; a second person says it too.")
    first = list(said.values_list("person", "said_at"))
    for who, at in first:
        if Delegation.objects.between([who], people).since(at, now).exists():
            sentence = "You and the first stand in for each other, so somebody else gives the second word."
            return Refusal("G4", "duty", sentence)
    return None


def _not_passed_up(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    people = [one.pk for one in actor.people]
    said = subject.words.filter(Q(person__in=people) | Q(for_person__in=people), says=WordSaid.CANNOT)
    if not said.exists():
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
    """Somebody says that it is gone, and where they looked; with the second such word it is called revoked (G4)."""
    task = step.subject
    first = list(task.words.filter(says=WordSaid.REMOVED).select_related("person"))
    _say(step, WordSaid.REMOVED)
    if first:
        _close(task, RevocationOutcome.CHECKED, step.now)
        task.closed_by = [*(one.person_id for one in first), _person(step).pk]
        return Effect(to=CLOSED, payload={"words": 2})
    _ask_for_second(step)
    return Effect(to=OPEN, payload={"words": 1})


def _ask_for_second(step: Step[RevocationTask]) -> None:
    """Whoever else was asked gives the second word; where that is nobody, the next on the ladder."""
    task, said = step.subject, {one.pk for one in step.actor.people}
    others = [one for one in Person.objects.filter(pk__in=task.asked) if one.is_here and one.pk not in said]
    if not others:
        taken = task.asked
        task.asked = [
            *taken,
            *(pk for pk in said if pk not in taken),
        ]  # whoever has spoken is not asked for the second word
        rung = revocation_tasks.next_rung(task, step.now)
        others = list(rung.people) if rung is not None else []
        task.asked = taken
        _ask(task, others, step.now, _time_to_remove(step.now))
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
    """Somebody can't take it away, and says why: the next on the ladder are asked at once (G4)."""
    _say(step, WordSaid.CANNOT)
    people = _pass_up(step, because=step.text, by=_person(step).name)
    return Effect(to=OPEN, payload={"to": _ids(people)})


def _say(step: Step[RevocationTask], says: WordSaid) -> None:
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
    """Nobody has seen it through in time: the next on the ladder are asked too (G4)."""
    return Effect(payload={"to": _ids(_pass_up(step))})


def _pass_up(step: Step[RevocationTask], *, because: str = "", by: str = "") -> list[Person]:
    task = step.subject
    rung = revocation_tasks.next_rung(task, step.now)
    people = list(rung.people) if rung is not None else []
    time_to_remove = _time_to_remove(step.now)
    _ask(task, people, step.now, time_to_remove)
    if not people:
        task.escalate_at = None if task.asked else step.now + time_to_remove  # somebody may be named until then
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
    """A driver has looked: it is gone, which closes the task; or it is still there, which the task says (G4).

    Args:
        step: the running step.
        result: what it found.
    """
    task = step.subject
    task.checked_at, task.found = step.now, result.found[:200]
    if result.is_gone:
        _close(task, RevocationOutcome.DRIVER, step.now)
    return Effect(to=CLOSED if result.is_gone else OPEN, payload={"is_gone": result.is_gone, "driver": result.driver})


@transition(RevocationTask, event="revocation.in_use_again", permission=None, source=(OPEN,), target=(CLOSED,))
def close_as_in_use(step: Step[RevocationTask]) -> Effect:
    """The same access was granted again before anybody took it away: nothing is left to take away."""
    _close(step.subject, RevocationOutcome.IN_USE, step.now)
    return Effect()


def _close(task: RevocationTask, outcome: RevocationOutcome, now: datetime) -> None:
    task.outcome, task.closed_at, task.escalate_at = outcome, now, None
