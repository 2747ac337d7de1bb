"""Founding a large company: people, teams and resources first, then blocks of automations, several at a time.

What is there already stays; a run that was interrupted goes on where it stopped, since a block is written whole or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from django.contrib.auth.models import Permission
from django.db import connection, connections, models, transaction
from django.db.models import F

from approvals.models import PolicyVersion, Proposal, WhatIf
from governance.core.models import Membership, Person, RoleAssignment, Team
from governance.core.roles.roles import Role
from governance.core.texts import free_text
from governance.recertification.models import Campaign
from inventory.models import Automation, Credential, Entitlement, Resource
from tests.benchmarks.scale import automation_rows

M = TypeVar("M", bound=models.Model)

#: Rows that are inserted together: a statement takes 65,535 values.
ROWS = 1_000
#: Automations that are written in one transaction, and how many of those at a time.
BLOCK, AT_ONCE = 1_000, 2
#: After this the tables that its guards read are looked at, in the first block: planned for empty tables, they read each of them from end to end.
SIGNED = "INSERT INTO approvals_decision"
#: By what the rows of a run are known.
PLATFORM, MARK = "n8n scale", "scale-"
HELD_ON_EACH = 6
#: Before anything of it was submitted: who answered for a resource only afterwards would come last (A9).
LONG_AGO = timedelta(days=730)
KINDS = ("data_store", "mcp_server", "saas_connector", "backend_api", "secret_store")
CLASSES = ("internal", "public", "internal", "confidential", "internal", "restricted")
LEVELS = ("read", "read", "write", "read", "execute", "read")
THINGS = ("invoice", "stock", "supplier", "campaign", "payroll", "ticket", "contract", "price")


@dataclass(frozen=True)
class Cast:
    """People who are there already, with some of the large company in their hands, so that somebody can look at it.

    Args:
        builder: technical owner of one automation in fifty of the first five thousand.
        business: business owner of one in a hundred of the first ten thousand.
        owner: owns three resources.
        deputy: of these.
    """

    builder: Person
    business: Person
    owner: Person
    deputy: Person


@dataclass
class Pools:
    """People and things that a block chooses from: ids, in order."""

    people: list[int]
    teams: list[int]
    entitlements: list[tuple[int, int]]
    campaigns: dict[str, int]


def seed(automations: int, cast: Cast, now: datetime, report: Callable[[int], None] = lambda done: None) -> None:
    """Write as many automations as are still missing.

    Args:
        automations: how many there are to be afterwards, of this kind.
        cast: people who are there.
        now: the present of business time: what is under way began before it, and nothing of it is due.
        report: is called with the number that stands after each block.
    """
    pools = _found(automations, cast, now)
    given = _given(cast, now)
    standing = Automation.objects.filter(platform_instance=PLATFORM).values_list("external_id", flat=True)
    there = Counter(int(name.removeprefix(MARK)) // BLOCK for name in standing.iterator())
    missing = [
        range(block * BLOCK + there[block], min((block + 1) * BLOCK, automations))
        for block in range(-(-automations // BLOCK))
    ]
    done, lock = there.total(), Lock()

    def write_block(numbers: range) -> None:
        nonlocal done
        try:
            _block({**given, "first": numbers[0], "last": numbers[-1]}, pools)
        finally:
            connections.close_all()
        with lock:
            done += len(numbers)
            report(done)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(write_block, filter(None, missing)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _given(cast: Cast, now: datetime) -> Mapping[str, Any]:
    security = list(Person.objects.with_role(Role.SECURITY_REVIEWER, now).order_by("pk").values_list("pk", flat=True))[
        :2
    ]
    reason = free_text.keep("Nothing speaks against it.")
    assert reason is not None  # it is not empty
    return {
        "now": now,
        "builder": cast.builder.pk,
        "business": cast.business.pk,
        "policy": PolicyVersion.objects.latest("number").pk,
        "security": security,
        "permission": Permission.objects.get(codename="view_automation").pk,
        "text": reason.pk,
    }


def _block(given: Mapping[str, Any], pools: Pools) -> None:
    """One block of automations, in one transaction."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _pools(cursor, pools)
        for statement in automation_rows.BLOCK:
            cursor.execute(statement, given)
            if statement.lstrip().startswith("CREATE TEMPORARY TABLE"):
                cursor.execute(f"ANALYZE {statement.split()[3]}")
            elif given["first"] == 0 and statement.startswith(SIGNED):
                cursor.execute(
                    "ANALYZE approvals_approval, approvals_seat, approvals_decision, approvals_decisionperson"
                )


def _pools(cursor: Any, pools: Pools) -> None:
    """What a block chooses from, as tables of its transaction."""
    cursor.execute(
        "CREATE TEMPORARY TABLE pool_person ON COMMIT DROP AS"
        " SELECT id, place - 1 AS place FROM unnest(%s::bigint[]) WITH ORDINALITY p(id, place)",
        [pools.people],
    )
    cursor.execute(
        "CREATE TEMPORARY TABLE pool_team ON COMMIT DROP AS SELECT t.id, t.lead_id, place - 1 AS place"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY p(id, place) JOIN controls_team t USING (id)",
        [pools.teams],
    )
    cursor.execute(
        "CREATE TEMPORARY TABLE pool_entitlement ON COMMIT DROP AS SELECT e.id, e.resource_id, e.level, credential_id,"
        " place - 1 AS place FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY p(id, credential_id, place)"
        " JOIN inventory_entitlement e USING (id)",
        [[entitlement for entitlement, _ in pools.entitlements], [other for _, other in pools.entitlements]],
    )
    cursor.execute(
        "CREATE TEMPORARY TABLE pool_campaign ON COMMIT DROP AS SELECT * FROM unnest(%s::text[], %s::bigint[]) c(tier, id)",
        [list(pools.campaigns), list(pools.campaigns.values())],
    )
    for name in ("person", "team", "entitlement", "campaign"):
        cursor.execute(f"ANALYZE pool_{name}")


# --- what there is besides -------------------------------------------------------------------------------------------


@transaction.atomic
def _found(automations: int, cast: Cast, now: datetime) -> Pools:
    """People, teams, resources and campaigns of a company of that size; those of an earlier run are taken again."""
    rows = Person.objects.filter(source="scale").order_by("pk")
    _people(range(rows.count(), max(240, automations // 5)))  # as many as it takes: a company may have grown
    # A company with a hundred times as many automations has as many times the teams, owners and resources: no person owns all.
    leads, owners = max(24, automations // 100), max(40, automations // 50)
    people = list(rows)
    if not Team.objects.filter(name__startswith="Unit ").exists():
        _teams(people[:leads], people[leads + owners :], now)
    if not Resource.objects.filter(about="scale").exists():
        _resources(max(60, automations // 20), people[leads : leads + owners], cast, now)
    credentials = Credential.objects.filter(platform_instance=PLATFORM)
    opening = {credential.opens_id: credential.pk for credential in credentials}
    held = Entitlement.objects.filter(resource__about="scale").order_by("resource", "pk")
    return Pools(
        people=[person.pk for person in people[leads + owners :]],
        teams=list(Team.objects.filter(name__startswith="Unit ").order_by("pk").values_list("pk", flat=True)),
        entitlements=[(pk, opening[resource]) for pk, resource in held.values_list("pk", "resource")],
        campaigns={tier: _campaign(tier, now).pk for tier in ("low", "standard", "high")},
    )


def _write(rows: Iterable[M]) -> list[M]:
    """Insert rows of one model, as many at once as a statement takes."""
    batch = list(rows)
    return type(batch[0])._default_manager.bulk_create(batch, batch_size=ROWS) if batch else []


def _people(numbers: range) -> None:
    _write(
        Person(
            source="scale",
            name=f"Person {number:03}",
            email=f"p{number}@scale.example",
            subject=f"p{number}",
            password="!",
        )
        for number in numbers
    )


def _teams(leads: list[Person], members: list[Person], now: datetime) -> None:
    above: list[Team | None] = [*Team.objects.exclude(parent=None).filter(lead=None).order_by("pk")] or [None]
    teams = _write(Team(name=f"Unit {number:02}", parent=above[number % len(above)]) for number in range(len(leads)))
    _lead(dict(zip(teams, leads, strict=True)), now)
    _write(Membership(team=teams[number % len(teams)], person=person) for number, person in enumerate(members))


def _lead(teams: Mapping[Team, Person], now: datetime) -> None:
    """Have them led, by proposals in force since there are two admins: the database takes it by nothing else (S8)."""
    admins = RoleAssignment.objects.filter(role=Role.ADMIN, until=None).order_by("confirmed_at", "pk")
    first, second = admins.exclude(person__in=teams.values())[:2]
    at = max(first.confirmed_at, second.confirmed_at)
    made = _write(
        Proposal(
            kind="team_lead",
            target=f"{team.pk}-lead",
            before={"person": None},
            document={"person": lead.pk},
            digest="",
            tightens=False,
            gains=[lead.pk],
            needs=Role.ADMIN,
            appointed=lead,
            proposed_by=first.person,
            proposed_at=at,
            lapses_at=now,
        )
        for team, lead in teams.items()
    )
    _write(WhatIf(proposal=proposal, round=1, since=at, until=at, finished_at=at) for proposal in made)
    ids = [proposal.pk for proposal in made]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE approvals_proposal SET state = 'approved', answered_by_id = %s, answered_at = %s WHERE id = ANY(%s)",
            [second.person_id, at, ids],
        )
        cursor.execute(
            "UPDATE approvals_proposal SET state = 'in_force', accepted_at = %s, ended_at = %s WHERE id = ANY(%s)",
            [at, at, ids],
        )
        cursor.execute(
            "UPDATE controls_team t SET lead_id = p.appointed_id, lead_since = p.ended_at FROM approvals_proposal p"
            " WHERE p.id = ANY(%s) AND p.target = t.id || '-lead'",
            [ids],
        )


def _resources(count: int, owners: list[Person], cast: Cast, now: datetime) -> None:
    """Resources in use, with owner, deputy and team, six entitlements each and a credential that opens it."""
    teams = list(Team.objects.filter(name__startswith="Unit ").order_by("pk"))
    theirs = {0, count // 3, 2 * count // 3}
    admin = next(
        person
        for person in Person.objects.with_role(Role.ADMIN, now)
        if person not in (*owners, cast.owner, cast.deputy)
    )
    made = _write(
        Resource(
            kind=KINDS[number % len(KINDS)],
            name=f"{THINGS[number % 8].capitalize()} {KINDS[number % len(KINDS)].replace('_', ' ')} {number:03}",
            about="scale",
            team=teams[number % len(teams)],
            named_owner=cast.owner if number in theirs else owners[number % len(owners)],
            named_deputy=cast.deputy if number in theirs else owners[(number + 1) % len(owners)],
            named_by=admin,
            data_class=CLASSES[number % len(CLASSES)],
            created_at=now - LONG_AGO,
            search=f"resource {number:03}",
        )
        for number in range(count)
    )
    _put_to_use(made, now)
    _write(
        Entitlement(
            resource=resource,
            code=f"{THINGS[place]}:{LEVELS[place]}",
            words=f"May {LEVELS[place]} {THINGS[place]} records",
            level=LEVELS[place],
            scope_kind="tables",
        )
        for resource in made
        for place in range(HELD_ON_EACH)
    )
    _write(
        Credential(
            kind="postgres",
            name=f"Key of {resource.name}",
            platform_instance=PLATFORM,
            external_id=f"{MARK}{resource.pk}",
            opens=resource,
            lifetime="static",
        )
        for resource in made
    )


def _put_to_use(made: list[Resource], now: datetime) -> None:
    """After their owners have accepted, as the database wants it (S8)."""
    ids = [resource.pk for resource in made]
    who = {"owner": F("named_owner"), "deputy": F("named_deputy")}
    nobody = {"named_owner": None, "named_deputy": None, "named_by": None}
    Resource.objects.filter(pk__in=ids).update(**who, **nobody, accepted_at=now - LONG_AGO)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inventory_resource SET state = 'active' WHERE id = ANY(%s)", [ids])


def _campaign(tier: str, now: datetime) -> Campaign:
    name = f"{tier.capitalize()} risk, scale"
    campaign = Campaign.objects.filter(name=name).first()
    return campaign or Campaign.objects.create(
        name=name,
        tier=tier,
        kind="adhoc",
        snapshot_at=now,
        deadline=now + timedelta(days=14),
        grace_until=now + timedelta(days=21),
    )
