"""The statement budget: how many tests need more than `BUDGET` SQL statements in their own call. `--statements` lists them.

Set-up doesn't count. A walk that several tests need is a starting point (`tests.starting_points`), so that it is walked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count a test's statements."""
    counter = Counter()
    with ExitStack() as wrapped:
        for connection in connections.all(initialized_only=True):
            wrapped.enter_context(connection.execute_wrapper(counter))
        result = yield
    item.user_properties.append(("statements", counter.count))
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
