"""The secret scan has a budget of work for each file (I6, H7). Work is counted, never timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from inventory.importers.problem import ImportProblem
from inventory.importers.reader import read_export
from inventory.importers.secrets.scrubber import scrub
from inventory.importers.work_budget import Budget
from tests.inventory.importers.samples import node, server, workflow

#: Pieces of text that cost much work for each character before the scan had a budget.
PIECES = {
    "a name before a quote": '"key ',
    "a name in quotes": '"key "',
    "names run together": "passpass_",
    "an unclosed quote": "token:'",
    "a name that is the value of another": "token=",
    "a name after a colon": "token:",
    "addresses with a password": "https://a:b@c ",
    "parameters of an address": "?token=aaaaaaaa",
    "a signed-in header": "Bearer aaaaaaaaaaaaaaaaa1 ",
    "parts of a web token": "eyJaaaaaaaaaaa.",
    "assignments": "A=b;",
    "passwords on a command line": "curl -u a:b1cdef ",
    "variables with a password": "APASS=x1 ",
    "passwords of a database": "mysql -px1y2z ",
    "passwords that sudo reads": "echo a1b2c | sudo -S x; ",
}


def _code(text: str) -> dict[str, Any]:
    return workflow(node("executeCommand", "Run", 1, command=text))


def _work(document: Any) -> Budget:
    budget = Budget(hits=10**9, characters=10**12)
    scrub(document, budget=budget)
    return budget


def _refusal(document: Any, budget: Budget | None = None) -> ImportProblem:
    with pytest.raises(ImportProblem) as caught:
        read_export("export.json", json.dumps(document).encode(), budget=budget)
    return caught.value


@pytest.mark.rule("I6")
@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_twice_the_text_takes_at_most_twice_the_work(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    once, twice = _work(_code(text)), _work(_code(text * 2))
    assert twice.spent_hits <= 2.1 * once.spent_hits + 10
    assert twice.spent_characters <= 2.1 * once.spent_characters
    assert twice.spent_characters <= 20 * len(text * 2)


@pytest.mark.rule("I6")
@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_file_over_the_hit_budget_is_refused_with_a_reason(piece: str) -> None:
    problem = _refusal(_code(piece * 6_000), Budget(hits=500))
    assert problem.reason == "it has more than 500 places to check for secrets"
    assert problem.what_to_do == "Clear the pinned data, or export fewer automations at a time, and import that file."
    assert problem.place == "the whole file"
    assert problem.__context__ is None


@pytest.mark.rule("I6")
def test_a_megabyte_of_keywords_is_over_the_usual_budget() -> None:
    reason = f"it has more than {Budget().hits:,} places to check for secrets"
    assert _refusal(_code('"key ' * 200_000)).reason == reason


@pytest.mark.rule("I6")
def test_five_hundred_thousand_arguments_are_refused_before_they_are_searched() -> None:
    problem = _refusal(server(command="thing", args=["a"] * 500_000))
    assert problem.reason == "it holds more than 1,000 entries in one list"


@pytest.mark.rule("I6")
def test_file_over_the_character_budget_is_refused_with_a_reason() -> None:
    problem = _refusal(_code("x" * 5_000), Budget(characters=4_000))
    assert problem.reason == "its texts have more than 4,000 characters to check for secrets"


@pytest.mark.rule("I6")
def test_all_automations_of_a_file_share_one_budget() -> None:
    each = _code('"key" ' * 300)
    assert len(read_export("one.json", json.dumps(each).encode(), budget=Budget(hits=1_000))) == 1
    assert _refusal([each] * 4, Budget(hits=1_000)).reason == "it has more than 1,000 places to check for secrets"


@pytest.mark.rule("I2", "I7")
def test_all_automations_of_a_file_share_the_work_of_ordering_their_nodes() -> None:
    count = 150
    names = [f"Step {at}" for at in range(count)]
    nodes = [node("noOp", name) for name in names]
    ring = workflow(*nodes, links=tuple((name, "main", names[at - 1]) for at, name in enumerate(names)))
    budget = Budget()
    read_export("one.json", json.dumps(ring).encode(), budget=budget)
    assert 0 < budget.spent_looks < Budget().looks
    enough = Budget(looks=2 * budget.spent_looks)
    assert len(read_export("two.json", json.dumps([ring, ring]).encode(), budget=enough)) == 2
    refused = _refusal([ring] * 3, Budget(looks=2 * budget.spent_looks))
    assert refused.reason == f"putting its nodes in order takes more than {2 * budget.spent_looks:,} steps"


@pytest.mark.rule("I6")
def test_many_secrets_and_many_texts_are_compared_in_one_pass() -> None:
    def texts(count: int) -> dict[str, Any]:
        env = {f"KEY_{index}": f"s3cr3t{index:09d}" for index in range(count)}
        return server(command="thing", env=env, note="nothing here " * count)

    once, twice = _work(texts(100)), _work(texts(200))
    assert twice.spent_characters <= 2.1 * once.spent_characters


@pytest.mark.full("searches all real exports")
@pytest.mark.rule("I6")
def test_real_exports_take_a_small_part_of_the_budget(real_exports: Path) -> None:
    largest_hits, largest_characters, largest_looks, files, over_budget = 0, 0, 0, 0, 0
    for path in sorted((real_exports / "imports").rglob("*.json")):
        budget = Budget()
        try:
            read_export(path.name, path.read_bytes(), budget=budget)
        except ImportProblem as problem:
            over_budget += "to check for secrets" in problem.reason
            continue
        files += 1
        largest_hits = max(largest_hits, budget.spent_hits)
        largest_characters = max(largest_characters, budget.spent_characters)
        largest_looks = max(largest_looks, budget.spent_looks)
    sys.stdout.write(
        f"{files} files; at most {largest_hits} hits, {largest_characters} characters, {largest_looks} looks\n"
    )
    assert over_budget == 0
    assert files > 200
    assert largest_looks * 50 < Budget().looks
    assert largest_hits * 50 < Budget().hits
    assert largest_characters * 50 < Budget().characters
