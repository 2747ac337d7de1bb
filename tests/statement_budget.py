"""The statement budget: a test that needs more than `BUDGET` SQL statements in its own call fails, unless it is marked `full`.

Set-up doesn't count. A walk that several tests need is a starting point (`tests.starting_points`), so that it is walked once.
Under `make full` and `make soak` tests are longer and the budget doesn't hold. `--statements` lists the tests above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections

from tests import run_lengths

#: SQL statements of one test's own call, on the connections of its thread (architecture.md, Tests).
BUDGET = 600


class Counter:
    """Counts the statements of every connection that it wraps."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """Count one statement, then run it."""
        self.count += 1
        return execute(*statement)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--statements` names the tests above the budget."""
    parser.addoption("--statements", action="store_true", help="name the tests that need too many SQL statements")


def excess(item: pytest.Item, count: int) -> str:
    """What is wrong with a test that needed so many statements, and what to do; empty if nothing is."""
    is_longer = run_lengths.IS_FULL or run_lengths.IS_SOAK or item.get_closest_marker("full") is not None
    if is_longer or count <= BUDGET:
        return ""
    return (
        f"This test made {count} SQL statements; {BUDGET} are allowed. Start it from a starting point"
        " (tests/starting_points.py), move its set-up into a fixture, or split it. Only if nothing of that works,"
        " mark it full('reason')."
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count a test's statements, and let it fail above the budget."""
    counter = Counter()
    with ExitStack() as wrapped:
        for connection in connections.all(initialized_only=True):
            wrapped.enter_context(connection.execute_wrapper(counter))
        result = yield
    item.user_properties.append(("statements", counter.count))
    if message := excess(item, counter.count):
        pytest.fail(message, pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests are above the budget, and which."""
    over = {
        report.nodeid: value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "statements" and int(value) > BUDGET
    }
    terminalreporter.write_line(f"statements: {len(over)} tests need more than {BUDGET}")
    if config.getoption("--statements"):
        for test, count in sorted(over.items()):
            terminalreporter.write_line(f"{count:>6}  {test}")
