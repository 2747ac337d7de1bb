"""Founds the demo's company from its `tables`: by bootstrap, then by its two admins.

Only the four people of the bootstrap are added without an operation, as in the command `bootstrap`.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth.hashers import make_password
from django.db import transaction

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.access import Actor
from governance.core.clock import current_time
from governance.core.ledger import ledger_events
from governance.core.models import Person, Team, TeamKind
from governance.core.people import bootstrap
from governance.core.people.transitions import people as people_transitions
from governance.core.teams import transitions as team_transitions
from governance.demo.company import grant_usage, tables
from governance.demo.company.tables import PersonRow, ResourceRow
from inventory.models import Resource
from inventory.resources.transitions import bindings
from inventory.resources.transitions import resources as transition_resources

#: Opaque ids derive from keys, so that every demo has the same ones.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, tables.MAIL_DOMAIN)

#: Time between two operations, in the demo's time.
STEP = timedelta(minutes=2)

DAY = timedelta(days=1)


def found_company(start: datetime) -> Cast:
    """Found the company from the instant ``start`` on.

    Raises:
        AlreadyBootstrapped: the ledger is not empty.
    """
    made = Cast(start)
    _people(made, start)
    _teams(made, start + timedelta(hours=1))
    _roles(made, start + timedelta(hours=5))
    _resources(made, start + DAY)
    return made


def _person(row: PersonRow, password: str) -> Person:
    known_as = {"opaque_id": uuid.uuid5(NAMESPACE, row.key), "email": row.address, "subject": row.address}
    return Person(**known_as, name=row.name, title=row.title, password=password)


def _people(made: Cast, now: datetime) -> None:
    """Add all people with the demo's password: hashed once, since it is not secret."""
    password = make_password(tables.PASSWORD)
    made.people = {row.key: _person(row, password) for row in tables.PEOPLE}
    first = {row.key: row.bootstrap for row in tables.PEOPLE if row.bootstrap}
    with transaction.atomic():
        for key in first:
            made.people[key].save()
        admins, reviewers = (
            [made.people[key] for key in first if first[key] == capacity] for capacity in ("admin", "reviewer")
        )
        bootstrap.bootstrap(admins=admins, reviewers=reviewers, now=now)
        for key in first:
            job = Actor.of_job("bootstrap")
            ledger_events.append(actor=job, verb="person.added", subject=made.people[key], now=now)
    for number, (key, person) in enumerate(made.people.items()):
        if key not in first:
            people_transitions.add_person(person, actor=made.actor("ines"), now=now + number * STEP)


def _teams(made: Cast, now: datetime) -> None:
    """Found the teams from the root down; the other admin adds an admin as a member (S8)."""
    for number, row in enumerate(tables.TEAMS):
        at = now + 3 * number * STEP
        team = Team(name=row.name, parent=made.teams.get(row.above), kind=TeamKind(row.kind))
        made.teams[row.key] = team_transitions.found_team(team, actor=made.actor("ines"), now=at)
        for seat, key in (("lead", row.lead), ("deputy_lead", row.deputy)):
            if key:
                person = made.people[key]
                _appoint(made, "team_lead", f"{team.pk}-{seat}", {"person": person.pk}, person, at + STEP)
        for key in filter(None, row.members.split(";")):
            admin, member = "karl" if key == "ines" else "ines", made.people[key]
            if team.kind == TeamKind.FALLBACK:
                _appoint(made, "fallback_owner", f"{team.pk}-{member.pk}", {"member": True}, member, at + 2 * STEP)
            else:
                team_transitions.join_team(team, actor=made.actor(admin), now=at + 2 * STEP, person=member)


def _appoint(made: Cast, kind: str, target: str, document: dict[str, Any], person: Person, now: datetime) -> None:
    """Appoint a person: one admin proposes, the other countersigns, and the person accepts (S8)."""
    first, second = ("karl", "ines") if person == made.people["ines"] else ("ines", "karl")
    row, why = Proposal(kind=kind, target=target), "The first of the company."
    proposal = proposal_transitions.propose(row, actor=made.actor(first), now=now, reason=why, document=document)
    proposal_transitions.approve(proposal, actor=made.actor(second), now=now, shown_digest=proposal.digest)
    proposal_transitions.accept(proposal, actor=made.actor(person), now=now)


def _roles(made: Cast, now: datetime) -> None:
    """Give roles: one admin proposes, the other countersigns, and each person accepts."""
    for number, row in enumerate(row for row in tables.PEOPLE if row.role):
        person = made.people[row.key]
        _appoint(made, "role", f"{person.pk}-{row.role}", {"held": True}, person, now + number * STEP)


def _resources(made: Cast, now: datetime) -> None:
    """Register resources: an admin registers, owners accept, the other admin activates.

    Then each owner or deputy confirms the connections.
    """
    for number, row in enumerate(tables.RESOURCES):
        made.resources[row.key] = _register_resource(made, row, now + number * STEP)
    rows = [(row, made.resources[row.key], number * STEP) for number, row in enumerate(tables.RESOURCES)]
    for row, resource, later in rows:
        transition_resources.accept_ownership(resource, actor=made.actor(row.owner), now=now + DAY + later)
    for row, resource, later in rows:
        if row.in_use:
            transition_resources.activate(resource, actor=made.actor("karl"), now=now + 2 * DAY + later)
    for row, resource, later in rows:
        confirmer, at = made.actor(row.confirmed_by or row.owner), now + 3 * DAY + later
        for connection in filter(None, row.connections.split(";")):
            connector, _, instance = connection.partition("|")
            bindings.bind_connection(resource, actor=confirmer, now=at, connector=connector, instance=instance)


def _register_resource(made: Cast, row: ResourceRow, now: datetime) -> Resource:
    fields = {name: getattr(row, name) for name in ("name", "kind", "data_class", "environment", "about")}
    if row.has_usage:
        fields["about"] = f"{row.about} {grant_usage.WORDS}"
    given: dict[str, Any] = {"fields": fields, "owner": made.people[row.owner], "deputy": made.people[row.deputy]}
    team = made.teams[row.team]
    registered = transition_resources.register_resource(team, actor=made.actor("ines"), now=now, **given)
    return cast("Resource", registered)  # the engine is typed by its subject, a team


@dataclass
class Cast:
    """People, teams and resources of one demo by key, and the instant of the present step."""

    now: datetime
    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    #: Seeded, so that every demo is the same.
    dice: random.Random = field(default_factory=lambda: random.Random(20))  # noqa: S311  figures, no secrets

    def actor(self, person: Person | str) -> Actor:
        """A person, or the person of a key, with a fresh session, as a high-risk decision needs (S5)."""
        found = self.people[person] if isinstance(person, str) else person
        return Actor.of_person(found, signed_in_at=current_time.real())

    def call_as(self, person: Person | str, reason: str = "") -> dict[str, Any]:
        """Arguments of an operation: the actor, the present instant, and the reason if there is one."""
        return {"actor": self.actor(person), "now": self.now, **({"reason": reason} if reason else {})}
