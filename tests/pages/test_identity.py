"""The page of a non-human identity: who runs as it, what a leak of it would touch, who may see it (I5)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Submission
from governance.controls.models import Person
from inventory import lifecycle
from inventory.models import Automation, NonHumanIdentity, Version, VersionIdentity
from tests.approvals import stock
from tests.inventory.test_interim import left
from tests.journeys import Company
from tests.people import as_actor
from tests.portal.signed_in import client_of

pytestmark = pytest.mark.django_db

SUBJECT = "spiffe://northwind/supply/stock-report"


def made_for(automation: Automation, owner: Person) -> NonHumanIdentity:
    """An identity that the version in force runs as."""
    one = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="northwind", subject=SUBJECT, owner=owner, automation=automation
    )
    VersionIdentity.objects.create(version=automation.approved_version, identity=one)
    return one


def body(person: Person, path: str, status: int = 200) -> str:
    """A page as somebody sees it, without its frame."""
    answer = client_of(person).get(path)
    assert answer.status_code == status, path
    return str(answer.content.decode()).partition("<main")[2]


def cost(person: Person, path: str) -> int:
    """How many queries a page asks."""
    client = client_of(person)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len([one for one in asked.captured_queries if "controls_clockoffset" not in one["sql"]])


def neighbour(company: Company, number: int, identity: NonHumanIdentity) -> Version:
    """Another automation of the same builder that runs as it, never submitted."""
    made = stock.version(company, lambda export: export.update(id=f"other{number}", name=f"Other {number}"))
    VersionIdentity.objects.create(version=made, identity=identity)
    return made


@pytest.mark.rule("I5", "S5")
def test_it_is_there_for_its_owner_and_whoever_sees_what_runs_as_it_and_for_nobody_else(
    stock_in_force: Submission, company: Company
) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.lena)
    for name in ("identity", "identity_grants"):
        path = reverse(name, args=[one.pk])
        for who in (n.lena, n.jonas, n.rita, n.omar, n.sana, n.yuki):
            assert SUBJECT in body(who, path), (name, who.name)
        assert SUBJECT not in body(n.nadia, path, 404)


@pytest.mark.rule("I5", "G3")
def test_it_says_what_a_leak_would_touch_and_nothing_once_that_is_stopped(
    stock_in_force: Submission, company: Company
) -> None:
    n, automation = company.people, stock_in_force.automation
    one = made_for(automation, n.jonas)
    page = body(n.jonas, one.href)
    assert "If it leaked: 2 resources within reach, 1 of them to change or run" in page
    for name in (automation.name, company.erp.name, company.slack.name, reverse("identity_grants", args=[one.pk])):
        assert name in page
    assert "4 in force" in body(n.jonas, reverse("identity_grants", args=[one.pk]))
    lifecycle.stop(automation, actor=as_actor(n.jonas), now=company.now, reason="It posts nonsense.")
    assert "If it leaked: nothing of it within reach now" in body(n.jonas, one.href)


@pytest.mark.rule("I5", "G3")
def test_that_one_grant_has_ended_hides_nothing_of_the_others(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.jonas)
    on_erp = stock_in_force.automation.grants.filter(entitlement__resource=company.erp)
    assert on_erp.update(state="ended", ended_at=company.now, ended_why="expired") == 1
    assert "If it leaked: 1 resource within reach, 1 of them to change or run" in body(n.jonas, one.href)


@pytest.mark.rule("I5", "S5")
def test_what_is_not_drawn_counts_for_the_tier_and_the_picture_says_that_it_is_a_part(
    stock_in_force: Submission, company: Company
) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.jonas)
    version = neighbour(company, 1, one)
    Automation.objects.filter(pk=version.automation_id).update(
        team=n.marketing, business_owner=n.nadia, technical_owner=None, state="in_review", tier="high"
    )
    page = body(n.jonas, one.href)
    assert "Other 1" not in page
    assert "within reach, 1 of them to change or run, of what is drawn here" in page
    assert "High" in page.partition("the highest of what runs as it")[0].rpartition("In the register")[2]


@pytest.mark.rule("I5")
def test_sharing_it_is_said_and_what_the_reader_may_not_see_is_counted_only(
    stock_in_force: Submission, company: Company
) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.lena)
    assert "run as it: each counts" not in body(n.sana, one.href)
    version = neighbour(company, 1, one)
    assert "2 automations run as it: each counts with the highest tier of them." in body(n.sana, one.href)
    Automation.objects.filter(pk=version.automation_id).update(team=n.marketing)
    assert "run as it: each counts" not in body(n.sana, one.href)  # a draft of another team runs as nothing
    Automation.objects.filter(pk=version.automation_id).update(state="in_review", tier="high")
    page = body(n.lena, one.href)
    assert "Other 1" not in page
    assert "0 automations, and 2 more that you may not see" in page


@pytest.mark.rule("I3", "I5")
def test_with_its_owner_gone_it_says_so_and_leads_on(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.lena)
    left(company, n.lena)
    assert "Nobody answers for this." in body(n.sana, one.href)
    assert client_of(n.sana).get(reverse("ownerless_one", args=["identity", one.pk]))["Location"] == one.href


def test_it_costs_the_same_for_one_automation_as_for_five(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.lena)
    few = cost(n.sana, one.href)
    for number in range(4):
        neighbour(company, number, one)
    assert cost(n.sana, one.href) == few
    assert few <= 15


@pytest.mark.rule("I5")
def test_the_search_finds_it_for_whoever_may_see_it(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    one = made_for(stock_in_force.automation, n.lena)
    path = f"{reverse('search')}?q=supply%2Fstock-report"
    assert one.href in body(n.rita, path)
    assert one.href not in body(n.nadia, path)


@pytest.mark.rule("I5")
def test_an_automations_picture_leads_to_what_it_runs_as(stock_in_force: Submission, company: Company) -> None:
    one = made_for(stock_in_force.automation, company.people.lena)
    assert f'href="{one.href}"' in body(company.people.jonas, stock_in_force.automation.href)
