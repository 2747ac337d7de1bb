"""The first roles, given once, and the missing roles of the smallest organisation (S9)."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from governance.core.access import ROLE_WORDS, Actor, Role
from governance.core.database import advisory_locks
from governance.core.engine.step import save_with_history
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person, RoleAssignment
from governance.core.people.transitions.people import LEAST_ADMINS

#: Advisory lock of the bootstrap.
BOOTSTRAP_LOCK = 0xB007


class AlreadyBootstrapped(Exception):
    """The ledger is not empty, so two admins give roles now (S9)."""


def bootstrap(*, admins: Sequence[Person], reviewers: Sequence[Person], now: datetime) -> None:
    """Name the first two admins and two security reviewers, once, on an empty ledger (S9).

    Raises:
        AlreadyBootstrapped: the ledger is not empty.
        ValueError: not exactly two of each, or one person in two places.
    """
    people = [*admins, *reviewers]
    if len(admins) != 2 or len(reviewers) != 2 or len({p.pk for p in people}) != 4:
        raise ValueError("Name two admins and two other people as security reviewers.")
    actor = Actor.of_job("bootstrap")
    with transaction.atomic():
        advisory_locks.lock_until_commit(BOOTSTRAP_LOCK)
        if LedgerEvent.objects.exists():
            raise AlreadyBootstrapped(
                "The ledger is not empty: roles are given by proposals of two admins from here on."
            )
        for person in people:
            role = Role.ADMIN if person in admins else Role.SECURITY_REVIEWER
            made = RoleAssignment(person=person, role=role, proposed_at=now, confirmed_at=now, by_bootstrap=True)
            save_with_history(made, person=None, at=now, why=f"role.bootstrapped {actor.correlation}")
            payload = {"role": str(role), "person": str(person.opaque_id)}
            ledger_events.append(actor=actor, verb="role.bootstrapped", subject=made, now=now, payload=payload)


def missing_for_work(now: datetime) -> list[str]:
    """Roles that the smallest organisation still lacks, one sentence each (S9).

    `approvals.assignment.smallest_organisation` checks whether each approval has enough different people.
    """
    least = {Role.ADMIN: LEAST_ADMINS, Role.SECURITY_REVIEWER: 1, Role.BUILDER: 1}
    there = {role: Person.objects.with_role(role, now).count() for role in least}
    missing_roles = [
        f"{ROLE_WORDS[role]}: {there[role]} of at least {count} {'is' if count == 1 else 'are'} there."
        for role, count in least.items()
        if there[role] < count
    ]
    if not Person.objects.filter(leads__isnull=False, is_active=True, left_at__isnull=True).exists():
        missing_roles.append("Team lead: no team has one, so nobody approves an app.")
    return missing_roles
