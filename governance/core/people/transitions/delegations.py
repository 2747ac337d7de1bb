"""Delegations: a person names a delegate for a limited time ahead (A11)."""

from datetime import datetime, timedelta

from django.db.models import Q

from governance.core.access import ROLE_WORDS, Actor, Permission, Refusal, access, duty, refuse
from governance.core.database import advisory_locks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Delegation, Person
from governance.core.models.people import DELEGATION_AHEAD, DELEGATION_DAYS
from governance.core.notices import outbox
from governance.core.people.transitions.people import still_here
from governance.core.roles.roles import SAME_DUTY

#: Advisory lock for delegations, since two of them could make a chain.
DELEGATIONS_LOCK = 0xDE1E


@duty("A11")
def giver_only(subject: Delegation, actor: Actor, now: datetime) -> Refusal | None:
    """A delegation is ended by the person who gave it."""
    is_giver = actor.person == subject.giver and actor.standing_for is None
    return None if is_giver else Refusal("A11", "permission", "Only who gave a delegation ends it.")


@duty("STATE", rule="S8")
def running(subject: Delegation, actor: Actor, now: datetime) -> Refusal | None:
    """A delegation ends once."""
    has_ended = subject.ended_at is not None or subject.until_at <= now
    return Refusal("STATE", "state", "This delegation has ended already.") if has_ended else None


@transition(Person, event="delegation.set", permission=Permission.DELEGATION_SET, duties=[still_here])
def delegate(step: Step[Person], *, giver: Person, from_at: datetime, until_at: datetime) -> Effect:
    """Name a delegate for oneself and a future time (A11); the subject is the taker.

    Args:
        step: the running step; its subject is the delegate.
        giver: the person who delegates.
        from_at: start, now or later.
        until_at: end, at most 30 days after the start.
    """
    if step.actor.person != giver or step.actor.standing_for is not None:
        raise refuse(Refusal("A11", "permission", "A delegation is set by the person themself."))
    advisory_locks.lock_until_commit(DELEGATIONS_LOCK)  # two delegations set at once could make a chain
    _check_delegation(step, giver, from_at, until_at)
    made = Delegation(giver=giver, taker=step.subject, from_at=from_at, until_at=until_at, reason=step.reason)
    step.save(made)
    context = {"name": giver.name, "from_at": from_at.isoformat(), "until_at": until_at.isoformat(), "page": ["me"]}
    thread = f"delegation:{made.pk}"
    outbox.notify([step.subject], "delegation_set", thread=thread, key="set", now=step.now, context=context)
    payload = {"from_at": ledger_events.instant(from_at), "until_at": ledger_events.instant(until_at)}
    return Effect(subject=made, payload=payload)


def _check_delegation(step: Step[Person], giver: Person, from_at: datetime, until_at: datetime) -> None:
    taker = step.subject
    then = Delegation.objects.filter(ended_at__isnull=True, until_at__gt=from_at, from_at__lt=until_at)
    lacking = (access.roles_of(giver, step.now) & {*SAME_DUTY}) - access.roles_of(taker, step.now)
    words = " and ".join(sorted(ROLE_WORDS[role].lower() for role in lacking))
    days, total = timedelta(days=DELEGATION_DAYS), _handed_over(giver, step.now) + (until_at - from_at)
    far = from_at > step.now + timedelta(days=DELEGATION_AHEAD)
    problems = [
        (giver.pk == taker.pk, "You can't be your own delegate."),
        (from_at < step.now, "A delegation starts in the future, not in the past."),
        (not from_at < until_at <= from_at + days, f"It lasts at most {DELEGATION_DAYS} days."),
        (far, f"It begins within {DELEGATION_AHEAD} days: who decides for you in a year is not known yet."),
        (bool(lacking), f"{taker.name} is not trusted as {words}: a delegate has the same duty."),
        (
            then.filter(giver=taker).exists(),
            f"{taker.name} has passed their own decisions on: a delegation goes one level.",
        ),
        (then.filter(giver=giver).exists(), "You have a delegation in that time already."),
        (
            then.filter(taker=giver).exists(),
            "Somebody has passed their decisions on to you: a delegation goes one level.",
        ),
        (
            total > days,
            f"With what you have handed over already it is more than {DELEGATION_DAYS} days: set the rest once those are gone.",
        ),
    ]
    for wrong, sentence in problems:
        if wrong:
            raise refuse(Refusal("A11", "input", sentence, is_attempt=True))


def _handed_over(giver: Person, now: datetime) -> timedelta:
    """Return the future time that a person has delegated. A limit makes people renew it every so many days (A11)."""
    ahead = Delegation.objects.filter(giver=giver, ended_at__isnull=True, until_at__gt=now)
    spans = ahead.values_list("from_at", "until_at")
    return sum((until_at - max(from_at, now) for from_at, until_at in spans), timedelta())


def end_delegations_of(step: Step[Person]) -> None:
    """End the delegations by and to the step's person, who leaves, each with its own event (P1)."""
    rows = Delegation.objects.filter(Q(giver=step.subject) | Q(taker=step.subject), ended_at__isnull=True)
    for row in rows.filter(until_at__gt=step.now).order_by("pk"):
        row.ended_at = step.now
        step.save(row)
        step.record("delegation.ended", row)


@transition(Delegation, event="delegation.ended", permission=Permission.DELEGATION_SET, duties=[running, giver_only])
def end_delegation(step: Step[Delegation]) -> None:
    """End a delegation at once, as its giver."""
    step.subject.ended_at = step.now
    step.save(step.subject)
