"""The named cast: the people and teams of Northwind Foods, built as an installation builds them.

Roles come from `bootstrap` and from two admins, not from fields. `northwind` is for rule tests, whose transaction is rolled
back; a committed test (`race`, `browser`, `process`) shares its database with those of its file and calls ``build("a word of its own")``:
the same names with addresses of their own, and roles given by the admins of the first cast there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest import mock

from django.db.models import F, Value
from django.utils import timezone

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.actors.actor import Actor
from governance.core.models import LedgerEvent, Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.models.people import MayStandIn
from governance.core.people.bootstrap import bootstrap
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from tests.trigger_bypass import unguarded

#: A Tuesday morning: the business time of rule tests, which pass it on as ``now=``.
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

#: Who is who: attribute, name, title. The address follows from the name.
CAST = (
    ("rita", "Rita Novak", "Accounts payable specialist"),
    ("jonas", "Jonas Weil", "Head of accounts payable"),
    ("theo", "Theo Brandt", "Lead, Finance Operations"),
    ("omar", "Omar Haddad", "Platform engineer"),
    ("mei", "Mei Tanaka", "Lead, IT Operations"),
    ("sana", "Sana Iqbal", "Security engineer"),
    ("viktor", "Viktor Lind", "Lead, Security"),
    ("lena", "Lena Fischer", "Lead, Supply Engineering"),
    ("piet", "Piet de Vries", "Supply chain engineer"),
    ("amara", "Amara Okafor", "Lead, Platform Engineering"),
    ("grace", "Grace Lindqvist", "Lead, Marketing"),
    ("tom", "Tom Ashby", "Campaign manager"),
    ("nadia", "Nadia Petrov", "Lead, People"),
    ("ines", "Ines Moreau", "Governance"),
    ("karl", "Karl Jensen", "Governance"),
    ("yuki", "Yuki Sato", "Internal audit"),
    ("bram", "Bram Visser", "Deputy lead, Finance Operations"),
)

#: Team attribute: name, the attribute of the team above, lead, deputy lead, kind, members.
TEAMS = (
    ("company", "Northwind", "", "", "", TeamKind.BUSINESS, ("ines", "karl", "yuki")),
    ("engineering", "Engineering", "company", "", "", TeamKind.BUSINESS, ()),
    ("operations", "Operations", "company", "", "", TeamKind.BUSINESS, ()),
    ("business", "Business", "company", "", "", TeamKind.BUSINESS, ()),
    ("platform", "Platform Engineering", "engineering", "amara", "", TeamKind.BUSINESS, ("omar", "amara")),
    ("supply", "Supply Engineering", "engineering", "lena", "", TeamKind.BUSINESS, ("lena", "piet")),
    (
        "finance_ops",
        "Finance Operations",
        "operations",
        "theo",
        "bram",
        TeamKind.BUSINESS,
        ("rita", "jonas", "theo", "bram"),
    ),
    ("it_ops", "IT Operations", "operations", "mei", "", TeamKind.BUSINESS, ("mei",)),
    ("marketing", "Marketing", "business", "grace", "", TeamKind.BUSINESS, ("grace", "tom")),
    ("people_team", "People (HR)", "business", "nadia", "", TeamKind.BUSINESS, ("nadia",)),
    ("security", "Security", "company", "viktor", "", TeamKind.SECURITY, ("viktor", "sana")),
    ("fallback", "Fallback owners", "company", "", "", TeamKind.FALLBACK, ("amara", "bram")),
)

#: Roles beside those of bootstrap, which names ines and karl (admins), sana and viktor (security reviewers).
ROLES = (("rita", Role.BUILDER), ("piet", Role.BUILDER), ("tom", Role.BUILDER), ("yuki", Role.AUDITOR))


@dataclass(frozen=True)
class Northwind:
    """The company of the tests; `now` is a fixed instant of business time."""

    rita: Person
    jonas: Person
    theo: Person
    omar: Person
    mei: Person
    sana: Person
    viktor: Person
    lena: Person
    piet: Person
    amara: Person
    grace: Person
    tom: Person
    nadia: Person
    ines: Person
    karl: Person
    yuki: Person
    bram: Person
    company: Team
    engineering: Team
    operations: Team
    business: Team
    finance_ops: Team
    platform: Team
    supply: Team
    it_ops: Team
    marketing: Team
    people_team: Team
    security: Team
    fallback: Team
    now: datetime = NOW

    @property
    def people(self) -> list[Person]:
        """Everybody, in the order of `CAST`."""
        return [getattr(self, attribute) for attribute, _, _ in CAST]


def as_actor(person: Person, minutes_since_sign_in: float | None = 1, *, second_factor: bool = False) -> Actor:
    """A person in an interactive session.

    Args:
        person: who acts.
        minutes_since_sign_in: how long ago, in real minutes; None for a token or a command, which is no session (S5).
        second_factor: whether a second factor was part of the sign-in.
    """
    if minutes_since_sign_in is None:
        return Actor.of_person(person)
    signed_in_at = timezone.now() - timedelta(minutes=minutes_since_sign_in)
    return Actor.of_person(person, signed_in_at=signed_in_at, second_factor=second_factor)


def as_delegate(taker: Person, *, giver: Person, now: datetime = NOW, days: int = 14) -> Actor:
    """The taker in a session, standing in for the giver, who has set a delegation of so many days from ``now`` (A11).

    A taker who does not share the giver's responsibilities shares them from now on: see `shares`.
    """
    shares(taker, giver)
    delegate(taker, actor=as_actor(giver), now=now, giver=giver, from_at=now, until_at=now + timedelta(days=days))
    return as_actor(taker).for_person(giver)


def shares(taker: Person, giver: Person) -> None:
    """Make somebody a fallback owner, unless they share what another answers for already (A11)."""
    may = Person.objects.filter(pk=taker.pk).filter(MayStandIn(Value(giver.pk), F("pk"), Value(NOW)))
    if not may.exists():
        with unguarded(Membership):
            joins(taker, Team.objects.filter(kind=TeamKind.FALLBACK).latest("pk"))


def give_role(person: Person, role: Role, *, admins: tuple[Person, Person], now: datetime = NOW) -> RoleAssignment:
    """Have one admin propose a role, the other countersign it, and the person accept (S8)."""
    first, second = admins
    row, fields = (
        Proposal(kind="role", target=f"{person.pk}-{role}"),
        {"document": {"held": True}, "reason": "They are needed."},
    )
    made = proposal_transitions.propose(row, actor=as_actor(first), now=now, **fields)
    proposal_transitions.approve(made, actor=as_actor(second), now=now, shown_digest=made.digest)
    proposal_transitions.accept(made, actor=as_actor(person), now=now)
    return RoleAssignment.objects.get(person=person, role=role, until=None)


def joins(person: Person, team: Team) -> Person:
    """Make a person a member of a team too, so that they can own its automations (I1)."""
    Membership.objects.get_or_create(team=team, person=person)
    return person


def _person(name: str, title: str, word: str) -> Person:
    local = ".".join(name.lower().split())
    email = f"{local}{'+' if word else ''}{word}@northwind.example"
    person = Person(email=email, subject=email, name=name, title=title)
    person.set_unusable_password()
    return person


def make_person(name: str, *, title: str = "", word: str = "") -> Person:
    """One person without a role, whose address is ``first.last@northwind.example``, with ``+word`` when given."""
    person = _person(name, title, word)
    person.save()
    return person


def admins_there() -> tuple[Person, Person]:
    """Two admins who are in the database already: those of the first cast."""
    held = RoleAssignment.objects.filter(role=Role.ADMIN, confirmed_at__isnull=False, until__isnull=True)
    first, second = held.filter(person__is_active=True).select_related("person").order_by("pk")[:2]
    return first.person, second.person


def _first_roles(people: dict[str, Person], now: datetime) -> None:
    """Admins and security reviewers: by bootstrap where the ledger is empty, else by two admins who are there."""
    admins, reviewers = (people["ines"], people["karl"]), (people["sana"], people["viktor"])
    if not LedgerEvent.objects.exists():
        bootstrap(admins=admins, reviewers=reviewers, now=now)
        return
    there = admins_there()
    for person in (*admins, *reviewers):
        give_role(person, Role.ADMIN if person in admins else Role.SECURITY_REVIEWER, admins=there, now=now)


def _teams(people: dict[str, Person], word: str) -> dict[str, Team]:
    """The tree of teams with its leads and members, in a few queries: every rule test pays for them."""
    teams: dict[str, Team] = {}
    with unguarded(Team, Membership):  # as a company stands, and not how it came to
        for level in ("", "company", None):  # the root, what stands under it, the rest
            now = [row for row in TEAMS if row[0] not in teams and (level is None or row[2] == level)]
            for attribute, name, above, lead, deputy, kind, _ in now:
                teams[attribute] = Team(
                    name=f"{name} {word}".strip(),
                    parent=teams.get(above),
                    lead=people.get(lead),
                    deputy_lead=people.get(deputy),
                    kind=kind,
                )
            Team.objects.bulk_create(teams[row[0]] for row in now)
        Membership.objects.bulk_create(
            Membership(team=teams[row[0]], person=people[member]) for row in TEAMS for member in row[6]
        )
    return teams


def build(word: str = "", now: datetime = NOW) -> Northwind:
    """Build the company.

    Args:
        word: makes addresses, subjects and team names unique, for a committed test; empty in a rule test.
        now: business time at which all this happens.
    """
    people = {attribute: _person(name, title, word) for attribute, name, title in CAST}
    Person.objects.bulk_create(people.values())
    teams = _teams(people, word)
    with mock.patch(
        "approvals.proposals.transitions.queue_notices"
    ):  # tests count their own notices, and each cast has two admins more to tell
        _first_roles(people, now)
        for attribute, role in ROLES:
            give_role(people[attribute], role, admins=(people["ines"], people["karl"]), now=now)
    return Northwind(**people, **teams, now=now)
