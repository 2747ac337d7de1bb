"""The page of a non-human identity: who runs as it, what a leak of it would touch, who may see it (I5)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.grants.transitions import stops
from approvals.models import Submission
from governance.core.engine.transition import Step
from governance.core.models import LedgerEvent, Person, Team
from inventory.automations import queries as automation_queries
from inventory.automations.transitions import lifecycle
from inventory.imports.transitions import write_version
from inventory.models import Automation, NonHumanIdentity, Version, VersionIdentity
from tests import scenarios
from tests.approvals import stock_report
from tests.inventory.ownership.test_interim_owner import left
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import without_events

pytestmark = pytest.mark.django_db

SUBJECT = "spiffe://northwind/supply/stock-report"


def made_for(automation: Automation, owner: Person) -> NonHumanIdentity:
    """An identity that the version in force runs as."""
    identity = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="northwind", subject=SUBJECT, owner=owner, automation=automation
    )
    VersionIdentity.objects.create(version=automation.approved_version, identity=identity)
    return identity


def body(person: Person, path: str, status: int = 200) -> str:
    """A page as somebody sees it, without its frame."""
    answer = client_of(person).get(path)
    assert answer.status_code == status, path
    return str(answer.content.decode()).partition("<main")[2]


def cost(person: Person, path: str) -> int:
    """How many queries a page asks."""
    client = client_of(person)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len([query for query in queries.captured_queries if "controls_clockoffset" not in query["sql"]])


def neighbour(company: Company, number: int, identity: NonHumanIdentity) -> Version:
    """Another automation of the same builder that runs as it, never submitted."""
    made = stock_report.version(company, lambda export: export.update(id=f"other{number}", name=f"Other {number}"))
    VersionIdentity.objects.create(version=made, identity=identity)
    return made


@pytest.mark.rule("I5", "S5")
def test_identity_is_visible_to_owner_and_readers_of_users(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.lena)
    for name in ("identity", "identity_grants"):
        path = reverse(name, args=[identity.pk])
        for who in (n.lena, n.jonas, n.rita, n.omar, n.sana, n.yuki):
            assert SUBJECT in body(who, path), (name, who.name)
        assert SUBJECT not in body(n.nadia, path, 404)


@pytest.mark.rule("I5", "G3")
def test_page_shows_reach_of_leak_until_stopped(stock_in_force: Submission, company: Company) -> None:
    n, automation = company.people, stock_in_force.automation
    identity = made_for(automation, n.jonas)
    page = body(n.jonas, identity.href)
    assert "If it leaked: 2 resources within reach, 1 of them to change or run" in page
    for name in (automation.name, company.erp.name, company.slack.name, reverse("identity_grants", args=[identity.pk])):
        assert name in page
    assert "4 in force" in body(n.jonas, reverse("identity_grants", args=[identity.pk]))
    lifecycle.stop(automation, actor=as_actor(n.jonas), now=company.now, reason="It posts nonsense.")
    assert "If it leaked: nothing of it within reach now" in body(n.jonas, identity.href)


@pytest.mark.rule("I5", "G3")
def test_ended_grant_hides_no_other(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.jonas)
    without_events()
    grant = stock_in_force.automation.grants.get(entitlement__resource=company.erp)
    on_erp = stock_in_force.automation.grants.filter(credential=grant.credential)  # it ends with its credential (A2)
    assert on_erp.update(state="ended", ended_at=company.now, ended_why="expired") == 2
    assert "If it leaked: 1 resource within reach, 1 of them to change or run" in body(n.jonas, identity.href)


@pytest.mark.rule("I5", "S5")
def test_partial_picture_says_so_and_tier_counts_all(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.jonas)
    version = neighbour(company, 1, identity)
    Automation.objects.filter(pk=version.automation_id).update(
        team=n.marketing, business_owner=n.nadia, technical_owner=None, state="in_review", tier="high"
    )
    page = body(n.jonas, identity.href)
    assert "Other 1" not in page
    assert "within reach, 1 of them to change or run, of the resources drawn here" in page
    assert "High" in page.partition("the highest of the automations that run as it")[0].rpartition("In the register")[2]


@pytest.mark.rule("I5")
def test_sharing_is_shown_with_hidden_users_counted(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.lena)
    assert "run as it: each counts" not in body(n.sana, identity.href)
    version = neighbour(company, 1, identity)
    assert "2 automations run as it: each counts with the highest tier of them." in body(n.sana, identity.href)
    Automation.objects.filter(pk=version.automation_id).update(team=n.marketing)
    assert "run as it: each counts" not in body(n.sana, identity.href)  # a draft of another team runs as nothing
    Automation.objects.filter(pk=version.automation_id).update(state="in_review", tier="high")
    page = body(n.lena, identity.href)
    assert "Other 1" not in page
    assert "0 automations, and 2 that you may not see" in page


@pytest.mark.rule("I3", "I5")
def test_missing_owner_is_shown_with_next_step(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.lena)
    left(company, n.lena)
    assert "This has no active owner." in body(n.sana, identity.href)


def test_identity_page_query_count_is_constant(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.lena)
    few = cost(n.sana, identity.href)
    for number in range(4):
        neighbour(company, number, identity)
    assert cost(n.sana, identity.href) == few
    assert few <= 15


@pytest.mark.rule("I5")
def test_search_finds_identity_for_its_readers(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.lena)
    path = f"{reverse('search')}?q=supply%2Fstock-report"
    assert identity.href in body(n.rita, path)
    assert identity.href not in body(n.nadia, path)


@pytest.mark.rule("I5")
def test_picture_links_to_identity(stock_in_force: Submission, company: Company) -> None:
    identity = made_for(stock_in_force.automation, company.people.lena)
    assert f'href="{identity.href}"' in body(company.people.jonas, stock_in_force.automation.href)


def drafted(company: Company, team: Team, owner: Person, identity: NonHumanIdentity) -> Version:
    """A draft of another team that names the identity, never submitted."""
    made = stock_report.version(company, lambda export: export.update(id="elsewhere", name="Elsewhere"))
    Automation.objects.filter(pk=made.automation_id).update(team=team, business_owner=owner, technical_owner=None)
    VersionIdentity.objects.create(version=made, identity=identity)
    return made


@pytest.mark.rule("I5", "S5")
def test_naming_identity_in_draft_reveals_nothing(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = made_for(stock_in_force.automation, n.lena)
    made = drafted(company, n.marketing, n.nadia, identity)
    for path in (identity.href, reverse("identity_grants", args=[identity.pk])):
        assert SUBJECT not in body(n.nadia, path, 404)
    page = body(n.nadia, made.automation.href)
    assert SUBJECT in page, "it is in their own file"
    assert identity.href not in page
    assert stock_in_force.automation.name not in page
    assert identity.href not in body(n.nadia, f"{reverse('search')}?q=stock-report")
    Automation.objects.filter(pk=made.automation_id).update(state="in_review")
    assert f"Serves</dt><dd>{stock_in_force.automation.name}" not in body(n.nadia, identity.href)


@pytest.mark.rule("I5", "S5")
def test_owner_without_access_sees_counts_only(stock_in_force: Submission, company: Company) -> None:
    automation = stock_in_force.automation
    identity = made_for(automation, company.people.nadia)
    page = body(identity.owner, identity.href)
    assert automation.name not in page
    assert f'href="{automation.href}"' not in page
    assert "one that you may not see" in page
    assert "1 that you may not see" in page
    held = body(identity.owner, reverse("identity_grants", args=[identity.pk]))
    assert "4 grants of automations that you may not see" in held


@pytest.mark.rule("I5")
def test_version_under_review_of_live_automation_counts_as_user(stock_in_force: Submission, company: Company) -> None:
    n = company.people
    identity = NonHumanIdentity.objects.create(kind="spiffe", issuer="northwind", subject=SUBJECT, owner=n.jonas)
    newer = stock_report.version(company, stock_report.one_more_channel)
    VersionIdentity.objects.create(version=newer, identity=identity)
    assert "No automation runs as this identity" in body(n.jonas, identity.href)
    scenarios.submitted(company, newer)
    assert stock_in_force.automation.name in body(n.jonas, identity.href)


@pytest.mark.rule("A2", "G3", "G5")
def test_stopped_credential_removes_dependent_access_from_pictures(
    stock_in_force: Submission, company: Company
) -> None:
    n, automation = company.people, stock_in_force.automation
    identity = made_for(automation, n.jonas)
    for grant in automation.grants.filter(kind="credential"):
        stops.stop_grant(grant, actor=as_actor(n.omar), now=company.now, reason="Leaked.")
    for path in (identity.href, automation.href):
        assert "If it leaked: nothing of it within reach now" in body(n.jonas, path)


@pytest.mark.rule("G1", "G3")
def test_expired_access_leaves_pictures_before_sweep(stock_in_force: Submission, company: Company) -> None:
    held = automation_queries.grants_of(stock_in_force.automation, now=company.now)[stock_in_force.automation_id]
    assert {grant.state for grant in held.values()} == {automation_queries.ACTIVE}
    later = company.now + timedelta(days=181)
    held = automation_queries.grants_of(stock_in_force.automation, now=later)[stock_in_force.automation_id]
    assert {grant.state for grant in held.values()} == {automation_queries.SUSPENDED}


@pytest.mark.rule("I5")
def test_submission_takes_identity_over_from_draft(company: Company) -> None:
    n = company.people
    squatting = stock_report.version(company, lambda export: export.update(id="squat", name="Squatter"))
    Automation.objects.filter(pk=squatting.automation_id).update(team=n.marketing, business_owner=n.nadia)
    squatting.automation.refresh_from_db()
    identity = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="northwind", subject=SUBJECT, owner=n.nadia, automation=squatting.automation
    )
    VersionIdentity.objects.create(version=squatting, identity=identity)
    version = stock_report.version(company)
    VersionIdentity.objects.create(version=version, identity=identity)
    scenarios.submitted(company, version)
    identity.refresh_from_db()
    assert (identity.owner, identity.automation) == (version.automation.business_owner, version.automation)
    assert identity.history.count() == 2
    assert LedgerEvent.objects.filter(verb="identity.handed_over", subject_id=str(identity.pk)).count() == 1


@pytest.mark.rule("I5")
def test_submitted_automation_keeps_identity(stock_in_force: Submission, company: Company) -> None:
    identity = made_for(stock_in_force.automation, company.people.jonas)
    made = neighbour(company, 1, identity)
    step = Step(made.automation, as_actor(company.people.rita), company.now, "submission.submitted")
    write_version.hand_over_identities(step, [identity])
    identity.refresh_from_db()
    assert identity.automation == stock_in_force.automation
    assert step.events == []
