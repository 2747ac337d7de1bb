"""The secret scan has a budget of work for each file (I6, H7). Work is counted, never timed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inventory.importers import ImportProblem, read
from inventory.importers.secret_budget import BUDGET, Budget
from inventory.importers.secrets import scrub
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
    "assignments": "A='b ",
}
SIZE = 1_000_000


def _code(text: str) -> dict[str, Any]:
    return workflow(node("code", "Run", 2, jsCode=text))


def _work(document: Any) -> Budget:
    budget = Budget(hits=10**9, characters=10**12)
    scrub(document, budget=budget)
    return budget


def _refusal(document: Any) -> ImportProblem:
    with pytest.raises(ImportProblem) as caught:
        read("export.json", json.dumps(document).encode())
    return caught.value


@pytest.mark.rule("I6")
@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_twice_the_text_takes_at_most_twice_the_work(piece: str) -> None:
    text = piece * (5_000 // len(piece))
    once, twice = _work(_code(text)), _work(_code(text * 2))
    assert twice.spent_hits <= 2.1 * once.spent_hits + 10
    assert twice.spent_characters <= 2.1 * once.spent_characters
    assert twice.spent_characters <= 20 * len(text * 2)


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "piece",
    [each for each in PIECES.values() if each not in ("?token=aaaaaaaa", "A='b ")],
)
def test_file_over_the_hit_budget_is_refused_with_a_reason(piece: str) -> None:
    problem = _refusal(_code(piece * (SIZE // len(piece))))
    assert problem.reason == f"it has more than {BUDGET.hits:,} places to check for secrets"
    assert problem.what_to_do == "Clear the pinned data, or export fewer automations at a time, and import that file."
    assert problem.place == "the whole file"


@pytest.mark.rule("I6")
def test_five_hundred_thousand_arguments_are_over_the_hit_budget() -> None:
    problem = _refusal(server(command="thing", args=["a"] * 500_000))
    assert problem.reason == f"it has more than {BUDGET.hits:,} places to check for secrets"


@pytest.mark.rule("I6")
def test_file_over_the_character_budget_is_refused_with_a_reason() -> None:
    with pytest.raises(ImportProblem) as caught:
        read("export.json", json.dumps(_code("x" * 5_000)).encode(), budget=Budget(characters=4_000))
    assert caught.value.reason == "its texts have more than 4,000 characters to check for secrets"


@pytest.mark.rule("I6")
def test_all_automations_of_a_file_share_one_budget() -> None:
    each = _code('"key" ' * (BUDGET.hits // 3))
    assert len(read("one.json", json.dumps(each).encode())) == 1
    assert _refusal([each] * 4).reason.startswith("it has more than")


@pytest.mark.rule("I6")
def test_many_secrets_and_many_texts_are_compared_in_one_pass() -> None:
    def texts(count: int) -> dict[str, Any]:
        env = {f"KEY_{index}": f"s3cr3t{index:09d}" for index in range(count)}
        return server(command="thing", env=env, note="nothing here " * count)

    once, twice = _work(texts(100)), _work(texts(200))
    assert twice.spent_characters <= 2.1 * once.spent_characters


@pytest.mark.rule("I6")
def test_real_exports_take_a_small_part_of_the_budget(real_exports: Path) -> None:
    largest_hits, largest_characters, files = 0, 0, 0
    for path in sorted((real_exports / "imports").rglob("*.json")):
        budget = Budget()
        try:
            read(path.name, path.read_bytes(), budget=budget)
        except ImportProblem as problem:
            assert "to check for secrets" not in problem.reason
            continue
        files += 1
        largest_hits = max(largest_hits, budget.spent_hits)
        largest_characters = max(largest_characters, budget.spent_characters)
    assert files > 200
    assert largest_hits * 20 < BUDGET.hits
    assert largest_characters * 20 < BUDGET.characters
