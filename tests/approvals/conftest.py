"""Northwind and its first submissions, for the tests of approvals: walked once a module, and each test in a savepoint of its own.

A test that takes `stage_2`, `live` or `chaser` starts from there; one that takes `company` alone starts from resources in use.
What stands is a stack of savepoints, each walked from the one below, so tests of one starting point run one after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from approvals.models import Submission
from tests import journeys
from tests.approvals import stock
from tests.journeys import Company
from tests.savepoints import undone


def _chaser(c: Company) -> Submission:
    made = journeys.submitted(c)
    journeys.decide_app(c, made)
    return made


#: Starting points: what each starts from itself, and how it is reached from there.
STARTS: dict[str, tuple[str, Callable[[Company], Submission]]] = {
    "stage_2": ("", stock.in_stage_2),
    "live": ("stage_2", lambda c: stock.decide_rest(c, stock.newest(c))),
    "chaser": ("", _chaser),
}


def _path(start: str) -> list[str]:
    """The starting points below one, and itself."""
    return [*_path(STARTS[start][0]), start] if start else []


def _start_of(item: pytest.Item) -> str:
    """The starting point that a test takes."""
    names = getattr(item, "fixturenames", ())
    return next((name for name in STARTS if name in names), "")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of one starting point side by side, within each module."""
    order = ["", *STARTS]
    modules = list(dict.fromkeys(item.path for item in items))
    items.sort(key=lambda item: (modules.index(item.path), order.index(_start_of(item))))


class Founded:
    """The company, and what stands on it."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.stack: list[tuple[str, ExitStack, int]] = []

    def at(self, start: str) -> Company:
        """Undo and walk as far as it takes; a copy of the company comes back, for one test to do with as it likes."""
        wanted = _path(start)
        while [name for name, _, _ in self.stack] != wanted[: len(self.stack)]:
            self.stack.pop()[1].close()
        for name in wanted[len(self.stack) :]:
            undo = ExitStack()
            undo.enter_context(undone())
            made = STARTS[name][1](copy.deepcopy(self.company))
            self.stack.append((name, undo, made.pk))
        return copy.deepcopy(self.company)

    def submission(self) -> Submission:
        """The submission of the starting point, as the database has it."""
        return Submission.objects.get(pk=self.stack[-1][2])

    def close(self) -> None:
        """Undo everything."""
        while self.stack:
            self.stack.pop()[1].close()


@pytest.fixture(scope="module")
def founded(company_of_module: Company, django_db_blocker: Any) -> Iterator[Founded]:
    """The company, in a transaction that lasts as long as the module's tests."""
    made = Founded(company_of_module)
    yield made
    with django_db_blocker.unblock():
        made.close()


@pytest.fixture
def company(request: pytest.FixtureRequest, company_of_module: Company) -> Iterator[Company]:
    """Northwind with its resources, for one test: what the test does to it is undone.

    A test that is marked ``django_db`` has the transaction that is rolled back already.
    """
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        yield copy.deepcopy(company_of_module)
        return
    made: Founded = request.getfixturevalue("founded")
    with request.getfixturevalue("django_db_blocker").unblock():
        found = made.at(_start_of(request.node))
        with undone():
            yield found


@pytest.fixture
def stage_2(company: Company, founded: Founded) -> Submission:
    """The stock report: the app approved by Theo, two privileges and two credentials open, all on Omar's resources."""
    return founded.submission()


@pytest.fixture
def live(company: Company, founded: Founded) -> Submission:
    """The stock report in force, with four grants."""
    return founded.submission()


@pytest.fixture
def chaser(company: Company, founded: Founded) -> Submission:
    """The invoice chaser, high risk: the app approved by Theo and Viktor, seven privileges and six credentials open."""
    return founded.submission()
