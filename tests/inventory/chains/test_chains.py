"""Chains as they are kept: from what is approved alone, and the same however they came about (A16)."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains import transitions as chain_transitions
from inventory.models import (
    Automation,
    ChainEnd,
    ChainMember,
    Credential,
    Entitlement,
    NonHumanIdentity,
    Privilege,
    Version,
    VersionCredential,
    VersionIdentity,
)
from inventory.risk.tiers import Tier
from tests import run_lengths
from tests.savepoints import undone
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("unrecorded")]

#: What a made-up automation holds: level and table, or what it calls, runs as, or signs in with.
Held = tuple[str, str]


def world(c: Company) -> dict[str, Any]:
    """Rows that made-up automations hold something of."""
    levels = ("read", "write", "admin")
    rows: dict[str, Any] = {
        level: Entitlement.objects.create(resource=c.erp, code=f"row:{level}", words="Do it", level=level)
        for level in levels
    }
    rows["calls"] = Entitlement.objects.create(
        resource=c.model, code="workflow:execute", words="Start it", level="execute"
    )
    rows["robots"] = [
        NonHumanIdentity.objects.create(
            kind="service_account", issuer="n8n", subject=f"robot {number}", owner=c.people.jonas
        )
        for number in range(2)
    ]
    rows["keys"] = [
        Credential.objects.create(kind="postgres", platform_instance="n8n", external_id=f"key {number}", opens=c.erp)
        for number in range(2)
    ]
    return rows


def automation(c: Company, number: int) -> Automation:
    n = c.people
    return Automation.objects.create(
        team=n.finance_ops,
        name=f"Made up {number}",
        platform_instance="n8n",
        external_id=f"id-{number}",
        business_owner=n.jonas,
        created_at=n.now,
    )


def version(automation: Automation, held: tuple[Held, ...], rows: dict[str, Any]) -> Version:
    """A version that holds some things, written straight into the register."""
    number = automation.versions.count() + 1
    text = json.dumps([held, number])
    made = Version.objects.create(
        automation=automation,
        number=number,
        source_digest=text[:80],
        manifest_digest=text[-80:],
        binding_digest=str(number),
        manifest={"on_error": next((what for kind, what in held if kind == "fails"), "")},
        created_at=automation.created_at,
    )
    for place, (kind, what) in enumerate(held):
        if kind == "robot":
            VersionIdentity.objects.create(version=made, identity=rows["robots"][int(what)])
        elif kind != "fails":
            _privilege(made, place, kind, what, rows)
    return made


def _privilege(made: Version, place: int, kind: str, what: str, rows: dict[str, Any]) -> None:
    level, _, key = kind.partition("+")
    credential = rows["keys"][int(key)] if key else None
    if credential is not None:
        VersionCredential.objects.get_or_create(version=made, credential=credential)
    Privilege.objects.create(
        version=made,
        entitlement=rows[level],
        connector="postgres",
        instance="prod",
        target=what,
        scope=[what],
        level="execute" if level == "calls" else level,
        credential=credential,
        key=f"{place}",
    )


def in_use(automation: Automation, held: tuple[Held, ...], rows: dict[str, Any]) -> Automation:
    """It goes live with a version that holds some things."""
    automation.approved_version, automation.state = version(automation, held, rows), "live"
    automation.save()
    chain_transitions.refresh_chains(automation.pk)
    return automation


def kept() -> tuple[set[tuple[Any, ...]], dict[int, int]]:
    ends = set(ChainEnd.objects.values_list("automation", "kind", "point", "side"))
    return ends, dict(ChainMember.objects.values_list("automation", "chain"))


@pytest.fixture
def rows(company: Company) -> dict[str, Any]:
    return world(company)


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A16")
def test_unapproved_or_inactive_automation_joins_no_chain(company: Company, rows: dict[str, Any]) -> None:
    reader = in_use(automation(company, 1), (("read", "stock"),), rows)
    draft = automation(company, 2)
    version(draft, (("write", "stock"),), rows)
    chain_transitions.refresh_chains(draft.pk)
    assert chain_queries.chain_of(reader.pk).others == frozenset()
    newer = automation(company, 3)
    in_use(newer, (("read", "prices"),), rows)
    version(newer, (("write", "stock"),), rows)
    chain_transitions.refresh_chains(newer.pk)
    assert chain_queries.chain_of(reader.pk).others == frozenset(), (
        "a newer version that nobody has approved counts for nothing"
    )
    writer = in_use(automation(company, 4), (("write", "stock"),), rows)
    assert chain_queries.chain_of(reader.pk).others == {writer.pk}
    Automation.objects.filter(pk=writer.pk).update(state="suspended")
    chain_transitions.refresh_chains(writer.pk)
    assert chain_queries.chain_of(reader.pk).others == {writer.pk}, "what is stopped may run again"
    Automation.objects.filter(pk=writer.pk).update(state="retired")
    chain_transitions.refresh_chains(writer.pk)
    assert chain_queries.chain_of(reader.pk).others == frozenset()
    assert not ChainMember.objects.filter(automation=writer).exists()


@pytest.mark.rule("A16")
def test_draft_sees_its_chain_without_being_seen(company: Company, rows: dict[str, Any]) -> None:
    reader = in_use(automation(company, 1), (("read", "stock"),), rows)
    before = kept()
    draft = version(automation(company, 2), (("write", "stock"), ("calls", "nowhere")), rows)
    chain = chain_queries.chain_with_version(draft)
    assert (chain.others, chain.unknown) == ({reader.pk}, ("workflow nowhere",))
    assert [(link.other, link.kind, link.side, link.thing) for link in chain.links] == [
        (reader.pk, "store", "writes", "stock")
    ]
    assert (chain_queries.chain_of(reader.pk).others, kept()) == (frozenset(), before)


@pytest.mark.rule("A16")
def test_a_chain_goes_as_far_as_one_leads_to_the_next(company: Company, rows: dict[str, Any]) -> None:
    first = in_use(automation(company, 1), (("write", "a"),), rows)
    between = in_use(automation(company, 2), (("read", "a"), ("calls", "id-3")), rows)
    last = in_use(automation(company, 3), (("robot", "0"),), rows)
    in_use(automation(company, 4), (("read", "b"), ("robot", "1")), rows)
    assert chain_queries.chain_of(first.pk).others == {between.pk, last.pk}
    assert set(ChainMember.objects.filter(chain=first.pk).values_list("automation", flat=True)) == {
        *(first.pk, between.pk, last.pk)
    }
    without = version(between, (("read", "b"),), rows)
    assert chain_queries.chain_with_version(without).others == frozenset(), "by itself alone they are joined"
    assert chain_queries.chain_of(last.pk).others == {first.pk, between.pk}, "which runs on meanwhile"
    between.approved_version = without
    between.save()
    chain_transitions.refresh_chains(between.pk)
    assert chain_queries.chain_of(first.pk).others == chain_queries.chain_of(last.pk).others == frozenset()


@pytest.mark.rule("A16")
def test_unknown_callee_leaves_chain(company: Company, rows: dict[str, Any]) -> None:
    caller = in_use(automation(company, 1), (("calls", "id-2"), ("write", "a")), rows)
    reader = in_use(automation(company, 3), (("read", "a"),), rows)
    callee = automation(company, 2)
    draft = version(callee, (), rows)
    assert (chain_queries.chain_of(caller.pk).unknown, chain_queries.chain_of(reader.pk).joined is Tier.HIGH) == (
        ("workflow id-2",),
        True,
    )
    assert {member.automation for member in chain_queries.joined_tiers() if member.calls_unknown} == {caller.pk}
    chain = chain_queries.chain_with_version(draft)
    assert (chain.others, chain.joined is Tier.HIGH) == ({caller.pk, reader.pk}, False), "it is what was called"
    callee.approved_version, callee.state = draft, "live"
    callee.save()
    chain_transitions.refresh_chains(callee.pk)
    assert (chain_queries.chain_of(caller.pk).unknown, chain_queries.chain_of(reader.pk).joined is Tier.HIGH) == (
        (),
        False,
    )
    failing = in_use(automation(company, 4), (("fails", "id-9"),), rows)
    assert chain_queries.chain_of(failing.pk).unknown == ("workflow id-9",)


# --- kept and computed again ------------------------------------------------------------------------------------------

things = st.one_of(
    st.tuples(st.sampled_from(["read", "write", "admin", "read+0", "write+0", "read+1"]), st.sampled_from("abc")),
    st.tuples(st.just("calls"), st.sampled_from(["id-0", "id-1", "id-2", "id-3"])),
    st.tuples(st.just("robot"), st.sampled_from("01")),
    st.tuples(st.just("fails"), st.sampled_from(["id-0", "id-1"])),
)
holding = st.lists(things, max_size=3, unique_by=lambda thing: thing if thing[0] != "fails" else "fails").map(tuple)
#: An automation goes live with what it holds, or, where there is nothing, is retired.
happening = st.lists(
    st.tuples(st.integers(0, 5), st.none() | holding), min_size=1, max_size=run_lengths.run_length(7, full=14)
)


def brute() -> dict[int, int]:
    """Chains by trying every pair again and again."""
    ends: dict[int, set[tuple[str, str]]] = {
        pk: set() for pk in ChainMember.objects.values_list("automation", flat=True)
    }
    for pk, point, side in ChainEnd.objects.exclude(point="").values_list("automation", "point", "side"):
        ends[pk].add((point, side))
    everything = {point for pairs in ends.values() for point, _ in pairs}
    chain = {pk: pk for pk in ends}
    for _ in ends:
        for point in everything:
            at = [pk for pk, pairs in ends.items() if point in {where for where, _ in pairs}]
            sides = {side for pk in at for where, side in ends[pk] if where == point}
            if chain_ends.are_joined(sides):
                lowest = min(chain[pk] for pk in at)
                chain |= dict.fromkeys(at, lowest)
    return chain


@pytest.mark.full
@pytest.mark.rule("A16")
@settings(
    max_examples=run_lengths.run_length(4, full=25, soak=400),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(happening)
def test_incremental_chains_equal_recomputed_ones(
    company: Company, rows: dict[str, Any], happened: list[tuple[int, tuple[Held, ...] | None]]
) -> None:
    with undone():
        automations = [automation(company, number) for number in range(6)]
        for number, held in happened:
            member = automations[number]
            member.refresh_from_db()
            if held is not None and member.state != "retired":
                expected = chain_queries.chain_with_version(version(member, held, rows))
                in_use(member, held, rows)
                assert chain_queries.chain_of(member.pk).others == expected.others, "as its draft said"
            elif member.approved_version_id is not None:
                Automation.objects.filter(pk=member.pk).update(state="retired")
                chain_transitions.refresh_chains(member.pk)
        step_by_step = kept()
        assert step_by_step[1] == brute()
        for member in automations:
            others = {pk for pk, chain in step_by_step[1].items() if chain == step_by_step[1].get(member.pk)} - {
                member.pk
            }
            assert chain_queries.chain_of(member.pk).others == others
        chain_transitions.rebuild_chains()
        assert kept() == step_by_step


@pytest.mark.rule("A16")
def test_command_rebuilds_chains_after_bulk_writes(company: Company, rows: dict[str, Any]) -> None:
    for number, level in enumerate(("read", "write")):
        in_use(automation(company, number), ((level, "stock"),), rows)
    before = kept()
    ChainEnd.objects.all().delete()
    ChainMember.objects.all().delete()
    output = StringIO()
    call_command("rebuild_chains", stdout=output)
    assert (kept(), output.getvalue()) == (before, "The chains of 2 automations in use were computed again.\n")


@pytest.mark.rule("A16")
def test_asking_costs_as_much_however_many_are_joined(company: Company, rows: dict[str, Any]) -> None:
    member = in_use(automation(company, 0), (("write", "stock"), ("robot", "0")), rows)
    draft = version(automation(company, 99), (("write", "stock"), ("robot", "0")), rows)
    costs = []
    for number in range(1, 7):
        in_use(automation(company, number), (("read", "stock"), ("robot", "0")), rows)
        with CaptureQueriesContext(connection) as queries:
            assert chain_queries.chain_of(member.pk).tier
            assert chain_queries.chain_with_version(draft).tier
            list(chain_queries.joined_tiers())
        costs.append(len(queries))
    assert len(set(costs)) == 1
    alone = version(automation(company, 98), (("write", "prices"),), rows)
    ends = chain_ends.VersionParts(alone.automation, list(alone.privileges.select_related("entitlement__resource")))
    with CaptureQueriesContext(connection) as queries:
        chain_queries.possible_chains({1: ends})
    assert len(queries) == 1, "what meets nobody is found out at once"
