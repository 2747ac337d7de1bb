"""May this actor do this to that? The only place that knows roles, relations and guardian's tables together.

It answers permission alone. Separation of duties is asked afterwards, of everybody (S5), and never here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.db.models import Q

from governance.controls.actors import Actor
from governance.controls.models import Person, RoleAssignment
from governance.controls.roles import GRANTS, Permission, Relation, Role


class HasRelations(Protocol):
    """A row that knows how people stand to it."""

    def relations(self, person: Person, now: datetime) -> frozenset[Relation]:
        """The relations of ``person`` to this row at the instant ``now``."""
        ...


def roles_of(person: Person, now: datetime) -> frozenset[Role]:
    """The roles that a person holds at ``now``: confirmed by a second admin (or by bootstrap) and not over.

    A person who left or is inactive holds none; everybody else is an employee.
    """
    if not person.is_here:
        return frozenset()
    cached: dict[str, frozenset[Role]] = person.__dict__.setdefault("_roles", {})
    if "held" not in cached:
        rows = RoleAssignment.objects.filter(Q(confirmed_at__isnull=False) | Q(by_bootstrap=True), person=person)
        rows = rows.filter(Q(until__isnull=True) | Q(until__gt=now))
        cached["held"] = frozenset({Role.EMPLOYEE, *(Role(role) for role in rows.values_list("role", flat=True))})
    return cached["held"]


def holds(person: Person | None, role: Role, now: datetime) -> bool:
    """Whether a person holds a role at ``now``."""
    return person is not None and role in roles_of(person, now)


def may(actor: Actor, permission: Permission, subject: HasRelations | None, *, now: datetime) -> bool:
    """Whether a role of the actor, or a relation to the subject, grants the permission. Deny by default.

    Args:
        actor: who acts; under a delegation the capacity is the giver's (A11).
        permission: what is asked.
        subject: the row it is asked about, or None for what concerns no row.
        now: the instant of business time.
    """
    if actor.kind == "job":
        return permission in GRANTS[Role.JOB]
    person = actor.capacity_of
    if person is None or actor.person is None or not actor.person.is_here or not person.is_here:
        return False
    if any(permission in GRANTS[role] for role in roles_of(person, now)):
        return True
    if subject is None:
        return False
    return any(permission in GRANTS[relation] for relation in subject.relations(person, now))
