"""Pages of one automation and one resource: links to the ledger, and texts about stopped or unsubmitted automations."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance.core.models import Person
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from tests import scenarios
from tests.approvals import stock_report
from tests.inventory.imports.sample_imports import again
from tests.people import Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(northwind: Northwind) -> Company:
    """Northwind with its resources."""
    return scenarios.company(northwind)


@pytest.fixture
def live(company: Company) -> Automation:
    """The weekly stock report, live."""
    return again(stock_report.in_force(company).automation)


def body(person: Person, path: str) -> str:
    """The text of a page, without its frame."""
    answer = client_of(person).get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode()).partition("<main")[2]


@pytest.mark.rule("H3")
def test_only_ledger_readers_get_ledger_link(live: Automation, company: Company) -> None:
    n = company.people
    pages = {"automation": f"{live.href}?tab=timeline", "resource": company.erp.href}
    for who in (n.rita, n.jonas, n.theo, n.omar):
        for path in pages.values():
            assert reverse("ledger") not in body(who, path), (who.name, path)
    for who in (n.sana, n.yuki, n.ines):
        for name, path in pages.items():
            row = live if name == "automation" else company.erp
            assert f'href="{reverse("ledger")}?about=inventory.{name}:{row.pk}"' in body(who, path)


@pytest.mark.rule("G3", "G5")
def test_stopped_automation_shows_nothing_in_force(live: Automation, company: Company) -> None:
    path, jonas = reverse("automation_grants", args=[live.pk]), company.people.jonas
    assert "4 in force" in body(jonas, path)
    lifecycle.stop(live, actor=as_actor(jonas), now=company.now, reason="It posts nonsense.")
    shown = body(jonas, path)
    assert "4 suspended" in shown
    assert "In force" not in shown
    assert "the automation is stopped" in shown
    assert "nothing of it within reach" in body(jonas, live.href)


@pytest.mark.rule("I7")
def test_draft_links_importer_to_preview(company: Company) -> None:
    version = stock_report.version(company)
    assert "Finish and submit" in body(company.people.rita, version.automation.href)
    shown = body(company.people.theo, version.automation.href)
    assert "Finish and submit" not in shown
    assert "not submitted yet" in shown
