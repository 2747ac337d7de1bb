"""The people of the permission matrix, and how a table's state is reached: by the product's own operations, never by a field.

A table ``<app>.csv`` has a module ``<app>_states.py`` beside it, which declares with `state` how each of its states comes
about and with `arguments` what a write in an allowed cell is called with. A state is a starting point of `tests.starting_points`: what
several go on from is walked once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models, transaction

from governance.core.actors.actor import Actor
from governance.core.engine import step
from governance.core.models import Membership, Person
from governance.core.roles.roles import ASSIGNABLE, Role
from tests import scenarios
from tests.people import Northwind, as_actor, give_role, joins, make_person
from tests.scenarios import Company
from tests.starting_points import STARTS

#: Who a table names, and what they are to its subjects.
WHO = (
    "builder",  # a member of the automation's team, with the role
    "team_lead",
    "deputy_lead",
    "business_owner",
    "technical_owner",  # of the team above, a builder there
    "resource_owner",
    "resource_deputy",
    "security",
    "second_security",
    "admin",  # who registered the resources
    "other_admin",
    "auditor",
    "on_call",
    "superuser",  # without any role
    "every_role",  # one person with every role that can be assigned, and no relation
    "stranger",
    "job",
)


@dataclass
class World:
    """Northwind with resources in use, and the people of the tables."""

    company: Company
    people: Mapping[str, Person]
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def northwind(self) -> Northwind:
        """The cast."""
        return self.company.people

    @property
    def now(self) -> datetime:
        """The instant at which the matrix is asked."""
        return self.company.now

    def actor(self, who: str) -> Actor:
        """A person of `WHO` in an interactive session, or one more of the table."""
        if who in BESIDES:
            return BESIDES[who][1](self)
        return Actor.of_job("matrix") if who == "job" else as_actor(self.people[who])


def build(northwind: Northwind) -> World:
    """The world before anything happens in it."""
    n = northwind
    company = scenarios.company(n)
    admins = (n.ines, n.karl)
    on_call, every = make_person("Olga Petrenko"), make_person("Eve Roles")
    give_role(on_call, Role.ON_CALL, admins=admins)
    for role in ASSIGNABLE:
        give_role(every, role, admins=admins)
    superuser = Person.objects.create_superuser("root@northwind.example", name="Root")
    n.piet.memberships.all().delete()
    joins(n.piet, n.operations)
    plain = make_person("Bea Builder")
    Membership.objects.create(team=n.finance_ops, person=plain)
    give_role(plain, Role.BUILDER, admins=admins)
    people = {
        "builder": plain,
        "team_lead": n.theo,
        "deputy_lead": n.bram,
        "business_owner": n.jonas,
        "technical_owner": n.piet,
        "resource_owner": n.omar,
        "resource_deputy": n.amara,
        "security": n.sana,
        "second_security": n.viktor,
        "admin": n.ines,
        "other_admin": n.karl,
        "auditor": n.yuki,
        "on_call": on_call,
        "superuser": superuser,
        "every_role": every,
        "stranger": n.nadia,
    }
    return World(company, people)


#: How a row comes about in a world; with the row that it goes on from, where it goes on from one.
Reach = Callable[..., models.Model]
Acts = Callable[[World], Actor]
Arguments = Callable[[World, models.Model], Mapping[str, Any]]

#: (label, name) to its starting point, which leaves the world and the row.
STATES: dict[tuple[str, str], str] = {}
ARGUMENTS: dict[str, Arguments] = {}
BESIDES: dict[str, tuple[str, Acts]] = {}
CREATING: set[str] = set()


STARTS["matrix"] = ("northwind", lambda northwind: (build(northwind), None))


def start(*, on: Reach | None = None) -> Callable[[Reach], Reach]:
    """Declare what states go on from, and no table names; see `state`."""

    def declare(reach: Reach) -> Reach:
        STARTS[_name(reach)] = _name(on) if on else "matrix", lambda left: _walked(reach, *left)
        return reach

    return declare


def state(label: str, name: str, *, on: Reach | None = None) -> Callable[[Reach], Reach]:
    """Declare how a subject of the model ``label`` gets into the state that tables call by this name.

    Args:
        label: the model's.
        name: the table's.
        on: the state or start that it goes on from, whose row it is then given beside the world.
    """

    def declare(reach: Reach) -> Reach:
        STATES[label, name] = _name(reach)
        return start(on=on)(reach)

    return declare


def _name(reach: Reach) -> str:
    return f"{reach.__module__}.{reach.__qualname__}"


def _walked(reach: Reach, world: World, row: models.Model | None) -> tuple[World, models.Model]:
    return world, reach(world) if row is None else reach(world, again(row))


def again(subject: models.Model) -> models.Model:
    """The row as the database has it now; a copy of one that is about to be created."""
    if subject._state.adding:
        return copy.deepcopy(subject)
    return type(subject)._base_manager.get(pk=subject.pk)


def arguments(*transitions: str) -> Callable[[Arguments], Arguments]:
    """Declare what these transitions are called with in an allowed cell; without, with nothing but a reason."""

    def declare(made: Arguments) -> Arguments:
        ARGUMENTS.update(dict.fromkeys(transitions, made))
        return made

    return declare


def besides(table: str, who: str) -> Callable[[Acts], Acts]:
    """Declare one more person of a table, beside `WHO`: a delegate, or a person without a fresh session."""

    def declare(acts: Acts) -> Acts:
        BESIDES[who] = table, acts
        return acts

    return declare


def everybody(table: str) -> tuple[str, ...]:
    """All people of a table."""
    return (*WHO, *(who for who, (name, _) in BESIDES.items() if name == table))


def in_turn(people: list[str], turn: int) -> list[str]:
    """The same people, another one first at each turn."""
    first = turn % len(people) if people else 0
    return people[first:] + people[:first]


def creating(*transitions: str) -> None:
    """Declare operations that create their subject: they are asked about the state ``new`` alone, an unsaved row."""
    CREATING.update(transitions)


@contextmanager
def inside(row: models.Model, actor: Actor, now: datetime) -> Iterator[None]:
    """Inside an operation of somebody else's on ``row``: where alone an internal one runs."""
    token = step.RUNNING.set(step.Step(row, actor, now, "matrix.caused"))
    try:
        with transaction.atomic():
            yield
    finally:
        step.RUNNING.reset(token)
