"""What follows for people when a directory changes its entries: they are admitted, described, leave and come back (P1, R8).

Each operation also writes the entry (``write``), so that entry and person change in one transaction.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import CharField
from django.db.models.functions import Cast

from governance.core.access import Actor, Permission, Refusal, check, duty
from governance.core.clock import current_time
from governance.core.database import advisory_locks
from governance.core.engine.transition import Step, transition
from governance.core.models import LedgerEvent, Person, RoleAssignment
from governance.core.people.transitions.delegations import end_delegations_of
from governance.core.people.transitions.people import ADMINS_LOCK, admins_left, not_left
from governance.core.tokens.transitions import revoke_tokens_of

#: A source that reports more leavers within an hour is not healthy: this share of its people, in percent, but at least so many (R8).
SHARE, AT_LEAST = 10, 10
HOUR = timedelta(hours=1)


def actor_of(source: str) -> Actor:
    """Return the job that acts for a source."""
    return Actor.of_job(f"provisioning:{source}")


Write = Callable[[Person], object]


@duty("S9")
def leaves_two_admins(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Two admins stay, because one alone can give no role."""
    return admins_left(subject, now)


@duty("R8")
def source_is_healthy(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """A source that reports many leavers at once may be broken. The rest waits, and the source asks again.

    People who came within the hour do not count: nobody relies on them yet.
    """
    settled = current_time.real() - HOUR
    people = Person.objects.filter(source=subject.source, created_at__lte=settled)
    limit = max(AT_LEAST, people.filter(left_at__isnull=True).count() * SHARE // 100)
    reports = LedgerEvent.objects.filter(verb="person.left", outcome="done", actor_id=actor.actor_id, at__gt=now - HOUR)
    counted = people.annotate(key=Cast("pk", CharField())).values("key")
    if subject.created_at > settled or reports.filter(subject_id__in=counted).count() < limit:
        return None
    sentence = f"The directory reported {limit} leavers within an hour, so the rest waits."
    return Refusal("R8", "state", sentence, "Check the directory. It may report again after an hour.")


@transition(
    Person,
    event="person.left",
    permission=Permission.PERSON_ADMIT,
    duties=[not_left, leaves_two_admins, source_is_healthy],
)
def leave_by_directory(step: Step[Person], *, write: Write) -> None:
    """Record that a person left, by the word of their directory, also one who decides something (R8).

    Their tokens, delegations and password end, and with the password each session, which holds a digest of it. Eligibility is checked at
    each act. Leavers are recorded one after another, so that the limits hold for requests at once too.
    """
    advisory_locks.lock_until_commit(ADMINS_LOCK)
    for limit in (leaves_two_admins, source_is_healthy):
        check(limit.asks(step.subject, step.actor, step.now))
    revoke_tokens_of(step)
    end_delegations_of(step)
    step.subject.left_at, step.subject.is_active = step.now, False
    step.subject.set_unusable_password()
    step.save(step.subject)
    write(step.subject)


@duty("STATE", rule="R8")
def has_left(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Only a person comes back whose directory reported that they left, and who was not erased."""
    if subject.left_at is None:
        return Refusal("STATE", "state", f"{subject.name} is here.")
    reports = LedgerEvent.objects.filter(verb="person.left", outcome="done", subject_type="controls.person")
    newest = reports.filter(subject_id=str(subject.pk)).order_by("-pk").first()
    if newest is None or newest.actor_id != actor.actor_id:
        return Refusal("STATE", "state", f"An admin recorded that {subject.name} left.", "Ask a governance admin.")
    if subject.erasures.filter(confirmed_at__isnull=False).exists():
        return Refusal("STATE", "state", "This person was erased.")
    return None


@transition(Person, event="person.returned", permission=Permission.PERSON_ADMIT, duties=[has_left])
def come_back(step: Step[Person], *, write: Write) -> None:
    """Let a person in again if their directory lists them as active. Their roles have ended: two admins give them anew (S8).

    What they still own or lead is theirs again, since two people appointed them and nobody else was.
    """
    for role in RoleAssignment.objects.filter(person=step.subject, until__isnull=True).order_by("pk"):
        role.until = step.now
        step.save(role)
        step.record("role.ended", role, {"role": role.role})
    step.subject.left_at, step.subject.is_active = None, True
    step.save(step.subject)
    write(step.subject)
