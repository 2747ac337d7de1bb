"""The policy document: what is refused with which line, and that text and data are the same (S8)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as policy_queries
from approvals.policies.yaml_document import LARGEST_BYTES, InvalidDocument, Problem
from inventory.risk import tiers

TEXT = policy_document.SHIPPED.read_text(encoding="utf-8")


class Result(NamedTuple):
    """What was read, or what is wrong."""

    document: dict[str, Any]
    problems: tuple[Problem, ...] = ()


def result_of(read: Callable[[Any], dict[str, Any]], given: Any) -> Result:
    try:
        return Result(read(given))
    except InvalidDocument as error:
        return Result({}, error.problems)


read_text = partial(result_of, policy_document.from_text)
read_data = partial(result_of, policy_document.from_data)


def line_of(words: str, text: str = TEXT) -> int:
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.rule("S8")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: &x [1]\nb: *x", "Anchors and aliases"),
        ("a: !!python/object:os.system x", "Tags"),
        ("a: !x 1", "Tags"),
        ("[" * 40, "too deep"),
        ("- 1\n" * 9000, "too deep or has too many"),
        ("#" * (LARGEST_BYTES + 1), "larger than"),
        ("a: 1\na: 2", "stands here twice"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: [", "no YAML"),
        ("", "no named parts"),
        ("just words", "no named parts"),
        ("a: 2026-13-45", "can't be read"),
        ("a: \x00", "can't be read"),
        ("? [a]\n: b", "no YAML"),
    ],
)
def test_invalid_policy_document_is_refused_with_line(text: str, what: str) -> None:
    parsed = read_text(text)
    assert not parsed.document
    assert len(parsed.problems) == 1
    assert what in parsed.problems[0].what
    assert parsed.problems[0].line >= 1


@pytest.mark.rule("S8")
@pytest.mark.parametrize("line", ["builder_working_days: 10", "one_in: 10"])
def test_a_number_of_thousands_of_digits_is_refused_in_words(line: str) -> None:
    parsed = read_text(TEXT.replace(line, f"{line.partition(':')[0]}: 0x{'f' * 4000}"))
    (problem,) = parsed.problems
    assert (problem.line, problem.what) == (line_of(line), "A number of that size is too much.")


@pytest.mark.rule("S8")
def test_a_list_with_such_a_number_is_refused_in_words() -> None:
    parsed = read_text(TEXT.replace("one_in: 10", f"one_in: 10\n  more: [0x{'f' * 6000}]"))
    (problem,) = parsed.problems
    assert (problem.line, problem.what) == (line_of("one_in: 10") + 1, "more is no name that is known here.")


@pytest.mark.rule("S8")
def test_all_policy_errors_are_reported_with_line_and_remedy() -> None:
    text = (
        TEXT.replace("builder_working_days: 10", "builder_days: 10")
        .replace("    high: [lead]", "    high: [lead, boss]")
        .replace("high: 90", "high: 91")
    )
    text = text.replace("one_in: 10", 'one_in: "10"').replace(
        "non_read_chosen_by_model: false", "non_read_chosen_by_model: 1"
    )
    problems = {problem.where: problem for problem in read_text(text).problems}
    assert problems["builder_days"].line == line_of("builder_days: 10", text)
    assert "builder_working_days" in problems["builder_days"].to_do
    assert problems["builder_working_days"].what == "builder_working_days is missing."
    assert problems["seats.app.high.1"].line == line_of("[lead, boss]", text)
    assert problems["longest_term.high"].to_do == "At most 90."
    assert problems["sampling.one_in"].line == line_of("one_in", text)
    assert problems["tiers.high.non_read_chosen_by_model"].what == "This is neither true nor false."
    assert list(problems) == sorted(problems, key=lambda where: problems[where].line)


@pytest.mark.rule("S8", "T3", "T1", "G1", "A10", "S5", "S6", "S7", "S10")
@pytest.mark.parametrize(
    ("old", "new", "where", "to_do"),
    [
        ("    high: [owner, security]", "    high: [security]", "seats.privilege.high", "Add owner."),
        ("    high: [lead]", "    high: [security, lead]\n", "seats.app.high", ""),
        ("    low: [owner]", "    low: [owner, security]", "seats.privilege.standard", "Add security."),
        ("  high: 90", "  high: 90\n", "", ""),
        ("  standard: 180", "  standard: 60", "longest_term.high", "At most 60 for high, or at least 90 for standard."),
        ("  low: 15", "  low: 4", "expires_working_days.low", "At least 5."),
        ("data_classes: [restricted]", "data_classes: [restricted, internal]", "tiers.low.data_classes", "Take it out"),
        ("two_owners: [high]", "two_owners: [standard]", "two_owners", "Add high."),
        ("second_factor: []", "second_factor: [low, high]", "second_factor", "Add standard."),
        ("  high: 15\n", "  standard: 5\n  high: 15\n", "fresh_sign_in_minutes.high", "At most 5."),
        ("    high: [lead]", "    high: [lead, lead]", "seats.app.high", "Each seat is listed once"),
        ("  medium: 30", "  medium: 31", "conflicts.medium", "At most 30 for medium,"),
        ("  medium: 30", "  medium: 6", "conflicts.high", "At most 6 for high"),
        ("  in_a_row: 2", "  in_a_row: 3", "waivers.in_a_row", "At most 2."),
    ],
)
def test_inconsistent_policy_is_refused(old: str, new: str, where: str, to_do: str) -> None:
    """The second and fourth fit: security may sign high-risk apps too, and an empty line says nothing."""
    assert old in TEXT
    problems = read_text(TEXT.replace(old, new, 1)).problems
    if not to_do:
        assert problems == ()
        return
    assert any(problem.where == where and to_do in problem.to_do for problem in problems)


@pytest.mark.rule("T1", "A13")
@pytest.mark.parametrize("level", ["write", "execute", "admin"])
def test_policy_cannot_call_write_access_low(level: str) -> None:
    problems = read_text(TEXT.replace("levels: [read]", f"levels: [read, {level}]")).problems
    assert [problem.where for problem in problems] == ["tiers.low.levels.1"]


@pytest.mark.rule("S8")
def test_the_shipped_document_is_written_as_it_reads_and_its_tiers_are_the_rules() -> None:
    document = read_text(TEXT).document
    assert policy_document.as_text(document) == TEXT
    assert document["tiers"] == dict(tiers.DEFAULT_RULES)
    assert read_text(json.dumps(document)).document == document
    assert policy_queries.shipped() == document


@pytest.mark.rule("S8", "T1")
def test_fewer_reasons_for_high_loosen_policy() -> None:
    shipped = policy_queries.shipped()
    after = read_data(_changed(shipped, "tiers.high.non_read_chosen_by_model_if", ["outbound"])).document
    (looser,) = diff.changes(shipped, after)
    (stricter,) = diff.changes(after, shipped)
    assert (looser.tightens, stricter.tightens) == (False, True)
    assert (looser.before, looser.after) == ("outbound, irreversible", "outbound")


@pytest.mark.rule("S8", "T1")
def test_a_policy_from_before_the_condition_keeps_its_meaning_and_can_be_changed() -> None:
    before = json.loads(json.dumps(policy_queries.shipped()))
    before["tiers"]["high"]["non_read_chosen_by_model"] = True
    del before["tiers"]["high"]["non_read_chosen_by_model_if"]
    document = policy_queries.with_shipped_parts(before)
    assert document["tiers"]["high"]["non_read_chosen_by_model"] is True
    assert read_data(document).problems == ()
    (change,) = diff.changes(document, policy_queries.shipped())
    assert (change.where, change.tightens) == ("tiers.high.non_read_chosen_by_model", False)


@pytest.mark.rule("S8")
def test_policy_text_keeps_its_order() -> None:
    def by_length(part: Any) -> Any:
        if not isinstance(part, dict):
            return part
        return {name: by_length(part[name]) for name in sorted(part, key=lambda key: (len(key), key))}

    kept = by_length(policy_queries.shipped())
    assert list(kept["longest_term"]) == ["low", "high", "standard"]
    assert policy_document.as_text(kept) == TEXT
    assert list(policy_queries.with_shipped_parts(kept)["longest_term"]) == ["low", "standard", "high"]


def _changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    made = json.loads(json.dumps(document))
    *above, last = path.split(".")
    part = made
    for name in above:
        part = part[name]
    part[last] = value
    return made


#: Part of the document, a value that is stricter than the shipped one, and one that is not.
EITHER_WAY = [
    ("tiers.high.levels", ["admin", "execute"], []),
    ("tiers.high.data_classes", ["restricted", "confidential"], []),
    ("tiers.high.non_read_on", ["confidential", "internal"], ["internal"]),
    ("tiers.high.non_read_chosen_by_model", True, None),
    ("tiers.high.opaque_code_in", ["production", "test"], []),
    ("tiers.low.data_classes", ["public"], None),
    ("tiers.at_least.agent", "high", "low"),
    ("tiers.at_least.ai_app", "standard", None),
    ("seats.privilege.standard", ["owner", "security"], None),
    ("seats.app.high", ["lead", "security"], None),
    ("longest_term.high", 60, None),
    ("review_after.high", 60, None),
    ("due_working_days.high", 1, None),
    ("expires_working_days.low", 12, 20),
    ("builder_working_days", 5, 15),
    ("resubmission_days", 180, 30),
    ("light_path.grants", 0, 20),
    ("light_path.days", 60, 10),
    ("sampling.one_in", 2, 50),
    ("sampling.working_days", 3, 10),
    ("signals.mutual", 2, 5),
    ("signals.share", 60, 95),
    ("signals.days", 180, 30),
    ("two_owners", ["high", "standard"], []),
    ("second_factor", ["high"], None),
    ("fresh_sign_in_minutes.high", 5, 30),
    ("fresh_sign_in_minutes.standard", 30, None),
    ("proposals.at_once_hours", 24, None),
    ("proposals.open_days", 10, 60),
    ("waivers.days", 30, None),
    ("waivers.in_a_row", 1, None),
    ("events.unused_days", 30, 90),
    ("events.quiet_days", 10, 60),
    ("revocation_hours", 8, 48),
]


@pytest.mark.rule("S8")
@pytest.mark.parametrize(("path", "stricter", "looser"), EITHER_WAY)
def test_each_change_says_in_words_whether_it_tightens(path: str, stricter: object, looser: object) -> None:
    shipped = policy_queries.shipped()
    if looser is not None:
        (change,) = diff.changes(
            shipped,
            read_data(_changed(shipped, path, looser)).document or _changed(shipped, path, looser),
        )
        assert not change.tightens
    after = read_data(_changed(shipped, path, stricter))
    assert not after.problems
    changes = diff.changes(shipped, after.document)
    (change,) = changes
    assert change.where == path
    assert change.tightens
    assert change.before != change.after
    assert {
        sign for sign, _ in diff.lines(policy_document.as_text(shipped), policy_document.as_text(after.document))
    } >= {"+"}
    assert not diff.tightens(diff.changes(after.document, shipped))


@pytest.mark.rule("S8", "S6", "R4", "G6")
@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("brake.share", (2, 20)),
        ("brake.grants", (20, 200)),
        ("brake.hours", (2, 8)),
        ("correction_days", (2, 10)),
        ("conflicts.high", (2, 20)),
    ],
)
def test_single_person_cannot_change_final_endings(path: str, values: tuple[int, int]) -> None:
    shipped = policy_queries.shipped()
    for value in values:
        after = read_data(_changed(shipped, path, value))
        assert not after.problems
        assert [(change.tightens, change.is_either) for change in diff.changes(shipped, after.document)] == [
            (False, True)
        ]


@pytest.mark.rule("S8", "A8")
def test_another_order_of_seats_is_a_change_that_loosens_also_where_one_is_added() -> None:
    """A person who may fill two seats fills the first. So nobody puts another seat first unseen, nor alone and at once with an extra approval."""
    shipped = policy_queries.shipped()
    turned = _changed(shipped, "seats.privilege.high", ["security", "owner"])
    (change,) = diff.changes(shipped, turned)
    assert (change.label, change.tightens) == ("Approvals of a high-risk privilege, in this order", False)
    assert (change.before, change.after) == ("owner, then security", "security, then owner")
    assert {sign for sign, _ in diff.lines(policy_document.as_text(shipped), policy_document.as_text(turned))} >= {
        "+",
        "-",
    }
    more = _changed(turned, "seats.privilege.standard", ["security", "owner"])
    both = _changed(shipped, "seats.privilege.standard", ["security", "owner"])
    assert [change.tightens for change in diff.changes(shipped, both)] == [True], "a new one may come first"
    assert not diff.tightens(diff.changes(shipped, more))


@pytest.mark.rule("S8")
def test_order_of_unordered_values_is_no_change() -> None:
    shipped = policy_queries.shipped()
    levels = list(reversed(shipped["tiers"]["low"]["data_classes"]))
    assert diff.changes(shipped, _changed(shipped, "tiers.low.data_classes", levels)) == ()


@pytest.mark.rule("S8")
def test_one_loosening_among_many_that_tighten_makes_it_a_loosening() -> None:
    shipped = policy_queries.shipped()
    both = _changed(_changed(shipped, "longest_term.high", 30), "resubmission_days", 30)
    assert [change.tightens for change in diff.changes(shipped, both)] == [True, False]
    assert not diff.tightens(diff.changes(shipped, both))
    assert not diff.tightens(())


@pytest.mark.rule("S8")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["tiers", "seats", "brake", "high"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_data_is_either_a_policy_or_refused_in_words(data: object) -> None:
    parsed = read_data(data)
    assert bool(parsed.document) != bool(parsed.problems)
    assert all(problem.what for problem in parsed.problems)


@pytest.mark.rule("S8")
@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}&*!#\n \"'?|>", max_size=80))
def test_any_text_is_either_a_policy_or_refused_in_words(text: str) -> None:
    parsed = read_text(text)
    assert parsed.problems
    assert all(problem.what and problem.line >= 0 for problem in parsed.problems)
