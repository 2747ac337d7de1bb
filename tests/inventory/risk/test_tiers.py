"""Tiers against tables written by hand from T1 and T2, every combination of facts, and nothing worse is ever judged milder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.risk import tiers as risk_tiers
from inventory.risk.levels import is_within
from inventory.risk.tiers import Judged, PrivilegeFacts, Tier

CLASSES = ("public", "internal", "confidential", "restricted", "")
ENVIRONMENTS = ("development", "test", "production")
REACHES = ("none", "only_this", "wider", "unknown")

#: By hand from T1: for each level, the tier on public, internal, confidential, restricted and unset data. l, s, h are the
#: tiers; a cell that says l is low only when nothing of `SPOILS` holds.
PLAIN = {
    "read": "llshh",
    "write": "sshhh",
    "unknown": "sshhh",
    "execute": "sshhh",
    "admin": "hhhhh",
}
#: The same where a model chooses: a read is no longer low.
CHOSEN_BY_A_MODEL = PLAIN | {"read": "ssshh"}
#: The same where what it chooses is outbound or can't be undone: non-read is high.
CHOSEN_AND_HARMFUL = {
    "read": "ssshh",
    "write": "hhhhh",
    "unknown": "hhhhh",
    "execute": "hhhhh",
    "admin": "hhhhh",
}
#: For opaque code in production: executing it is high, whatever it touches.
OPAQUE_IN_PRODUCTION = {"execute": "hhhhh"}

WORDS = {"l": Tier.LOW, "s": Tier.STANDARD, "h": Tier.HIGH}

CLEAN = PrivilegeFacts(
    level="read",
    data_class="internal",
    environment="production",
    credential_reach="none",
    model_controlled=False,
    opaque=False,
    outbound=False,
    irreversible=False,
    bound=True,
    recognised=True,
)


def every_combination() -> Iterator[PrivilegeFacts]:
    flags = list(product((False, True), repeat=6))
    for level, data, place, reach, combination in product(PLAIN, CLASSES, ENVIRONMENTS, REACHES, flags):
        model, opaque, outbound, irreversible, bound, recognised = combination
        yield PrivilegeFacts(level, data, place, reach, model, opaque, outbound, irreversible, bound, recognised)


def by_the_table(facts: PrivilegeFacts) -> Tier:
    table = PLAIN
    if facts.model_controlled:
        table = CHOSEN_AND_HARMFUL if facts.outbound or facts.irreversible else CHOSEN_BY_A_MODEL
    if facts.opaque and facts.environment == "production":
        table = table | OPAQUE_IN_PRODUCTION
    cell = WORDS[table[facts.level][CLASSES.index(facts.data_class)]]
    spoilt = facts.credential_reach in ("wider", "unknown") or facts.outbound or not facts.bound or not facts.recognised
    return Tier.STANDARD if cell is Tier.LOW and spoilt else cell


@pytest.mark.rule("T1")
def test_every_combination_of_facts_has_the_tier_of_the_table() -> None:
    wrong = [facts for facts in every_combination() if risk_tiers.privilege_tier(facts).tier is not by_the_table(facts)]
    assert wrong == []


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("worse", "because"),
    [
        ({"credential_reach": "unknown"}, "What its credential opens is not known."),
        ({"credential_reach": "wider"}, "Its credential opens more than this."),
        ({"model_controlled": True}, "A model chooses what it does."),
        ({"outbound": True}, "It carries data to where others can read it."),
        ({"bound": False}, "Which resource it touches is not known."),
        ({"recognised": False}, "The importer did not recognise it."),
        ({"data_class": "confidential"}, "It touches confidential data."),
        ({"level": "write"}, "It changes things on internal data."),
        ({"level": "execute"}, "It runs things on internal data."),
    ],
)
def test_every_reason_against_low_is_given(worse: dict[str, object], because: str) -> None:
    assert risk_tiers.privilege_tier(CLEAN).tier is Tier.LOW
    assert risk_tiers.privilege_tier(replace(CLEAN, **worse)) == Judged(Tier.STANDARD, (because,))  # type: ignore[arg-type]


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("worse", "because"),
    [
        ({"level": "admin"}, "It administers the resource: admin access."),
        ({"data_class": "restricted"}, "It touches restricted data."),
        ({"level": "write", "data_class": "confidential"}, "It changes things on confidential data."),
        (
            {"level": "write", "model_controlled": True, "outbound": True},
            "A model chooses what it does, and it carries data to where others can read it.",
        ),
        (
            {"level": "write", "model_controlled": True, "irreversible": True},
            "A model chooses what it does, and it may do what can't be undone.",
        ),
        ({"level": "execute", "opaque": True}, "It runs code that can't be judged from its source, in production."),
    ],
)
def test_every_reason_for_high_is_given(worse: dict[str, object], because: str) -> None:
    assert risk_tiers.privilege_tier(replace(CLEAN, **worse)) == Judged(Tier.HIGH, (because,))  # type: ignore[arg-type]


@pytest.mark.rule("T1", "I3", "I4")
def test_unknown_facts_count_as_worst_and_say_so() -> None:
    unset = risk_tiers.privilege_tier(replace(CLEAN, data_class=""))
    assert unset.tier is Tier.HIGH
    assert "not set, which counts as restricted" in unset.reasons[0]
    unknown = risk_tiers.privilege_tier(replace(CLEAN, level="unknown"))
    assert unknown.tier is Tier.STANDARD
    assert "not known, which counts as changing things" in unknown.reasons[0]


@pytest.mark.rule("T1")
def test_all_reasons_for_high_are_given() -> None:
    chosen = {"model_controlled": True, "irreversible": True, "outbound": True}
    judged = risk_tiers.privilege_tier(replace(CLEAN, level="admin", data_class="restricted", **chosen))
    assert len(judged.reasons) == 4


@pytest.mark.rule("T1")
def test_reversible_model_choice_is_standard() -> None:
    judged = risk_tiers.privilege_tier(replace(CLEAN, level="write", model_controlled=True))
    assert judged.tier is Tier.STANDARD
    assert "A model chooses what it does." in judged.reasons


@pytest.mark.rule("T1")
def test_code_that_can_be_read_is_standard() -> None:
    judged = risk_tiers.privilege_tier(replace(CLEAN, level="execute"))
    assert judged == Judged(Tier.STANDARD, ("It runs things on internal data.",))


@pytest.mark.rule("T1", "S8")
def test_policy_defines_when_model_choice_is_high() -> None:
    chosen = replace(CLEAN, level="write", model_controlled=True)
    anything = {"high": {"non_read_chosen_by_model": True}}
    assert risk_tiers.privilege_tier(chosen, anything) == Judged(
        Tier.HIGH, ("A model chooses what it does, and it does more than read.",)
    )
    assert risk_tiers.privilege_tier(replace(chosen, level="read"), anything).tier is Tier.STANDARD
    only_outbound = {"high": {"non_read_chosen_by_model_if": ["outbound"]}}
    assert risk_tiers.privilege_tier(replace(chosen, irreversible=True), only_outbound).tier is Tier.STANDARD
    assert risk_tiers.privilege_tier(replace(chosen, outbound=True), only_outbound).tier is Tier.HIGH


WORSE = {
    "level": (
        ("read", "write"),
        ("read", "unknown"),
        ("write", "execute"),
        ("unknown", "execute"),
        ("execute", "admin"),
    ),
    "data_class": (
        ("public", "internal"),
        ("internal", "confidential"),
        ("confidential", "restricted"),
        ("restricted", ""),
    ),
    "environment": (("development", "test"), ("test", "production")),
    "credential_reach": (("none", "only_this"), ("only_this", "wider"), ("wider", "unknown")),
    "model_controlled": ((False, True),),
    "opaque": ((False, True),),
    "outbound": ((False, True),),
    "irreversible": ((False, True),),
    "bound": ((True, False),),
    "recognised": ((True, False),),
}


@pytest.mark.rule("T1")
def test_a_worse_fact_never_makes_a_tier_milder() -> None:
    tier_by_facts = {facts: risk_tiers.privilege_tier(facts).tier for facts in every_combination()}
    milder = [
        (facts, name, after)
        for facts, tier in tier_by_facts.items()
        for name, steps in WORSE.items()
        for before, after in steps
        if getattr(facts, name) == before and tier_by_facts[replace(facts, **{name: after})] < tier  # type: ignore[arg-type]
    ]
    assert milder == []


@pytest.mark.rule("T1")
def test_missing_fact_counts_as_worst() -> None:
    assert risk_tiers.privilege_tier(PrivilegeFacts()).tier is Tier.HIGH


def judged_privileges(*tiers: Tier) -> list[tuple[str, Judged]]:
    return [(f"Do thing {place}", Judged(tier, ("Because.",))) for place, tier in enumerate(tiers)]


#: By hand from T2: privileges, kind, an open entry, a non-read, others with its identity, raised to, and the tier.
L, S, H = Tier.LOW, Tier.STANDARD, Tier.HIGH
APPS = [
    ((), "workflow", False, False, (), None, L),
    ((L, L), "workflow", False, False, (), None, L),
    ((L, S), "workflow", False, True, (), None, S),
    ((L, S, H), "workflow", False, True, (), None, H),
    ((L,), "agent", False, False, (), None, S),
    ((), "agent", False, False, (), None, S),
    ((L,), "ai_app", False, False, (), None, L),
    ((H,), "agent", False, True, (), None, H),
    ((L,), "workflow", True, False, (), None, L),
    ((S,), "workflow", True, True, (), None, H),
    ((S,), "workflow", True, False, (), None, S),
    ((L,), "workflow", False, False, (S,), None, S),
    ((L,), "workflow", False, False, (S, H), None, H),
    ((S,), "workflow", False, True, (L,), None, S),
    ((L,), "workflow", False, False, (), S, S),
    ((L,), "workflow", False, False, (), H, H),
    ((H,), "workflow", False, True, (), S, H),
]


@pytest.mark.rule("T2", "I5")
@pytest.mark.parametrize(("privileges", "kind", "is_open", "non_read", "shared", "raised", "tier"), APPS)
def test_an_apps_tier_is_that_of_the_table(
    privileges: tuple[Tier, ...],
    kind: str,
    is_open: bool,
    non_read: bool,
    shared: tuple[Tier, ...],
    raised: Tier | None,
    tier: Tier,
) -> None:
    judged = risk_tiers.app_tier(
        judged_privileges(*privileges),
        kind=kind,
        has_open_entry=is_open,
        has_non_read=non_read,
        shared=max(shared, default=L),
        raised_to=raised or L,
    )
    assert judged.tier is tier
    assert judged.reasons


@pytest.mark.rule("T2")
def test_an_open_entry_with_a_non_read_says_why_it_is_high() -> None:
    judged = risk_tiers.app_tier(judged_privileges(S), kind="workflow", has_open_entry=True, has_non_read=True)
    assert judged.reasons == ("Somebody who has not signed in can start it, and it does more than read.",)


@pytest.mark.rule("T2")
@given(
    tiers=st.lists(st.sampled_from(Tier), max_size=6),
    more=st.sampled_from(Tier),
    kind=st.sampled_from(["workflow", "ai_app", "agent", "script"]),
    is_open=st.booleans(),
    non_read=st.booleans(),
    raised=st.sampled_from([None, *Tier]),
)
def test_more_privileges_an_open_entry_or_a_raise_never_make_an_app_milder(
    tiers: list[Tier], more: Tier, kind: str, is_open: bool, non_read: bool, raised: Tier | None
) -> None:
    def tier(
        *held: Tier, kind: str = kind, is_open: bool = is_open, non_read: bool = non_read, to: Tier | None = raised
    ) -> Tier:
        return risk_tiers.app_tier(
            judged_privileges(*held), kind=kind, has_open_entry=is_open, has_non_read=non_read, raised_to=to or L
        ).tier

    here = tier(*tiers)
    assert here >= max(tiers, default=L)
    assert tier(*tiers, more) >= here
    assert tier(*tiers, kind="agent") >= here
    assert tier(*tiers, is_open=True) >= here
    assert tier(*tiers, non_read=True) >= here
    assert tier(*tiers, to=H) >= here
    assert here >= tier(*tiers, to=None)


@pytest.mark.rule("T1")
def test_a_credential_is_as_risky_as_the_worst_it_is_used_for() -> None:
    uses = judged_privileges(L, H, S)
    assert risk_tiers.credential_tier(uses) == Judged(H, ("It is used for something high: Do thing 1.",))
    assert risk_tiers.credential_tier(judged_privileges(L, L)).tier is L
    assert risk_tiers.credential_tier([]).tier is S


@pytest.mark.rule("T1")
def test_a_policy_that_leaves_a_part_out_leaves_it_as_it_ships() -> None:
    rules = {"low": {"data_classes": ["public"]}}
    assert risk_tiers.privilege_tier(CLEAN, rules).tier is S
    assert risk_tiers.privilege_tier(replace(CLEAN, data_class="public"), rules).tier is L
    assert risk_tiers.privilege_tier(replace(CLEAN, level="admin"), rules).tier is H


@pytest.mark.rule("A7")
def test_a_level_is_within_another_where_it_allows_no_more() -> None:
    levels = ("read", "unknown", "write", "execute", "admin")
    within = {(level, other) for level in levels for other in levels if is_within(level, other)}
    same = {(level, level) for level in levels} | {("unknown", "write"), ("write", "unknown")}
    assert within == same | {("read", "write"), ("read", "unknown")} | {(level, "admin") for level in levels}
