"""What rows of lists refer to: people by mail address, teams and resources by name. Loaded at once for all rows (P1).

A preview adds what earlier rows would make, unsaved, so that later rows can refer to it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Lower

from approvals.models import Proposal
from governance.core.access import Actor
from governance.core.models import Membership, Notice, Person, RoleAssignment, Team
from governance.core.sign_in.transitions import INVITATION
from governance.core.texts import free_text
from inventory.models import Entitlement, Resource, ResourceState

M = TypeVar("M", bound=Model)

#: Columns whose cells name a person by mail address, and a team or a resource by name.
PEOPLE_COLUMNS = frozenset({"email", "lead", "deputy_lead", "owner", "deputy"})
TEAM_COLUMNS = frozenset({"team", "teams", "under"})
RESOURCE_COLUMNS = frozenset({"resource"})
#: Columns with several names, and a semicolon between two.
LISTS = frozenset({"teams", "roles"})


class RowRefused(Exception):
    """A row that can't be applied.

    Args:
        sentence: why, and what to do.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def names_in(cell: str) -> list[str]:
    """Return the different names of a cell, with a semicolon between two."""
    names = {key_of(part): free_text.name(part) for part in cell.split(";")}
    return [name for key, name in names.items() if key]


def key_of(text: str) -> str:
    """Return what two spellings of one name or address share: no invisible characters, composed, in lower case."""
    return unicodedata.normalize("NFC", free_text.name(text)).lower()


@dataclass
class Lookups:
    """Rows of the database that some rows of lists refer to.

    Args:
        actor: who applies them.
        now: business time.
        people, teams, resources: by address or name, see `key_of`.
        roles: person and role of standing roles.
        under_way: documents of open proposals by kind and target.
        members: team and person of memberships.
        entitlements: levels by resource and code.
        invited: people who were sent an invitation.
    """

    actor: Actor
    now: datetime
    people: dict[str, list[Person]] = field(default_factory=lambda: defaultdict(list))
    teams: dict[str, list[Team]] = field(default_factory=lambda: defaultdict(list))
    resources: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    roles: set[tuple[int, str]] = field(default_factory=set)
    under_way: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    members: set[tuple[int, int]] = field(default_factory=set)
    entitlements: dict[tuple[int | None, str], str] = field(default_factory=dict)
    invited: set[int] = field(default_factory=set)

    @classmethod
    def load(cls, rows: Iterable[Mapping[str, str]], actor: Actor, now: datetime) -> Lookups:
        """Load what the cells of rows refer to: nine queries."""
        names: dict[frozenset[str], set[str]] = {}
        cells = [cell for row in rows for cell in row.items()]
        for columns in (PEOPLE_COLUMNS, TEAM_COLUMNS, RESOURCE_COLUMNS):
            pairs = [(column, text) for column, text in cells if column in columns]
            names[columns] = {
                name for column, text in pairs for name in (names_in(text) if column in LISTS else [text])
            }
        lookups = cls(actor, now)
        people = Person.objects.order_by("pk")
        _by_key(lookups.people, people, "email", names[PEOPLE_COLUMNS])
        _by_key(lookups.teams, Team.objects.order_by("pk"), "name", names[TEAM_COLUMNS])
        resources = Resource.objects.exclude(state=ResourceState.RETIRED).filter(unresolved=False).order_by("pk")
        related = resources.select_related("owner", "deputy", "named_owner", "named_deputy", "team")
        _by_key(lookups.resources, related, "name", names[RESOURCE_COLUMNS])
        ids = [person.pk for rows in lookups.people.values() for person in rows]
        standing = RoleAssignment.objects.filter(until=None, person__in=ids)
        lookups.roles = set(standing.values_list("person", "role"))
        unanswered = Proposal.objects.unanswered().values_list("kind", "target", "document")
        lookups.under_way = {(kind, target): document for kind, target, document in unanswered}
        lookups.members = set(Membership.objects.filter(person__in=ids).values_list("team", "person"))
        resource_ids = [resource.pk for rows in lookups.resources.values() for resource in rows]
        entitlements = Entitlement.objects.filter(resource__in=resource_ids).values_list("resource", "code", "level")
        lookups.entitlements = {(resource, code): level for resource, code, level in entitlements}
        sent = Notice.objects.filter(event=INVITATION, recipient__in=ids).order_by()
        lookups.invited = set(sent.values_list("recipient", flat=True))
        return lookups

    def person(self, address: str) -> Person:
        """Return the person with a mail address.

        Raises:
            RowRefused: nobody or several people have it, or they have left.
        """
        some = self.people.get(key_of(address), [])
        here = [person for person in some if person.is_here]
        if some and not here:
            raise RowRefused(f"{some[0].name} has left.")
        return _only(here, f"Nobody has the address {address}. Add them to a list of people.", "people", address)

    def team(self, name: str) -> Team:
        """Return the team with a name.

        Raises:
            RowRefused: no team or several teams have it.
        """
        nothing = f"No team is called {name}. Add it to a list of teams, above those that are under it."
        return _only(self.teams.get(key_of(name), []), nothing, "teams", name)

    def resource(self, name: str) -> Resource:
        """Return the resource with a name.

        Raises:
            RowRefused: no resource or several resources have it.
        """
        nothing = f"No resource is called {name}. Add it to a list of resources."
        return _only(self.resources.get(key_of(name), []), nothing, "resources", name)


def _by_key(into: dict[str, list[Any]], rows: QuerySet[M], column: str, names: Collection[str]) -> None:
    """Collect the rows with some names. The database's lower case may differ from Python's, so names are sought as they are too."""
    cleaned = {free_text.name(name) for name in names}
    spellings = {unicodedata.normalize(form, name) for name in cleaned for form in ("NFC", "NFD")} | cleaned
    lower = {name.lower() for name in spellings}
    for row in rows.annotate(lower_key=Lower(column)).filter(Q(lower_key__in=lower) | Q((f"{column}__in", spellings))):
        into[key_of(getattr(row, column))].append(row)


def _only(rows: list[M], nothing: str, noun: str, name: str) -> M:
    if not rows:
        raise RowRefused(nothing)
    if len(rows) > 1:
        raise RowRefused(f"{len(rows)} {noun} here are called {name}, so this can't tell which. Change it on its page.")
    return rows[0]
