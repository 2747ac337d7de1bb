"""Transitions of people: roles given and ended (S8), people entered and gone.

`delegations` has delegates, `bootstrap` gives the first roles, `teams.transitions` has teams.
"""

from datetime import datetime

from django.conf import settings

from governance.core.access import Actor, Permission, Refusal, Role, check, duty, refuse
from governance.core.database import advisory_locks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person, RoleAssignment
from governance.core.notices import outbox
from governance.core.texts import free_text

#: Least admins that can give a role (S8).
LEAST_ADMINS = 2

#: Advisory lock for the number of admins.
ADMINS_LOCK = 0xAD31


@duty("STATE", rule="S8")
def still_here(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Nobody is trusted with anything who has left."""
    gone = not subject._state.adding and not subject.is_here
    return Refusal("STATE", "state", f"{subject.name} has left.") if gone else None


@duty("STATE", rule="S8")
def not_left(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Somebody leaves once."""
    return Refusal("STATE", "state", f"{subject.name} has left already.") if subject.left_at is not None else None


@duty("STATE", rule="S8")
def requires_new(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Somebody is entered once."""
    return None if subject._state.adding else Refusal("STATE", "state", f"{subject.name} is here already.")


@duty("STATE", rule="S8")
def not_ended(subject: RoleAssignment, actor: Actor, now: datetime) -> Refusal | None:
    """A role ends once."""
    return Refusal("STATE", "state", "This role has ended already.") if subject.until is not None else None


@transition(Person, event="role.given", permission=None, duties=[still_here])
def give_role(
    step: Step[Person], *, role: Role, proposed_by: Person, proposed_at: datetime, confirmed_by: Person
) -> Effect:
    """Give a role, by a proposal that two admins signed and the person accepted (S8).

    Args:
        step: the running step; its subject is the person.
        role: the role.
        proposed_by: the first admin.
        proposed_at: time of the proposal.
        confirmed_by: the second admin.
    """
    proposed = {"proposed_by": proposed_by, "proposed_at": proposed_at, "confirmed_by": confirmed_by}
    made = RoleAssignment(person=step.subject, role=role, confirmed_at=step.now, **proposed)
    step.save(made)
    return Effect(subject=made, payload={"role": str(role), "person": str(step.subject.opaque_id)})


@transition(Person, event="role.given_back", permission=None, duties=[still_here])
def give_role_back(step: Step[Person], *, ended: RoleAssignment) -> Effect:
    """Restore a role that one admin ended at once and no other countersigned (S8)."""
    first = ended.restores or ended
    times = {"proposed_at": step.now, "confirmed_at": step.now}
    made = RoleAssignment(person=step.subject, role=ended.role, restores=first, **times)
    step.save(made)
    return Effect(subject=made, payload={"role": ended.role, "person": str(step.subject.opaque_id)})


@transition(RoleAssignment, event="role.ended", permission=None, duties=[not_ended])
def end_role(step: Step[RoleAssignment]) -> Effect:
    """End a role at once, by a proposal that two admins signed, or by one that acts before the countersignature (S8)."""
    if step.subject.role == Role.ADMIN:
        _keep_two_admins(step.subject.person, step.now)
    step.subject.until = step.now
    step.save(step.subject)
    by = step.actor.person.name if step.actor.person else ""
    context, thread = {"role": step.subject.words, "by": by, "page": ["me"]}, f"role:{step.subject.pk}"
    outbox.notify([step.subject.person], "role_ended", thread=thread, key="ended", now=step.now, context=context)
    return Effect(payload={"role": step.subject.role})


def admins_left(without: Person, now: datetime) -> Refusal | None:
    """Return the refusal to remove one of the last two admins, who are needed to give a role; None with more admins."""
    there = [admin for admin in Person.objects.with_role(Role.ADMIN, now) if not admin.is_kept_out(now)]
    if len(there) > LEAST_ADMINS or without not in there:
        return None
    sentence = f"Only {len(there)} governance admins are left, and roles need two."
    return Refusal("S9", "state", sentence, "Appoint another admin first.")


@duty("STATE", rule="P1")
def can_sign_in(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Without passwords nobody is added by hand: they could never sign in."""
    if subject.source != "local" or settings.PASSWORD_SIGN_IN:
        return None
    sentence = "Passwords are off, so people come by single sign-on or from the directory."
    return Refusal("STATE", "state", sentence, "Ask them to sign in, or have the directory add them.")


@transition(Person, event="person.added", permission=Permission.PERSON_MANAGE, duties=[requires_new, can_sign_in])
def add_person(step: Step[Person]) -> None:
    """Enter a person without a role, as an admin; the subject is unsaved.

    Address and sign-in identify the person, so they are refused with invisible characters.
    """
    new = step.subject
    if any(free_text.name(text) != text for text in (new.email, new.subject)):
        raise refuse(Refusal("PERSON", "input", "This address has an invisible character. Type it again."))
    new.name, new.title = free_text.name(new.name), free_text.name(new.title)
    if not new.name:
        raise refuse(Refusal("PERSON", "input", "Give them a name.", detail=(("name", "Give them a name."),)))
    if Person.objects.filter(source=step.subject.source, subject=step.subject.subject).exists():
        raise refuse(Refusal("PERSON", "input", "Somebody with this sign-in is here already."))
    step.save(step.subject)


@transition(Person, event="person.left", permission=Permission.PERSON_MANAGE, duties=[not_left], reason_needed=True)
def record_leaver(step: Step[Person]) -> None:
    """Record that a person left who decides nothing, as an admin. They fill no seat and can't sign in; their row stays (S1, R8).

    A person who decides something needs two admins (`leave`): a duty of higher apps.
    """
    _leave(step)


@transition(Person, event="person.left", permission=None, duties=[not_left])
def leave(step: Step[Person]) -> None:
    """Record that a person left who decides something, by a proposal that two admins signed (S8)."""
    _leave(step)


def _leave(step: Step[Person]) -> None:
    _keep_two_admins(step.subject, step.now)
    step.subject.left_at, step.subject.is_active, step.subject.kept_out_until = step.now, False, None
    step.save(step.subject)


def _keep_two_admins(person: Person, now: datetime) -> None:
    """Refuse to remove one of the last two admins: two admins are needed to give a role (S9)."""
    advisory_locks.lock_until_commit(ADMINS_LOCK)
    check(admins_left(person, now))


@transition(Person, event="person.kept_out", permission=None, duties=[not_left])
def keep_out(step: Step[Person], *, until: datetime) -> Effect:
    """Keep a person out who left according to one admin alone: they can't sign in, and their tasks stay theirs (S8)."""
    _keep_two_admins(step.subject, step.now)
    step.subject.kept_out_until = until
    step.save(step.subject)
    return Effect(payload={"until": ledger_events.instant(until)})


@transition(Person, event="person.let_in", permission=None)
def let_in(step: Step[Person]) -> None:
    """Let a kept-out person in again, because no admin countersigned that they left (S8)."""
    step.subject.kept_out_until = None
    step.save(step.subject)
