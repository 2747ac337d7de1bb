"""Revocation tasks: opened at the end of a detached grant, escalated, closed by a driver's check or the word of two
people (G4).
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q

from approvals.assignment.escalation_chain import Bench, Rung, chain_of_resource
from approvals.grants.revocation_drivers import CheckResult
from approvals.models import (
    EnforcedBy,
    Grant,
    Party,
    RevocationOutcome,
    RevocationState,
    RevocationTask,
    RevocationWord,
)
from approvals.models.grant import Why
from approvals.models.revocation_task import DETACHED
from approvals.policies import fresh_sign_in
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Permission, Refusal, duty
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Delegation, Notice, Person
from governance.core.notices import outbox
from inventory.models import Level

#: Levels from the lowest to the highest, to see whether a new grant covers an old one.
_ORDER = (Level.READ, Level.WRITE, Level.UNKNOWN, Level.EXECUTE, Level.ADMIN)
OPEN, CLOSED = RevocationState.OPEN, RevocationState.CLOSED
#: Declares an operation on an open task.
on_task = partial(transition, RevocationTask, source=(OPEN,))

#: Ends of a grant with a follower. Whether it covers the whole grant is checked once it exists (`update_after_granting`).
CARRIED_ON = (Why.SUCCEEDED, Why.REPLACED)


def gainer_ids(grant: Grant, now: datetime) -> set[int]:
    """Return the ids of people who gain if the access stays: owners and parties of its submissions (S1)."""
    automation = grant.automation
    owners = (automation.business_owner_id, automation.technical_owner_id)
    answering = (person.pk for person in automation.answering(now))
    rests = (grant.approval.submission_id, grant.app_approval.submission_id)
    parties = Party.objects.filter(submission__in=rests).values_list("person", flat=True)
    return {pk for pk in (*owners, *answering, *parties) if pk is not None}


def next_people(task: RevocationTask, now: datetime, without: Collection[int] = ()) -> list[Person]:
    """Return the people of the next rung with an active person who was not asked and does not gain (A9).

    Args:
        task: the task.
        now: business time.
        without: ids of further people to leave out.
    """
    excluded = {*task.asked, *task.gains, *without}
    for rung in _chain(task, now):
        people = [person for person in rung.people if person.is_here and person.pk not in excluded]
        if people:
            return people
    return []


def _chain(task: RevocationTask, now: datetime) -> Iterable[Rung]:
    """Yield credential owner, owner, deputy, lead, fallback owners, security. The groups are read only if needed."""
    credential, resource = task.grant.credential, task.resource
    if task.grant.entitlement_id is None and credential is not None and credential.owner is not None:
        yield Rung("owner of the credential", (credential.owner,))
    if resource is not None:
        yield from chain_of_resource(resource, Bench((), (), now))
    bench = Bench.load(now)
    yield from (Rung("fallback owner", bench.fallback), Rung("security reviewer", bench.security))


def covers(new: Grant, old: Grant) -> bool:
    """Return whether a new grant covers all of an old one. Then the access stays in use and nothing is removed (G2)."""
    same = ("automation_id", "key", "credential_id", "entitlement_id", "target")
    if any(getattr(new, name) != getattr(old, name) for name in same):
        return False
    if _ORDER.index(Level(new.level)) < _ORDER.index(Level(old.level)):
        return False
    return not new.scope or (bool(old.scope) and set(old.scope) <= set(new.scope))


def open_for_ended(grant: Grant, step: Step[Any]) -> None:
    """Open a task for a detached grant in the transaction of its end: Countersign can't block its access (G4).

    A handler of ``grant.ended``.
    """
    if grant.ended_why not in CARRIED_ON and grant.enforcement == EnforcedBy.DETACHED:
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
        if not any(covers(new, old) for new in standing):
            open_task(RevocationTask(grant=old), actor=step.actor, now=step.now)
    keys = {grant.key for grant in made}
    open_tasks = RevocationTask.objects.open().filter(grant__automation=automation, grant__key__in=keys)
    for task in open_tasks.select_related("grant").order_by("pk"):
        if any(covers(new, task.grant) for new in made):
            close_as_in_use(task, actor=step.actor, now=step.now)


@on_task(event="revocation.opened", permission=None, target=(OPEN,))
def open_task(step: Step[RevocationTask]) -> Effect:
    """Open a task to remove an access in the target system, within a day by the shipped policy (G4)."""
    task, now = step.subject, step.now
    task.gains = sorted(gainer_ids(task.grant, now))
    task.opened_at, task.due_at = now, now + _time_to_remove(now)
    people = next_people(task, now)[:1]
    _ask(task, people, now)
    automation, due = task.grant.automation, ledger_events.instant(task.due_at)
    context = {"automation": automation.name, "team": automation.team.name, "due": due, "page": ["revocations"]}
    # Grants of one automation that end together share one mail.
    thread, key = f"revocations:{automation.pk}", f"opened:{ledger_events.instant(now)}"
    outbox.queue(outbox.notices_for(people, "revocation_opened", thread=thread, key=key, now=now, context=context))
    return Effect(payload={"to": _ids(people), "due": due, "why": task.grant.ended_why})


def _time_to_remove(now: datetime) -> timedelta:
    """Return the time to remove the access, for each rung: a security deadline in plain hours (G4, H8)."""
    return timedelta(hours=policy_queries.in_force(now).revocation_hours)


def _ask(task: RevocationTask, people: Sequence[Person], now: datetime) -> None:
    """Ask people; the first person ever asked owns the task. Set when the next rung is asked: never once nobody is left."""
    later = now + _time_to_remove(now)
    task.owner = task.owner or next(iter(people), None)
    if people or not task.asked:
        task.escalate_at = max(task.due_at, later) if people else later
    else:
        task.escalate_at = None
    task.asked = [*task.asked, *(person.pk for person in people)]


def _ids(people: Iterable[Person]) -> str:
    return ", ".join(str(person.opaque_id) for person in people)


def notices(
    task: RevocationTask, people: Iterable[Person], event: str, key: str, now: datetime, **more: Any
) -> list[Notice]:
    """Build one notice about a task for each person; not queued yet.

    Args:
        task: the revocation task.
        people: the recipients.
        event: names the mail templates.
        key: part of the unique key.
        now: business time.
    """
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
    return outbox.notices_for(people, event, thread=f"revocation:{task.pk}", key=key, now=now, context=context)


# --- duties -----------------------------------------------------------------------------------------------------------


@duty("SOD-5")
def in_session(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    """A person confirms a removal in an interactive session, for high risk a fresh one."""
    if actor.kind != "person" or actor.signed_in_at is None:
        return Refusal("SOD-5", "duty", "Tokens, jobs and commands can't confirm a removal.", "Sign in to the portal.")
    return fresh_sign_in.stale_sign_in(actor, policy_queries.in_force(now), subject.grant.counted_tier, "word")


@duty("G4")
def nobody_who_gains(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    """A person who gains by an access can't confirm its removal."""
    gainers = {*subject.gains, *gainer_ids(subject.grant, now)}
    for person in actor.people:
        if person.pk in gainers:
            who = "You gain" if person == actor.person else f"{person.name}, whose delegate you are, gains"
            sentence = f"{who} by this access, so two other people confirm its removal."
            return Refusal("G4", "duty", sentence, "The resource's owner and security can.")
    return None


@duty("G4", backed_by=("revocation_word_once_a_person",))
def not_twice(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    """A second person confirms the removal, who is no delegate of the first."""
    person_ids = [person.pk for person in actor.people]
    if subject.words.filter(Q(person__in=person_ids) | Q(for_person__in=person_ids)).exists():
        return Refusal("G4", "duty", "You have confirmed the removal already; a second person confirms it too.")
    for first_person, at in subject.words.values_list("person", "said_at"):
        if Delegation.objects.between([first_person], person_ids).since(at, now).exists():
            sentence = "You and the first person are delegates of each other, so another person confirms it."
            return Refusal("G4", "duty", sentence)
    return None


@duty("G4")
def escalation_due(subject: RevocationTask, actor: Actor, now: datetime) -> Refusal | None:
    """The next people are asked after those before had a day."""
    if subject.escalate_at is not None and subject.escalate_at <= now:
        return None
    return Refusal("G4", "state", "The people who were asked still have time.")


# --- what people say --------------------------------------------------------------------------------------------------


@on_task(
    event="revocation.said_removed",
    permission=Permission.REVOCATION_SAY,
    target=(OPEN, CLOSED),
    duties=(nobody_who_gains, not_twice, in_session),
    reason_needed=True,
)
def say_removed(step: Step[RevocationTask]) -> Effect:
    """Record that a person saw the access gone, and where they looked; the second such word closes the task (G4)."""
    task, person = step.subject, step.actor.person
    assert person is not None  # a duty asked
    first = list(task.words.values_list("person", flat=True))
    giver, text = step.actor.standing_for, step.reason
    step.save(RevocationWord(task=task, person=person, for_person=giver, text=text, said_at=step.now))
    if not first:
        _ask_for_second(step, person)
        return Effect(to=OPEN, payload={"words": 1})
    _close(task, RevocationOutcome.CHECKED, step.now)
    task.closed_by = [*first, person.pk]
    return Effect(to=CLOSED, payload={"words": 2})


def _ask_for_second(step: Step[RevocationTask], first: Person) -> None:
    """Ask the others for the second word; without others, the next rung."""
    task, first_ids = step.subject, {person.pk for person in step.actor.people}
    others = [person for person in Person.objects.filter(pk__in=task.asked).exclude(pk__in=first_ids) if person.is_here]
    if not others:
        others = next_people(task, step.now, without=first_ids)
        _ask(task, others, step.now)
    outbox.queue(notices(task, others, "revocation_second", f"second:{first.pk}", step.now, by=first.name))


# --- what jobs do -----------------------------------------------------------------------------------------------------


@on_task(
    event="revocation.escalated",
    permission=Permission.REVOCATION_FOLLOW,
    target=(OPEN,),
    duties=(escalation_due,),
)
def escalate_task(step: Step[RevocationTask]) -> Effect:
    """Ask the next rung about an overdue task (G4)."""
    task = step.subject
    people = next_people(task, step.now)
    _ask(task, people, step.now)
    outbox.queue(notices(task, people, "revocation_escalated", f"escalated:{len(task.asked)}", step.now))
    return Effect(payload={"to": _ids(people)})


@on_task(event="revocation.checked", permission=Permission.REVOCATION_FOLLOW, target=(OPEN, CLOSED))
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


@on_task(event="revocation.in_use_again", permission=None, target=(CLOSED,))
def close_as_in_use(step: Step[RevocationTask]) -> Effect:
    """Close a task because the same access was granted again before it was removed."""
    _close(step.subject, RevocationOutcome.IN_USE, step.now)
    return Effect()


def _close(task: RevocationTask, outcome: RevocationOutcome, now: datetime) -> None:
    task.outcome, task.closed_at, task.escalate_at = outcome, now, None
