"""Transitions of sign-in: a sign-in, a password, a second factor (H1).

Django and allauth write the change. Their function is passed in and runs inside the operation, so the change and its event are one
transaction. An event holds only the fact: no password, address, code or kind of device.

A link in a mail sets a password: an invitation, or a reset that a person asks for. The link is a secret, so no row holds it. It is made
while the mail is sent, and the portal's copy has another address.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.http import int_to_base36

from governance.core.access import Actor, Permission, Refusal, duty
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.people.transitions.people import still_here
from governance.core.tokens.transitions import revoke_tokens_of, signed_in_lately

Change = Callable[[], object]
#: A second factor is changed after a fresh proof: otherwise an unattended session could give itself one.
FRESHLY = [still_here, signed_in_lately]


@transition(Person, event="person.signed_in", permission=Permission.PERSON_PROVE, duties=[still_here])
def sign_in(step: Step[Person], *, begin: Change, source: str = "local") -> Effect:
    """Record a sign-in: a session begins.

    It leaves no history row, because only the time of the last sign-in changes.

    Args:
        step: the running step.
        begin: Django's sign-in.
        source: the id of the provider, or ``local`` for a password.
    """
    begin()
    step.subject.refresh_from_db(fields=["last_login"])
    return Effect(payload={"source": source})


@transition(Person, event="person.sessions_ended", permission=Permission.PERSON_PROVE)
def end_sessions(step: Step[Person], *, end: Callable[[], int]) -> Effect:
    """End sessions of a person, by themself or by their provider's back-channel logout.

    Args:
        step: the running step.
        end: deletes the sessions and returns how many.
    """
    return Effect(payload={"sessions": end()})


@transition(Person, event="person.password_set", permission=Permission.PERSON_PROVE, duties=[still_here])
def set_password(step: Step[Person], *, password: str) -> None:
    """Set the password of a local account; the caller has validated it.

    The person's tokens end with the old password. So do their sessions: each holds a hash of the password.
    """
    step.subject.set_password(password)
    step.save(step.subject)
    revoke_tokens_of(step)
    outbox.queue([_password_changed(step.subject, step.now)])


def _changing(step: Step[Person], change: Change) -> None:
    change()
    step.save(step.subject)


@transition(Person, event="person.second_factor_enrolled", permission=Permission.PERSON_PROVE, duties=FRESHLY)
def enrol_second_factor(step: Step[Person], *, change: Change) -> None:
    """Enrol a second factor, with its first recovery codes."""
    _changing(step, change)


@transition(Person, event="person.second_factor_removed", permission=Permission.PERSON_PROVE, duties=FRESHLY)
def remove_second_factor(step: Step[Person], *, change: Change) -> None:
    """Remove the second factor."""
    _changing(step, change)


@transition(Person, event="person.recovery_codes_made", permission=Permission.PERSON_PROVE, duties=FRESHLY)
def make_recovery_codes(step: Step[Person], *, change: Change) -> None:
    """Make new recovery codes. The old ones end."""
    _changing(step, change)


INVITATION, RESET, CHANGED = "invitation", "password_reset", "password_changed"
#: Events whose mail carries the link.
WITH_LINK = frozenset({INVITATION, RESET})


@duty("STATE", rule="S5")
def has_no_password(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Only a person without a password is invited to set one."""
    if subject.source != "local":
        return Refusal("STATE", "state", f"{subject.name} signs in by {subject.source} and has no password here.")
    if not settings.PASSWORD_SIGN_IN:
        return Refusal("STATE", "state", "Passwords are off here.", "They link an account of a provider instead.")
    if subject.has_usable_password():
        to_do = "On the sign-in page they can ask for a mail that sets a new one."
        return Refusal("STATE", "state", f"{subject.name} has a password already.", to_do)
    return None


@transition(Person, event="person.invited", permission=Permission.PERSON_INVITE, duties=[still_here, has_no_password])
def invite(step: Step[Person]) -> None:
    """Mail a person a link that sets their first password."""
    outbox.queue([_notice(step.subject, INVITATION, f"invited:{step.now:%Y%m%d%H%M}", step.now, _days())])


def ask_reset(person: Person, *, now: datetime) -> None:
    """Mail a local person a link that sets a new password, at most once a minute. Changes nothing governed.

    Args:
        person: the person with the address on the reset page.
        now: business time.
    """
    if person.source != "local":
        return
    outbox.queue([_notice(person, RESET, f"reset:{now:%Y%m%d%H%M}", now, _days())])


def _password_changed(person: Person, now: datetime) -> Notice:
    """The notice that a person's password was changed; not queued yet."""
    context = {"at": now.isoformat(), "page": ["account_reset_password"]}
    return _notice(person, CHANGED, f"password:{now:%Y%m%d%H%M%S}", now, context)


def _notice(person: Person, event: str, mark: str, now: datetime, context: Mapping[str, Any]) -> Notice:
    thread = f"person:{person.pk}"
    return outbox.notice(recipient=person, event=event, thread=thread, key=f"{thread}:{mark}", now=now, context=context)


def password_link(person: Person) -> str:
    """The address that sets this person's password: valid once, for `PASSWORD_RESET_TIMEOUT` seconds, until the next sign-in."""
    key = default_token_generator.make_token(person)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": int_to_base36(person.pk), "key": key})
    return f"{settings.BASE_URL}{path}"


def password_page() -> str:
    """Return the address in the portal's copy: the page that sends a new link."""
    return f"{settings.BASE_URL}{reverse('account_reset_password')}"


def _days() -> dict[str, int]:
    return {"days": settings.PASSWORD_RESET_TIMEOUT // (24 * 60 * 60)}
