"""The language of conflict rules: refusals, meaning, subjects and sentences (S6)."""

from __future__ import annotations

import glob
from copy import deepcopy
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from approvals.conflicts.rule_language import selectors
from approvals.conflicts.rule_language.rule import (
    LEGS,
    MODES,
    RATINGS,
    SCOPES,
    SELECTORS,
    VALUES,
    Rule,
    are_distinct,
    parse_rule,
)
from approvals.conflicts.rule_language.selectors import Held, Selector
from approvals.policies.yaml_document import InvalidDocument, Problem
from inventory.models import DataClass, Environment, Level, ResourceKind
from inventory.risk import levels, tiers
from tests.approvals.conflicts import rule_strategies
from tests.approvals.conflicts.conflict_rules import conflict_in

pytestmark = pytest.mark.rule("S6")

PAY = {"name": "Release a payment", "any": [{"tags": ["pay"]}]}
VENDOR = {"name": "Make a vendor", "any": [{"tags": ["vendor.write"]}]}
LOG = {"name": "Write an audit trail", "any": [{"tags": ["log.write"]}]}
PLAIN: dict[str, Any] = {
    "code": "vendor-and-payment",
    "title": "Make a vendor and pay it",
    "process": "Procure to pay",
    "rating": "high",
    "mode": "approval",
    "scope": "automation",
    "reason": "Who can do both can pay a supplier that does not exist.",
    "legs": [VENDOR, PAY],
}


MODEL = {"name": "Call a model", "any": [{"tags": ["model.call"]}, {"model_controlled": True}]}


def rule(**changes: Any) -> Rule:
    return parse_rule({name: value for name, value in {**PLAIN, **changes}.items() if value is not None})


def wrong(**changes: Any) -> list[str]:
    with pytest.raises(InvalidDocument) as refused:
        rule(**changes)
    return [str(problem) for problem in refused.value.problems]


def selector(**fields: Any) -> Selector:
    return rule(legs=[{"name": "One", "any": [fields]}, PAY]).legs[0].any[0]


def held(key: str, *tags: str, **facts: Any) -> Held:
    return Held(key, tags=frozenset(tags), **facts)


def test_all_errors_of_a_rule_are_reported_with_place_and_remedy() -> None:
    bad = {
        "code": "Not a code",
        "title": " ",
        "rating": "hgh",
        "mode": None,
        "scope": "automation",
        "reason": 5,
        "legs": [
            {"name": "One", "any": [{}]},
            {"name": "Two", "any": [{"levels": ["unknown", "x"], "tag": ["pay"]}]},
            {"name": "Three", "any": [{"entry": ["open"], "outbound": True}]},
        ],
        "without": {"name": "Four", "any": []},
    }
    with pytest.raises(InvalidDocument) as refused:
        parse_rule(bad)
    assert [(problem.where, problem.what) for problem in refused.value.problems] == [
        ("title", "this field is required."),
        ("process", "it is missing."),
        ("reason", "it is no text."),
        ("code", "it is no code."),
        ("rating", "“hgh” is none of its values."),
        ("mode", "it is missing."),
        ("without, any", "it is empty."),
        ("legs 1, any 1", "it is empty, which would match everything."),
        ("legs 2, any 1", "“tag” is not known."),
        ("legs 2, any 1, levels", "what is not known counts as write."),
        ("legs 2, any 1, levels", "“x” is none of its values."),
        ("legs 3, any 1", "a trigger has no outbound."),
    ]
    assert all(problem.to_do.endswith((".", "?")) for problem in refused.value.problems)
    assert "Did you mean tags?" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"legs": [PAY]}, "legs: there is 1"),
        ({"legs": []}, "legs: there are 0"),
        ({"legs": [], "without": LOG}, "legs: there are 0"),
        ({"legs": [PAY] * (LEGS + 1)}, f"legs: it has {LEGS + 1} items"),
        ({"legs": PAY}, "legs: it is no list"),
        ({"legs": ["pay", PAY]}, "legs 1: it is no object"),
        ({"legs": [PAY, {"name": "x", "any": [{"tags": ["pay"]}] * (SELECTORS + 1)}]}, "legs 2, any: it has 51 items"),
        (
            {"legs": [PAY, {"name": "x", "any": [{"resources": list(range(1, VALUES + 2))}]}]},
            "resources: it has 101 items",
        ),
        ({"legs": [PAY, {"name": "x", "any": [{"resources": [True]}]}]}, "true is no id"),
        ({"legs": [PAY, {"name": "x", "any": [{"resources": [10**6000]}]}]}, "a number of that size is no id"),
        ({"legs": [PAY, {"name": "x", "any": [{"tags": ["Pay"]}]}]}, "“Pay” is no tag"),
        ({"legs": [PAY, {"name": "x", "any": [{"tags": "pay"}]}]}, "it is no list. Write a list, also of one."),
        ({"legs": [PAY, {"name": "x", "any": [{"codes": ["a\u202eb"]}]}]}, "is no pattern of a code"),
        ({"legs": [PAY, {"name": "x", "any": [{"codes": [7]}]}]}, "“7” is no text"),
        ({"legs": [PAY, {"name": "x", "any": [{"outbound": "yes"}]}]}, "“yes” is neither true nor false"),
        ({"title": "x" * 121}, "title: it has 121 characters. Shorten it to 120."),
        ({"code": "a" * 61}, "code: it has 61 characters"),
        ({"without": None, "wihtout": LOG}, "Did you mean without?"),
    ],
)
def test_invalid_rule_is_refused(changes: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in wrong(**changes))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(st.one_of(values, st.fixed_dictionaries(dict.fromkeys((*PLAIN, "without"), values))))
@example({"legs": [{"any": [{"codes": ["\ud800"]}]}]})
def test_any_document_is_a_rule_or_clear_refusal(document: object) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_rule(document)
    for problem in refused.value.problems:
        assert problem.where
        assert problem.what
        assert problem.to_do
        str(problem).encode()  # nothing is quoted that could not be shown


@given(rule_strategies.documents())
def test_rule_survives_round_trip(document: dict[str, Any]) -> None:
    parsed = parse_rule(document)
    assert parse_rule(parsed.to_dict()) == parsed
    assert parse_rule(parsed.to_dict()).digest == parsed.digest
    assert parsed.sentence.endswith(".")
    assert len(parsed.sides) == len(parsed.legs) + (parsed.without is not None) + (parsed.needs is not None)


@given(rule_strategies.documents(), st.randoms(use_true_random=True))
def test_order_of_values_does_not_change_rule(document: dict[str, Any], order: Any) -> None:
    other = deepcopy(document)
    for selected in (selected for leg in other["legs"] for selected in leg["any"]):
        for written in selected.values():
            if isinstance(written, list):
                written += written[:1]
                order.shuffle(written)
    assert parse_rule(other).digest == parse_rule(document).digest


@pytest.mark.parametrize(
    "changed", [{"mode": "record"}, {"legs": [PAY, VENDOR]}, {"without": LOG}, {"resolve": "Drop one."}]
)
def test_every_change_of_a_rule_changes_its_digest(changed: dict[str, Any]) -> None:
    assert rule(**changed).digest != rule().digest


def test_rule_values_match_the_register() -> None:
    assert list(selectors.KINDS) == ResourceKind.values
    assert [*levels.LEVEL_ORDER, "unknown"] == Level.values
    assert list(tiers.CLASS_ORDER) == DataClass.values
    assert list(tiers.ENVIRONMENT_ORDER) == Environment.values


@pytest.mark.rule("I4")
def test_a_level_that_is_not_known_counts_as_write_on_the_legs() -> None:
    assert selector(levels=["write"]).matches(held("a", level="unknown"))
    assert not selector(levels=["read"]).matches(held("a", level="unknown"))
    assert not selector(levels=["execute", "admin"]).matches(held("a", level="unknown"))


@pytest.mark.rule("I3")
def test_a_data_class_that_is_not_set_counts_as_restricted_on_the_legs() -> None:
    assert selector(data_classes=["restricted"]).matches(held("a", data_class=""))
    assert not selector(data_classes=["public", "internal", "confidential"]).matches(held("a", data_class=""))


@pytest.mark.rule("I4")
def test_unknown_control_does_not_satisfy_requirement() -> None:
    pay_rule = rule(legs=[PAY], without={"name": "A log", "any": [{"tags": ["log.write"], "levels": ["write"]}]})
    assert conflict_in(pay_rule, [held("a", "pay"), held("b", "log.write", level="unknown")]) is not None
    assert conflict_in(pay_rule, [held("a", "pay"), held("b", "log.write", level="write")]) is None
    classed = rule(
        legs=[PAY], without={"name": "A log", "any": [{"tags": ["log.write"], "data_classes": ["restricted"]}]}
    )
    assert conflict_in(classed, [held("a", "pay"), held("b", "log.write", data_class="")]) is not None
    assert conflict_in(classed, [held("a", "pay"), held("b", "log.write", data_class="restricted")]) is None
    assert parse_rule(pay_rule.to_dict()) == pay_rule, "where a selector stands says so, not the document"


def test_narrowed_access_leaves_rule() -> None:
    changing = selector(tags=["vendor.write"], levels=["write", "execute", "admin"])
    assert changing.matches(held("a", "vendor.write", level="write"))
    assert not changing.matches(held("a", "vendor.write", level="read"))


@pytest.mark.parametrize(
    ("pattern", "matched", "not_matched"),
    [
        ("vendor:*", ["vendor:create", "VENDOR:", "Vendor:x\ny"], ["xvendor:create", "vendor"]),
        ("*pay?", ["repayX", "pays"], ["pay", "payxx"]),
        ("[a-c]", ["a", "C"], ["d", "ab"]),
        (glob.escape("a[1]*?"), ["a[1]*?", "A[1]*?"], ["a1*?", "a[1]xx"]),
        ("[z-a]", [], ["z", "a"]),
    ],
)
def test_pattern_matches_whole_code_ignoring_case(pattern: str, matched: list[str], not_matched: list[str]) -> None:
    by_code = selector(codes=[pattern])
    assert all(by_code.matches(held("a", code=code)) for code in matched)
    assert not any(by_code.matches(held("a", code=code)) for code in not_matched)


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_a_literal_pattern_matches_that_code_and_no_other(code: str, other: str) -> None:
    by_code = Selector(codes=frozenset({glob.escape(code)}))
    assert by_code.matches(held("a", code=code))
    assert by_code.matches(held("a", code=other)) == (code.lower() == other.lower())


@given(st.text("ab*?[]!-", min_size=1, max_size=200))
def test_patterns_are_bounded(pattern: str) -> None:
    Selector(codes=frozenset({pattern})).matches(held("a", code="ab" * 80))


def test_values_of_a_field_are_alternatives_and_fields_are_combined() -> None:
    combined = selector(tags=["pay", "vendor.write"], environments=["production"], outbound=False, resources=[3])
    matching = held("a", "pay", environment="production", outbound=False, resource=3)
    assert combined.matches(matching)
    for change in ({"tags": frozenset({"log.write"})}, {"environment": "test"}, {"outbound": True}, {"resource": None}):
        facts = {name: getattr(matching, name) for name in ("tags", "environment", "outbound", "resource")}
        assert not combined.matches(Held("a", **{**facts, **change}))


def test_only_trigger_selectors_match_triggers() -> None:
    door = Held("t", code="webhook", entry="open")
    assert selector(entry=["open"]).matches(door)
    assert selector(entry=["open"], codes=["web*"]).matches(door)
    assert not selector(entry=["open"]).matches(held("a"))
    assert not selector(codes=["*"]).matches(door)


def test_two_legs_take_two_different_things() -> None:
    both = held("a", "pay", "vendor.write")
    assert conflict_in(rule(), [both]) is None, "one thing fills one leg"
    assert conflict_in(rule(), [both, held("a", "pay")]) is None, "the same thing twice is one"
    assert conflict_in(rule(), [held("a", "pay"), held("b", "log.write")]) is None
    caught = conflict_in(rule(), [both, held("b", "pay")])
    assert caught is not None
    assert {number: [thing.key for thing in some] for number, some in caught.items()} == {1: ["a"], 2: ["a", "b"]}


def test_three_legs_take_three_different_things() -> None:
    three = rule(legs=[PAY, VENDOR, LOG])
    assert conflict_in(three, [held("a", "pay", "vendor.write"), held("b", "log.write")]) is None
    assert conflict_in(
        three, [held("a", "pay", "vendor.write"), held("b", "pay", "vendor.write"), held("c", "log.write")]
    )
    one_for_two = [
        held("a", "pay", "vendor.write"),
        held("b", "log.write"),
        held("c", "log.write"),
        held("d", "log.write"),
    ]
    assert conflict_in(three, one_for_two) is None, "enough things, and still one of them would count twice"


def test_a_without_b_is_a_conflict_as_long_as_b_is_not_held() -> None:
    pay_rule = rule(legs=[PAY], without=LOG)
    caught = conflict_in(pay_rule, [held("a", "pay")])
    assert caught is not None
    assert conflict_in(pay_rule, [held("a", "pay"), held("b", "log.write")]) is None
    assert conflict_in(pay_rule, [held("b", "log.write")]) is None
    assert conflict_in(pay_rule, []) is None


@given(st.lists(st.sets(st.sampled_from("abcd")), min_size=1, max_size=5))
def test_different_things_for_each_leg_are_found_wherever_there_are_any(by_leg: list[set[str]]) -> None:
    possible = any(len(set(picked)) == len(picked) for picked in product(*by_leg))
    assert are_distinct(by_leg) == possible


@given(rule_strategies.documents(), st.lists(rule_strategies.HELD, max_size=6))
def test_matches_do_not_depend_on_order(document: dict[str, Any], helds: list[Held]) -> None:
    parsed = parse_rule(document)
    caught = conflict_in(parsed, helds)
    for other in list(permutations(helds))[:10]:
        assert (conflict_in(parsed, other) is None) == (caught is None)
    if caught is None:
        return
    assert len(caught) == len(parsed.legs) + (parsed.needs is not None)
    assert len({held.key for some in caught.values() for held in some}) >= len(parsed.legs)
    assert all(caught.values())


@given(rule_strategies.documents(), st.lists(rule_strategies.HELD, max_size=5), rule_strategies.HELD)
def test_holding_more_ends_no_conflict_but_one_of_lacking(
    document: dict[str, Any], helds: list[Held], more: Held
) -> None:
    parsed = parse_rule(document)
    if conflict_in(parsed, helds) is not None and conflict_in(parsed, [*helds, more]) is None:
        assert parsed.without is not None
        assert parsed.without.matches(more)


def test_rule_is_described_in_plain_words() -> None:
    assert rule().sentence == "No automation may hold “Make a vendor” and “Release a payment” together."
    assert (
        rule(legs=[PAY, VENDOR, LOG], scope="team").sentence
        == "No team may have automations that hold “Release a payment”, “Make a vendor” and “Write an audit trail” together."
    )
    without = rule(legs=[PAY], without=LOG, scope="owner")
    assert (
        without.sentence == "Nobody may own automations that hold “Release a payment” without “Write an audit trail”."
    )
    broad = {
        "name": "Act",
        "any": [
            {"levels": ["admin", "write", "execute"], "resources": [3, 4], "model_controlled": True},
            {"entry": ["open"], "environments": ["production"]},
            {
                "codes": ["x*"],
                "kinds": ["data_store"],
                "data_classes": ["restricted"],
                "outbound": False,
                "opaque": True,
            },
        ],
    }
    assert [selector.words({3: "the payroll"}) for selector in rule(legs=[broad, PAY]).sides[0].any] == [
        "held with more than read access, on the payroll or resource 4, chosen by a model",
        "a way in for somebody who has not signed in, in production",
        "called something like x*, on a data store, on restricted data, not carrying data out, running what can't be read beforehand",
    ]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_has_a_sentence(scope: str) -> None:
    assert "“Make a vendor” and “Release a payment”" in rule(scope=scope).sentence


def test_values_are_from_least_to_most() -> None:
    assert RATINGS == ("low", "medium", "high")
    assert MODES == ("record", "approval", "enforce")
    assert str(Problem(0, "legs 1", "it is so.", "Do that.")) == "legs 1: it is so. Do that."


def test_rule_does_not_fire_without_its_precondition() -> None:
    made = rule(needs=MODEL)
    pays, makes = Held("p", tags=frozenset({"pay"})), Held("v", tags=frozenset({"vendor.write"}))
    assert conflict_in(made, [pays, makes]) is None
    caught = conflict_in(made, [pays, makes, Held("m", tags=frozenset({"model.call"}))])
    assert caught is not None
    assert {thing.key for some in caught.values() for thing in some} == {"p", "v", "m"}
    by_model = Held("v", tags=frozenset({"vendor.write"}), model_controlled=True)
    assert conflict_in(made, [pays, by_model]) is not None, "one thing can fill a leg and be what the rule needs"
    assert made.to_dict()["needs"] == MODEL
    assert "if it holds “Call a model”" in made.sentence
    assert "needs" not in rule().to_dict()
    assert wrong(needs={"name": "Call a model", "any": []}) == [
        "needs, any: it is empty. Choose tags, codes or another condition."
    ]
