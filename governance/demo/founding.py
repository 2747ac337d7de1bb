"""From the tables of `company` and `resources` to rows: the company is founded as an installation is, by bootstrap and then by its two admins.

Only the four people whom bootstrap names are entered without an operation, as the command `bootstrap` does it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth.hashers import make_password
from django.db import transaction

from approvals.models import Proposal
from approvals.transitions import proposing
from governance.controls import clock, ledger, people, teams
from governance.controls.actors import Actor
from governance.controls.models import Person, Team, TeamKind
from governance.demo import company, resources, usage
from governance.demo.company import PersonRow
from governance.demo.resources import ResourceRow
from inventory import registry
from inventory.models import Resource

#: Opaque ids of the demo's people follow from their names, so that every demo has the same.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, company.MAIL_DOMAIN)

#: From one thing that is written down to the next, in the demo's own time.
STEP = timedelta(minutes=2)

DAY = timedelta(days=1)


@dataclass
class Northwind:
    """Everybody and everything by key, as the story calls them."""

    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)

    def actor(self, key: str) -> Actor:
        """A person in a session that began just now, as a high-risk decision needs (S5)."""
        return Actor.of(self.people[key], signed_in_at=clock.real())


def found(start: datetime) -> Northwind:
    """Found the company, from the instant ``start`` on.

    Raises:
        AlreadyBootstrapped: the ledger is not empty.
    """
    made = Northwind()
    _people(made, start)
    _teams(made, start + timedelta(hours=1))
    _roles(made, start + timedelta(hours=5))
    _resources(made, start + DAY)
    return made


def address(row: PersonRow) -> str:
    """Where somebody gets mail, and what they sign in with."""
    return f"{'.'.join(row.name.lower().split())}@{company.MAIL_DOMAIN}"


def _person(row: PersonRow, password: str) -> Person:
    return Person(
        opaque_id=uuid.uuid5(NAMESPACE, row.key),
        email=address(row),
        subject=address(row),
        name=row.name,
        title=row.title,
        password=password,
    )


def _people(made: Northwind, now: datetime) -> None:
    """Everybody, with the demo's password: hashed once, since it is no secret."""
    password = make_password(company.PASSWORD)
    made.people = {row.key: _person(row, password) for row in company.PEOPLE}
    first = [made.people[key] for key in (*company.BOOTSTRAP_ADMINS, *company.BOOTSTRAP_REVIEWERS)]
    with transaction.atomic():
        for person in first:
            person.save()
        people.bootstrap(
            admins=[made.people[key] for key in company.BOOTSTRAP_ADMINS],
            reviewers=[made.people[key] for key in company.BOOTSTRAP_REVIEWERS],
            now=now,
        )
        for person in first:
            ledger.append(actor=Actor.of_job("bootstrap"), verb="person.added", subject=person, now=now)
    for number, person in enumerate(made.people.values()):
        if person not in first:
            people.add_person(person, actor=made.actor("ines"), now=now + number * STEP)


def _teams(made: Northwind, now: datetime) -> None:
    """The tree, from the root down; an admin who is to be a member is let in by the other one (S8)."""
    for number, row in enumerate(company.TEAMS):
        at = now + 3 * number * STEP
        team = Team(name=row.name, parent=made.teams.get(row.above), kind=row.kind)
        made.teams[row.key] = teams.found_team(team, actor=made.actor("ines"), now=at)
        if row.lead:
            lead, deputy = made.people[row.lead], made.people.get(row.deputy)
            for seat, person in (("lead", lead), ("deputy_lead", deputy)):
                if person is not None:
                    _appoint(made, "team_lead", f"{team.pk}-{seat}", {"person": person.pk}, person, at + STEP)
        for key in row.members:
            admin, member = "karl" if key == "ines" else "ines", made.people[key]
            if team.kind == TeamKind.FALLBACK:
                _appoint(made, "fallback_owner", f"{team.pk}-{member.pk}", {"member": True}, member, at + 2 * STEP)
            else:
                teams.join_team(team, actor=made.actor(admin), now=at + 2 * STEP, person=member)


def _appoint(made: Northwind, kind: str, target: str, document: dict[str, Any], who: Person, now: datetime) -> None:
    """One admin proposes it, the other countersigns, and the person accepts (S8)."""
    first, second = ("karl", "ines") if who == made.people["ines"] else ("ines", "karl")
    row, why = Proposal(kind=kind, target=target), "The first of the company."
    one = proposing.propose(row, actor=made.actor(first), now=now, reason=why, document=document)
    proposing.approve(one, actor=made.actor(second), now=now, shown_digest=one.digest)
    proposing.accept(one, actor=Actor.of(who, signed_in_at=clock.real()), now=now)


def _roles(made: Northwind, now: datetime) -> None:
    """One admin proposes, the other countersigns, and each accepts."""
    for number, (key, role) in enumerate(company.ROLES):
        person = made.people[key]
        _appoint(made, "role", f"{person.pk}-{role}", {"held": True}, person, now + number * STEP)


def _resources(made: Northwind, now: datetime) -> None:
    """Registered by one admin, accepted by their owners, put to use by the other admin; then each owner or deputy confirms what opens them."""
    for number, row in enumerate(resources.RESOURCES):
        made.resources[row.key] = _registered(made, row, now + number * STEP)
    rows = [(row, made.resources[row.key], made.actor(row.owner)) for row in resources.RESOURCES]
    for number, (_, resource, owner) in enumerate(rows):
        registry.accept_ownership(resource, actor=owner, now=now + DAY + number * STEP)
    for number, (row, resource, _) in enumerate(rows):
        if not row.in_use:
            continue
        registry.activate(resource, actor=made.actor("karl"), now=now + 2 * DAY + number * STEP)
    for number, (row, resource, _) in enumerate(rows):
        confirmer = made.actor(row.confirmed_by or row.owner)
        for connection in row.connections:
            connector, _, instance = connection.partition("|")
            at = now + 3 * DAY + number * STEP
            registry.bind(resource, actor=confirmer, now=at, connector=connector, instance=instance)


def _registered(made: Northwind, row: ResourceRow, now: datetime) -> Resource:
    registered = registry.register_resource(
        made.teams[row.team],
        actor=made.actor("ines"),
        now=now,
        fields={
            "name": row.name,
            "kind": row.kind,
            "data_class": row.data_class,
            "environment": row.environment,
            "about": f"{row.about} {usage.WORDS}" if row.key in usage.USED else row.about,
        },
        owner=made.people[row.owner],
        deputy=made.people[row.deputy],
    )
    return cast("Resource", registered)  # the engine is typed by its subject, a team
