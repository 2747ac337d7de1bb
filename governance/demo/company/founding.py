"""From the tables of `people_and_teams` and `resources` to rows: the company is founded as an installation is, by bootstrap and then by its two admins.

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
from approvals.proposals import transitions as proposal_transitions
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.ledger import ledger_events
from governance.core.models import Person, Team, TeamKind
from governance.core.people import transitions as people_transitions
from governance.core.teams import transitions as team_transitions
from governance.demo.company import grant_usage, people_and_teams, resources
from governance.demo.company.people_and_teams import PersonRow
from governance.demo.company.resources import ResourceRow
from inventory.models import Resource
from inventory.resources.transitions import bindings
from inventory.resources.transitions import resources as transition_resources

#: Opaque ids of the demo's people follow from their names, so that every demo has the same.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, people_and_teams.MAIL_DOMAIN)

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
        return Actor.of(self.people[key], signed_in_at=business_time.real())


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
    return f"{'.'.join(row.name.lower().split())}@{people_and_teams.MAIL_DOMAIN}"


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
    password = make_password(people_and_teams.PASSWORD)
    made.people = {row.key: _person(row, password) for row in people_and_teams.PEOPLE}
    first = [made.people[key] for key in (*people_and_teams.BOOTSTRAP_ADMINS, *people_and_teams.BOOTSTRAP_REVIEWERS)]
    with transaction.atomic():
        for person in first:
            person.save()
        people_transitions.bootstrap(
            admins=[made.people[key] for key in people_and_teams.BOOTSTRAP_ADMINS],
            reviewers=[made.people[key] for key in people_and_teams.BOOTSTRAP_REVIEWERS],
            now=now,
        )
        for person in first:
            ledger_events.append(actor=Actor.of_job("bootstrap"), verb="person.added", subject=person, now=now)
    for number, person in enumerate(made.people.values()):
        if person not in first:
            people_transitions.add_person(person, actor=made.actor("ines"), now=now + number * STEP)


def _teams(made: Northwind, now: datetime) -> None:
    """The tree, from the root down; an admin who is to be a member is let in by the other one (S8)."""
    for number, row in enumerate(people_and_teams.TEAMS):
        at = now + 3 * number * STEP
        team = Team(name=row.name, parent=made.teams.get(row.above), kind=row.kind)
        made.teams[row.key] = team_transitions.found_team(team, actor=made.actor("ines"), now=at)
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
                team_transitions.join_team(team, actor=made.actor(admin), now=at + 2 * STEP, person=member)


def _appoint(made: Northwind, kind: str, target: str, document: dict[str, Any], who: Person, now: datetime) -> None:
    """One admin proposes it, the other countersigns, and the person accepts (S8)."""
    first, second = ("karl", "ines") if who == made.people["ines"] else ("ines", "karl")
    row, why = Proposal(kind=kind, target=target), "The first of the company."
    one = proposal_transitions.propose(row, actor=made.actor(first), now=now, reason=why, document=document)
    proposal_transitions.approve(one, actor=made.actor(second), now=now, shown_digest=one.digest)
    proposal_transitions.accept(one, actor=Actor.of(who, signed_in_at=business_time.real()), now=now)


def _roles(made: Northwind, now: datetime) -> None:
    """One admin proposes, the other countersigns, and each accepts."""
    for number, (key, role) in enumerate(people_and_teams.ROLES):
        person = made.people[key]
        _appoint(made, "role", f"{person.pk}-{role}", {"held": True}, person, now + number * STEP)


def _resources(made: Northwind, now: datetime) -> None:
    """Registered by one admin, accepted by their owners, put to use by the other admin; then each owner or deputy confirms what opens them."""
    for number, row in enumerate(resources.RESOURCES):
        made.resources[row.key] = _registered(made, row, now + number * STEP)
    rows = [(row, made.resources[row.key], made.actor(row.owner)) for row in resources.RESOURCES]
    for number, (_, resource, owner) in enumerate(rows):
        transition_resources.accept_ownership(resource, actor=owner, now=now + DAY + number * STEP)
    for number, (row, resource, _) in enumerate(rows):
        if not row.in_use:
            continue
        transition_resources.activate(resource, actor=made.actor("karl"), now=now + 2 * DAY + number * STEP)
    for number, (row, resource, _) in enumerate(rows):
        confirmer = made.actor(row.confirmed_by or row.owner)
        for connection in row.connections:
            connector, _, instance = connection.partition("|")
            at = now + 3 * DAY + number * STEP
            bindings.bind(resource, actor=confirmer, now=at, connector=connector, instance=instance)


def _registered(made: Northwind, row: ResourceRow, now: datetime) -> Resource:
    registered = transition_resources.register_resource(
        made.teams[row.team],
        actor=made.actor("ines"),
        now=now,
        fields={
            "name": row.name,
            "kind": row.kind,
            "data_class": row.data_class,
            "environment": row.environment,
            "about": f"{row.about} {grant_usage.WORDS}" if row.key in grant_usage.USED else row.about,
        },
        owner=made.people[row.owner],
        deputy=made.people[row.deputy],
    )
    return cast("Resource", registered)  # the engine is typed by its subject, a team
