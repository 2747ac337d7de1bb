"""The data of benchmarks: rows that the database's own rules accept, and nothing of it due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from approvals.models import Approval, Decision, Grant, Submission
from approvals.submissions import jobs as approval_sweeps
from governance.core.clock import current_time
from governance.core.ledger import ledger_export, sealing
from governance.core.models import LedgerEvent
from governance.recertification.items import jobs as item_jobs
from governance.recertification.models import Item
from inventory.models import Automation
from tests import people, run_lengths, scenarios
from tests.benchmarks.scale import large_company
from tests.signed_in_client import client_of

#: Enough for every kind and tier; each state counts by its share.
MANY = run_lengths.run_length(100, soak=300)

#: How many of a hundred are in each state.
SHARES = {"live": 78, "suspended": 3, "in_review": 2, "draft": 12, "retired": 5}


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: object) -> people.Northwind:
    """A company with so many automations, committed."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's own
        northwind = people.build(
            now=current_time.now() - timedelta(days=400)
        )  # there before anything of it was submitted (A9)
        scenarios.company(northwind)
        n = northwind
        progress: list[int] = []
        large_company.seed(
            MANY, large_company.Cast(n.rita, n.jonas, n.omar, n.amara), current_time.now(), progress.append
        )
        assert progress == [MANY]
        sealing.seal_all(at=current_time.real())
        return northwind


@pytest.mark.race
def test_it_is_as_large_as_asked_and_of_every_kind(cast: people.Northwind) -> None:
    rows = Automation.objects.filter(platform_instance=large_company.PLATFORM)
    states = {
        state: rows.filter(state=state).count() for state in ("live", "suspended", "in_review", "draft", "retired")
    }
    assert states == {state: MANY * share // 100 for state, share in SHARES.items()}
    held = Grant.objects.filter(automation__in=rows)
    assert held.count() > 10 * states["live"]
    assert set(held.values_list("kind", "tier").distinct()) == {
        (kind, tier) for kind in ("privilege", "credential") for tier in ("low", "standard", "high")
    }
    assert Approval.objects.filter(submission__automation__in=rows, state="open").exists()
    assert not Decision.objects.filter(approval__submission__parties__person=F("person")).exists()
    assert Submission.objects.filter(automation__in=rows, state="in_force").count() == MANY * (78 + 3 + 5) // 100
    assert all(automation.history.count() == 2 for automation in rows.filter(state="live")[:20])


@pytest.mark.race
@pytest.mark.rule("H2", "R9")
def test_its_ledger_holds_and_nothing_of_it_is_due(cast: people.Northwind) -> None:
    assert LedgerEvent.objects.count() > 10 * MANY
    report = ledger_export.verify_database()
    assert report.holds, report.problems
    items = Item.objects.count()
    assert items > MANY / 6
    for sweep in (approval_sweeps.sweep, item_jobs.sweep):
        assert not any(sweep(current_time.now()).values())
    assert Item.objects.count() == items


@pytest.mark.race
def test_a_run_goes_on_where_one_stopped_and_a_second_one_adds_nothing(cast: people.Northwind) -> None:
    n, before = cast, Automation.objects.count()
    large_company.seed(MANY, large_company.Cast(n.rita, n.jonas, n.omar, n.amara), current_time.now())
    assert Automation.objects.count() == before


@pytest.mark.race
def test_its_people_see_their_part_of_it(cast: people.Northwind) -> None:
    for path in ("/", "/approvals/", "/recertify/", "/automations/"):
        assert client_of(cast.omar).get(path).status_code == 200
