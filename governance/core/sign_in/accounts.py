"""Accounts of sign-in providers (P1): the person of an account, people admitted at their first sign-in, and linked accounts.

A person is one subject of one source, never a mail address. An account with the address of a person who is here is not admitted: the
same person would count twice (S1). They sign in as before and link the account themself.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from governance.core.access import Actor, Permission, Refusal, check, duty, refuse
from governance.core.database import advisory_locks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import LinkedAccount, Person
from governance.core.people.transitions.people import requires_new, still_here
from governance.core.texts import free_text
from governance.core.tokens.transitions import in_session, signed_in_lately

#: Longest address, in characters, as the column has it.
LONGEST_ADDRESS = 254
#: Advisory lock of accounts: an account gets one person.
ACCOUNTS_LOCK = 0xACC7


class Account(NamedTuple):
    """What a provider says about an account.

    Args:
        source: the id of the provider.
        subject: the provider's lasting name of the account.
        name: the person's name.
        email: their address, or nothing.
        title: their title, or nothing.
    """

    source: str
    subject: str
    name: str = ""
    email: str = ""
    title: str = ""


#: Writes what belongs to the operation, in its transaction.
Write = Callable[[Person], object]


def _nothing_more(person: Person) -> None:
    """Write nothing."""


def usable_address(text: object, domains: Collection[str] = ()) -> str:
    """Return an address to which mail of a person may go; nothing if it is none, has invisible characters or another domain.

    Args:
        text: what a provider or a directory says.
        domains: the allowed domains; all if empty.
    """
    address = text.strip() if isinstance(text, str) else ""
    try:
        validate_email(address)
    except ValidationError:
        return ""
    is_plain = free_text.name(address) == address and len(address) <= LONGEST_ADDRESS
    is_ours = not domains or address.rpartition("@")[2].lower() in domains
    return address if is_plain and is_ours else ""


def find_person(source: str, subject: str) -> Person | None:
    """Return the person of an account, also one who has left; None for an unknown account."""
    person = Person.objects.filter(source=source, subject=subject).first()
    if person is not None:
        return person
    link = LinkedAccount.objects.filter(source=source, subject=subject, ended_at__isnull=True)
    return Person.objects.filter(linked_accounts__in=link).first()


def _second_person_refusal(account: Account, provider: str) -> Refusal | None:
    """The refusal of a new account that may be of a person who is or was here: nobody becomes two people (S1)."""
    if LinkedAccount.objects.filter(source=account.source, subject=account.subject).exists():
        sentence = f"This account of {provider} was linked to a person here, and the link has ended."
        return Refusal("P1", "state", sentence, "Sign in as that person and link it again.")
    if not account.email or not Person.objects.filter(email__iexact=account.email).exists():
        return None
    sentence = f"Somebody with your address has or had an account here, and it is not linked to {provider}."
    to_do = f"If it is yours, sign in to it as before and link {provider} on your own page. Otherwise ask a governance admin."
    return Refusal("P1", "state", sentence, to_do)


@transition(Person, event="person.added", permission=Permission.PERSON_ADMIT, duties=[requires_new])
def admit(step: Step[Person], *, provider: str, write: Write = _nothing_more) -> Effect:
    """Enter a person at their first sign-in with a provider. They get no role; the subject of the step is unsaved.

    Args:
        step: the running step.
        provider: the name of the provider, for a refusal.
        write: writes the entry of the directory in the same transaction.
    """
    new = step.subject
    advisory_locks.lock_until_commit(ACCOUNTS_LOCK)
    new.name = free_text.name(new.name)[:120] or new.email.partition("@")[0] or "No name"
    account = Account(new.source, new.subject, new.name, new.email)
    if find_person(new.source, new.subject) is not None:
        raise refuse(Refusal("P1", "state", "You are here already.", "Sign in once more."))
    check(_second_person_refusal(account, provider))
    step.save(new)
    write(new)
    return Effect(payload={"source": new.source})


@transition(Person, event="person.described", permission=Permission.PERSON_ADMIT, duties=[still_here])
def describe(step: Step[Person], *, account: Account, write: Write = _nothing_more) -> None:
    """Update name, address and title of a person as their directory has them. The event holds none of them (H6).

    Args:
        step: the running step.
        account: the account; empty texts change nothing.
        write: writes the entry of the directory in the same transaction.
    """
    advisory_locks.lock_until_commit(ACCOUNTS_LOCK)
    for field, text in _facts(step.subject, account).items():
        if text:
            setattr(step.subject, field, text)
    step.save(step.subject)
    write(step.subject)


def is_news(person: Person, account: Account) -> bool:
    """Whether the directory has another name or address of its person. A linked account changes nothing."""
    if (person.source, person.subject) != (account.source, account.subject) or not person.is_here:
        return False
    return any(text and text != getattr(person, field) for field, text in _facts(person, account).items())


def _facts(person: Person, account: Account) -> dict[str, str]:
    """Facts to write. An address that another person has is none: their mail would go to two people."""
    name, title = (free_text.name(text)[:120] for text in (account.name, account.title))
    is_taken = Person.objects.filter(email__iexact=account.email).exclude(pk=person.pk).exists()
    return {"name": name, "email": "" if is_taken else account.email, "title": title}


@transition(
    Person,
    event="account.linked",
    permission=Permission.PERSON_PROVE,
    duties=[still_here, in_session, signed_in_lately],
)
def link_account(step: Step[Person], *, account: Account, provider: str) -> Effect:
    """Link an account to a person, who is signed in and has just proved that it is theirs.

    Args:
        step: the running step; its subject is the person.
        account: the account; its name and address are not used.
        provider: the name of the provider, for a refusal.
    """
    advisory_locks.lock_until_commit(ACCOUNTS_LOCK)
    source, name = account.source, account.subject
    holder = find_person(source, name)
    earlier = LinkedAccount.objects.filter(source=source, subject=name).exclude(person=step.subject)
    if holder is not None or earlier.exists():
        whose = "yours" if holder is not None and holder.pk == step.subject.pk else "another person's"
        raise refuse(Refusal("P1", "state", f"This account of {provider} is {whose} already."))
    made = LinkedAccount(person=step.subject, source=source, subject=name, linked_at=step.now)
    step.save(made)
    return Effect(subject=made, payload={"person": str(step.subject.opaque_id), "source": source})


@duty("STATE", rule="P1")
def still_linked(subject: LinkedAccount, actor: Actor, now: datetime) -> Refusal | None:
    """A link ends once."""
    return Refusal("STATE", "state", "This account is not linked any more.") if subject.ended_at is not None else None


@transition(
    LinkedAccount, event="account.unlinked", permission=Permission.PERSON_PROVE, duties=[still_linked, in_session]
)
def unlink_account(step: Step[LinkedAccount]) -> Effect:
    """End the link of an account. It signs nobody in any more. The last way to sign in stays."""
    advisory_locks.lock_until_commit(ACCOUNTS_LOCK)
    person = step.subject.person
    others = person.linked_accounts.filter(ended_at__isnull=True).exclude(pk=step.subject.pk)
    if person.source == "local" and not settings.PASSWORD_SIGN_IN and not others.exists():
        raise refuse(Refusal("P1", "state", "This is your only way to sign in.", "Link another account first."))
    step.subject.ended_at = step.now
    step.save(step.subject)
    return Effect(payload={"source": step.subject.source})
