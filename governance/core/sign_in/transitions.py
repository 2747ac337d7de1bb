"""How a person signs in, as far as it changes: a sign-in, a password, a second factor (H1).

What writes is Django's and allauth's; it is handed in and runs inside the operation, so that the change and its event are one
transaction. No event holds more than that it happened: no password, no address, no code, no kind of device.
"""

from __future__ import annotations

from collections.abc import Callable

from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.people.transitions.people import still_here
from governance.core.roles.roles import Permission
from governance.core.sign_in import password_links
from governance.core.tokens.transitions import revoke_tokens_of

Change = Callable[[], object]


@transition(Person, event="person.signed_in", permission=Permission.PERSON_PROVE, duties=[still_here])
def sign_in(step: Step[Person], *, begin: Change) -> Effect:
    """Somebody has shown who they are, and a session begins.

    Leaves no history row: nothing about the person is otherwise than before, but when they came last.
    """
    begin()
    step.subject.refresh_from_db(fields=["last_login"])
    return Effect()


@transition(Person, event="person.password_set", permission=Permission.PERSON_PROVE, duties=[still_here])
def set_password(step: Step[Person], *, password: str) -> Effect:
    """Set the password of a local account; the caller has validated it.

    The person's tokens end with the old password. So do their sessions: each holds a hash of the password.
    """
    step.subject.set_password(password)
    step.save(step.subject)
    revoke_tokens_of(step)
    outbox.queue([password_links.changed(step.subject, step.now)])
    return Effect()


def _changing(step: Step[Person], change: Change) -> Effect:
    change()
    step.save(step.subject)
    return Effect()


@transition(Person, event="person.second_factor_enrolled", permission=Permission.PERSON_PROVE, duties=[still_here])
def enrol_second_factor(step: Step[Person], *, change: Change) -> Effect:
    """A person is asked for a second factor from now on; its first recovery codes come with it."""
    return _changing(step, change)


@transition(Person, event="person.second_factor_removed", permission=Permission.PERSON_PROVE, duties=[still_here])
def remove_second_factor(step: Step[Person], *, change: Change) -> Effect:
    """A person is asked for no second factor any more."""
    return _changing(step, change)


@transition(Person, event="person.recovery_codes_made", permission=Permission.PERSON_PROVE, duties=[still_here])
def make_recovery_codes(step: Step[Person], *, change: Change) -> Effect:
    """A person gets new recovery codes, and the old ones open nothing any more."""
    return _changing(step, change)
