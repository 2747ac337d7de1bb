"""A test that makes too many SQL statements fails, and says what to do; one that is marked `full` may make more."""

from __future__ import annotations

import pytest
from django.db import connection

from tests import run_lengths, statement_budget
from tests.statement_budget import BUDGET, excess


@pytest.fixture
def usual_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `make test`, however long this run is."""
    monkeypatch.setattr(run_lengths, "IS_FULL", False)
    monkeypatch.setattr(run_lengths, "IS_SOAK", False)


@pytest.mark.django_db
@pytest.mark.usefixtures("usual_length")
def test_a_test_above_the_budget_fails(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, connection.cursor() as cursor:
        patch.setattr(statement_budget, "BUDGET", 2)
        running = statement_budget.pytest_runtest_call(request.node)
        next(running)
        for _ in range(3):
            cursor.execute("SELECT 1")
        with pytest.raises(pytest.fail.Exception, match=r"^This test made 3 SQL statements; 2 are allowed"):
            next(running)


@pytest.mark.usefixtures("usual_length")
def test_a_test_above_the_budget_is_told_what_to_do(request: pytest.FixtureRequest) -> None:
    assert excess(request.node, BUDGET) == ""
    assert excess(request.node, BUDGET + 1).startswith("This test made 601 SQL statements; 600 are allowed. Start it")


@pytest.mark.usefixtures("usual_length")
def test_marked_full_a_test_may_make_more(request: pytest.FixtureRequest) -> None:
    request.node.add_marker("full")
    assert excess(request.node, BUDGET + 1) == ""


@pytest.mark.usefixtures("usual_length")
@pytest.mark.parametrize("length", ["IS_FULL", "IS_SOAK"])
def test_in_longer_runs_a_test_may_make_more(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    monkeypatch.setattr(run_lengths, length, True)
    assert excess(request.node, BUDGET + 1) == ""
