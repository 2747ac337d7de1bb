"""Permissions of actors. Only this module combines roles, relations and guardian's tables.

Duties are checked afterwards and for every actor (S5), not here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.duties.refusals import Refusal
from governance.core.models import Delegation, Person, Team
from governance.core.roles.roles import ASSIGNABLE, BY_TOKEN, GRANTS, Permission, Relation, Role

#: ``relations(row, person, now, context)`` returns a person's relations to a row; see `register_relations`.
Relations = Callable[[Any, Person, datetime, Any], frozenset[Relation]]
_REGISTERED: dict[type, Relations] = {}


def register_relations(model: type, relations: Relations) -> None:
    """Register the function that computes a person's relations to a row of a model; called in an app's `ready()`.

    Args:
        model: the class of the rows.
        relations: takes a row, a person, an instant and the operation's context (None if the caller has loaded none),
            and returns the person's relations to the row.
    """
    _REGISTERED[model] = relations


def _relations_of(row: object, person: Person, now: datetime, context: Any) -> frozenset[Relation]:
    """Return a person's relations to a row at an instant. A model without ``relations(person, now)`` has none."""
    if (registered := _REGISTERED.get(type(row))) is not None:
        return registered(row, person, now, context)
    relations: frozenset[Relation] = row.relations(person, now) if hasattr(row, "relations") else frozenset()
    return relations


def roles_of(person: Person, now: datetime) -> frozenset[Role]:
    """Return the roles that a person holds at ``now``: given by two admins and accepted, or by bootstrap, and not ended.

    A person who left or is inactive holds none; every other person is an employee. It queries the database each time.
    """
    return _read_standing(person, now).roles


#: Roles at an instant, givers of running delegations, and whether they lead or belong to a team. SQL, because every page and write asks it, and building
#: the query from models took longer than the query.
_STANDING = """
SELECT role, NULL::bigint FROM controls_roleassignment
WHERE person_id = %(person)s AND confirmed_at <= %(now)s AND (until IS NULL OR until > %(now)s)
UNION ALL
SELECT '', giver.id FROM controls_delegation JOIN controls_person giver ON giver.id = giver_id
WHERE taker_id = %(person)s AND from_at <= %(now)s AND until_at > %(now)s AND ended_at IS NULL
AND giver.is_active AND giver.left_at IS NULL AND may_stand_in(giver_id, taker_id, %(now)s)
UNION ALL
(SELECT 'leads', NULL::bigint FROM controls_team WHERE lead_id = %(person)s OR deputy_lead_id = %(person)s LIMIT 1)
UNION ALL
(SELECT 'belongs', NULL::bigint FROM controls_membership WHERE person_id = %(person)s LIMIT 1)
"""


class _Standing(NamedTuple):
    """A person's roles at an instant, the ids of the people they are a delegate of, and whether they lead or belong to a team."""

    roles: frozenset[Role] = frozenset()
    givers: tuple[int, ...] = ()
    leads: bool = False
    belongs: bool = False


def _read_standing(person: Person, now: datetime) -> _Standing:
    """Read a person's roles, delegations and teams at ``now``: one query."""
    if not person.is_here:
        return _Standing()
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"person": person.pk, "now": now})
        pairs = cursor.fetchall()
    roles = {Role.EMPLOYEE, *(Role(name) for name, _ in pairs if name in ASSIGNABLE)}
    givers = tuple(giver for _, giver in pairs if giver is not None)
    names = {name for name, _ in pairs}
    return _Standing(frozenset(roles), givers, "leads" in names, "belongs" in names)


def _standing_for(actor: Actor, person: Person, now: datetime) -> _Standing:
    """Return the `_Standing` of an actor's person, read once for one actor and instant. A person who is kept out has none (S8).

    A request reads it once. A write starts with an actor without memory.
    """
    key = ("standing", now, person.pk)
    if key not in actor.memory:
        actor.memory[key] = _Standing() if person.is_kept_out(now) else _read_standing(person, now)
    standing: _Standing = actor.memory[key]
    return standing


def roles_held(actor: Actor, now: datetime) -> frozenset[Role]:
    """Return the roles in which an actor acts at ``now``: their own, or the giver's under a running delegation (A11)."""
    person = actor.capacity_of
    if person is None or not stands_in(actor, now):
        return frozenset()
    return _standing_for(actor, person, now).roles


def read_at(actor: Actor) -> datetime:
    """Return the instant for which this request has read the actor's roles, otherwise the present one.

    For links and counts around a page, where a slightly older instant is fine. Never for a permission check.
    """
    return next((key[1] for key in actor.memory if key[0] == "standing"), None) or current_time.now()


def is_led_to(actor: Actor, permission: Permission) -> bool:
    """Whether a role grants a permission without a row: for showing a link (see `read_at`)."""
    return any(permission in GRANTS[role] for role in roles_held(actor, read_at(actor)))


def answers_as(actor: Actor, now: datetime) -> tuple[int, ...]:
    """Return the ids of the actor's person and of the people they are a delegate of at ``now`` (A11).

    The delegate sees the giver's items while the delegation runs, to decide about them. Read with the actor's roles, once a
    request; empty for a job.
    """
    if actor.person is None:
        return ()
    return (actor.person.pk, *_standing_for(actor, actor.person, now).givers)


def may_lead(actor: Actor, now: datetime) -> bool:
    """Return whether the actor's person, or a person they are a delegate of, leads a team. Pages leave out a lead's tasks otherwise.

    Read together with the actor's roles, once a request. Never for a permission check.
    """
    if actor.person is None or actor.standing_for is not None:
        return True
    standing = _standing_for(actor, actor.person, now)
    return standing.leads or bool(standing.givers)


def is_in_a_team(actor: Actor) -> bool:
    """Whether the actor's person leads or belongs to a team: for showing a link (see `read_at`)."""
    if actor.person is None:
        return False
    standing = _standing_for(actor, actor.person, read_at(actor))
    return standing.leads or standing.belongs


def stands_in(actor: Actor, now: datetime) -> bool:
    """Return whether the actor may act at ``now``: for themself, or under a running delegation (A11).

    Both people are here and not kept out. A delegation runs only while both share the giver's roles and responsibilities (`may_stand_in` in the database).
    """
    if any(not person.is_here or person.is_kept_out(now) for person in actor.people):
        return False
    if actor.standing_for is None:
        return True
    key = ("stands in", now)
    if key not in actor.memory:
        running = Delegation.objects.running(now).filter(giver=actor.standing_for, taker=actor.person)
        actor.memory[key] = running.exists()
    return bool(actor.memory[key])


def answering_as(person: Person, now: datetime) -> QuerySet[Any, Any]:
    """Return the ids of `answers_as` as a subquery, for one ``…__in`` of a query."""
    person_keys = Person.objects.filter(pk=person.pk).order_by().values("pk")
    givers = Delegation.objects.running(now).filter(taker=person, giver__is_active=True, giver__left_at__isnull=True)
    return person_keys.union(givers.order_by().values("giver"), all=True)


def holds(person: Person | None, role: Role, now: datetime) -> bool:
    """Whether a person holds a role at ``now``."""
    return person is not None and role in roles_of(person, now)


TOKEN_OVER = Refusal("S5", "permission", "This token was revoked or is over.", "Make a new one on your own page.")


def token_refusal(actor: Actor, permission: Permission, subject: object | None) -> Refusal | None:
    """Return the refusal because a token reaches less far than its person, or None. Only a program has such a refusal (S5).

    Args:
        actor: who acts.
        permission: the permission.
        subject: the row, saved or not; None for a permission without a row.
    """
    token = actor.token
    if token is None:
        return None
    if not token.is_live(current_time.real()):
        return TOKEN_OVER
    if permission not in BY_TOKEN:
        sentence = "A token decides nothing, and can only import and submit."
        return Refusal("S5", "permission", sentence, "Do this on its page, signed in as yourself.")
    team = subject.pk if isinstance(subject, Team) else getattr(subject, "team_id", None)
    if token.team_id is not None and team != token.team_id:
        return Refusal("S5", "permission", "This token is for another team.", "Use a token of the team that builds it.")
    return None


def may(actor: Actor, permission: Permission, subject: object | None, *, now: datetime, context: Any = None) -> bool:
    """Whether a role of the actor, or a relation to the subject, grants the permission. Deny by default.

    Args:
        actor: who acts; under a running delegation the capacity is the giver's (A11).
        permission: the permission.
        subject: the row, or None for a permission without a row.
        now: the instant of business time.
        context: of the operation, if one is loaded; see `register_relations`.
    """
    if actor.kind == "job":
        return permission in GRANTS[Role.JOB]
    if token_refusal(actor, permission, subject) is not None:
        return False
    person = actor.capacity_of
    if person is None or not stands_in(actor, now):
        return False
    if any(permission in GRANTS[role] for role in roles_held(actor, now)):
        return True
    if subject is None:
        return False
    return any(
        permission in GRANTS.get(relation, frozenset()) for relation in _relations_of(subject, person, now, context)
    )
