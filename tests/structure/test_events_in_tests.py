"""Every event that the code writes stands in a test: as its own operation's in the matrix, or by its name (H1)."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from governance.core.engine.transition import declared

pytestmark = pytest.mark.rule("H1")

ROOT = Path(__file__).parents[2]
PRODUCT = ("approvals", "governance", "inventory")
NAME = re.compile(r"[a-z_]{2,}\.[a-z_]+")
#: Names that stand here are no test of the event.
NO_TEST = ("tests/structure/", "tests/web/", "tests/soak/", "tests/benchmarks/")


def trees(folders: Iterable[str]) -> Iterator[tuple[str, ast.Module]]:
    """Every module below some folders, with its path from the root."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def names_in(node: ast.AST) -> set[str]:
    """The strings below a node that have the form of an event's name."""
    texts = (
        constant.value
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    )
    return {text for text in texts if NAME.fullmatch(text)}


def written() -> set[str]:
    """Events of the product's transitions, and those that its code records or names as the verb of an effect."""
    names = {transition.event for transition in declared() if not transition.model.__module__.startswith("tests.")}
    for _, tree in trees(PRODUCT):
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            is_record = isinstance(call.func, ast.Attribute) and call.func.attr == "record"
            names.update(*(names_in(argument) for argument in call.args[:1] if is_record))
            names.update(*(names_in(keyword.value) for keyword in call.keywords if keyword.arg == "verb"))
    return names


def named_in_tests() -> set[str]:
    """Names in the tests, and the event of each operation that the matrix tries."""
    with (ROOT / "tests/matrix/events.csv").open(encoding="utf-8", newline="") as file:
        names = {line["event"] for line in csv.DictReader(file)}
    for path, tree in trees(["tests"]):
        if not path.startswith(NO_TEST):
            names |= names_in(tree)
    return names


def test_every_event_stands_in_a_test() -> None:
    events = written()
    assert len(events) > 150
    assert sorted(events - named_in_tests()) == []
