"""A team is stopped while another person stops one of its automations: real threads, real commits (G5)."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection, connections

from approvals.grants.transitions import stops
from inventory.automations.transitions import lifecycle as automation_lifecycle
from inventory.models import Automation, AutomationState
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.grants.test_circuit_breaker_races import with_own_connections
from tests.people import as_actor, build
from tests.scenarios import Company

pytestmark = pytest.mark.race


def is_waited_for() -> bool:
    """Whether another connection waits for a lock that this one holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))")
        return bool(cursor.fetchone()[0])


@pytest.fixture
def two(committed: None) -> tuple[Company, list[Automation]]:
    """Two automations of one team, in force."""
    word = uuid.uuid4().hex[:8]
    firm = scenarios.company(build(word))
    return firm, [stock_report.in_force(firm, with_own_connections(word)).automation for _ in range(2)]


@pytest.mark.rule("G5")
def test_stop_of_a_team_acts_although_another_stops_one_of_it_at_the_same_time(
    two: tuple[Company, list[Automation]], monkeypatch: pytest.MonkeyPatch
) -> None:
    firm, (first, other) = two
    sana, theo = as_actor(firm.people.sana), as_actor(firm.people.theo)
    results = list[Any]()

    def stop_team() -> None:
        try:
            results.append(stops.stop_team(first.team, actor=theo, now=firm.now))
        except BaseException as error:  # handed to the test
            results.append(error)
        finally:
            connections.close_all()

    thread, stop = threading.Thread(target=stop_team), automation_lifecycle.stop

    def stop_and_wait(*args: Any, **kwargs: Any) -> None:
        """Stop one, and commit only when the other press waits for it."""
        monkeypatch.undo()
        stop(*args, **kwargs)
        thread.start()
        for _ in range(1000):
            if is_waited_for() or not thread.is_alive():
                break
            thread.join(0.02)

    monkeypatch.setattr(automation_lifecycle, "stop", stop_and_wait)
    stops.stop_automation(other, actor=sana, now=firm.now)
    thread.join(60)
    (row,) = results
    assert row.automations == [first.pk], row
    first.refresh_from_db()
    other.refresh_from_db()
    assert (first.state, first.stopped_by) == (AutomationState.SUSPENDED, theo.person)
    assert other.stopped_by == sana.person
