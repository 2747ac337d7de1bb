"""Every page says of a grant what was approved, where that is less than what was asked for (A7, R3), and leaves none out."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.grants.transitions import lifecycle
from approvals.models import Approval, Grant, Submission
from governance.recertification.items.transitions.open_item import snapshot
from governance.recertification.models import Item
from governance.web.pages import pager
from tests import scenarios
from tests.approvals import stock_report
from tests.inventory.identities.test_identity_page import body
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def narrowed(company: Company, stock_in_stage_2: Submission) -> Submission:
    """In force: what was asked to post messages to a channel may read there alone."""
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    scenarios.approve(record, company.people.omar, now=company.now, level="read")
    return stock_report.decide_rest(company, stock_in_stage_2)


@pytest.mark.rule("A7", "R3", "G5")
def test_lowered_level_is_shown_everywhere(narrowed: Submission, company: Company) -> None:
    n, automation = company.people, narrowed.automation
    grant = automation.grants.get(entitlement__resource=company.slack)
    sentence = grant.sentence
    assert sentence.startswith("Post messages to ")
    assert sentence.endswith(", narrowed to reading")
    assert sentence in body(n.jonas, reverse("automation_grants", args=[automation.pk]))
    assert "2 resources within reach, none of them to change or run" in body(n.jonas, automation.href)
    assert snapshot(Item(grant=grant, automation=automation), "standard")["what"] == sentence
    stopped = client_of(n.jonas).post(reverse("automation_stop", args=[automation.pk]), follow=True)
    assert sentence in stopped.content.decode()


def chaser_reads_customers_alone(c: Company) -> Approval:
    """The chaser in force: of the two tables that it asked for it may read one."""
    chaser = stock_report.newest(c)
    reading = chaser.approvals.get(privilege__scope=["fin.invoices", "fin.customers"])
    scenarios.approve(reading, c.people.omar, now=c.now, scope=["fin.customers"])
    stock_report.decide_rest(c, chaser)
    return reading


@pytest.mark.rule("A7", "R3")
@starting_point("chaser_in_stage_2", chaser_reads_customers_alone)
def test_narrowed_scope_is_shown_alone(company: Company, start: Approval) -> None:
    page = body(company.people.omar, reverse("automation_grants", args=[start.submission.automation_id]))
    assert "Read fin.customers in" in page
    grant = Grant.objects.get(approval=start)
    assert "fin.invoices" not in f"{grant.sentence} {grant.raw_scope}"


@pytest.mark.rule("A7")
def test_grant_as_requested_is_described_once(stock_in_force: Submission) -> None:
    for grant in stock_in_force.automation.grants.filter(kind="privilege"):
        assert grant.sentence == grant.approval.privilege.sentence
        parts = grant.raw_scope.split(" · ")
        assert len(parts) == len(set(parts))


@pytest.mark.rule("A2", "G5")
def test_a_resource_lists_the_grants_of_credentials_that_its_owner_decided(
    stock_in_force: Submission, company: Company
) -> None:
    secret = stock_in_force.automation.grants.get(credential__opens=company.erp, kind="credential")
    page = body(company.people.omar, reverse("resource_grants", args=[company.erp.pk]))
    assert secret.sentence in page
    assert reverse("grant_stop", args=[secret.pk]) in page
    assert secret.sentence not in body(company.people.omar, reverse("resource_grants", args=[company.slack.pk]))


@pytest.mark.rule("G5")
def test_panel_pages_by_end_date_with_total(
    stock_in_force: Submission, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pager, "PAGE", 3)
    grants = list(stock_in_force.automation.grants.order_by("ends_at", "pk"))
    assert len(grants) == 4
    here = reverse("automation_grants", args=[stock_in_force.automation_id])
    first = body(company.people.jonas, here)
    assert "4 grants in all, 3 a page" in first
    next_href = f"{here}?after={grants[2].pk}"
    assert next_href in first
    second = body(company.people.jonas, next_href)
    assert [grant.sentence in second for grant in grants] == [False, False, False, True]
    for absurd in ("x", "-1", "9" * 40):
        assert "4 grants in all" in body(company.people.jonas, f"{here}?after={absurd}")


@pytest.mark.rule("A6", "G1")
def test_row_of_the_register_leads_to_its_grant_and_on_to_its_approval(
    stock_in_force: Submission, company: Company
) -> None:
    grant = stock_in_force.automation.grants.order_by("pk")[1]
    tab = f"{reverse('automation', args=[grant.automation_id])}?tab=grants&amp;grant={grant.pk}"
    assert f'href="{tab}"' in body(company.people.yuki, reverse("grant_list"))
    panel = f"{reverse('automation_grants', args=[grant.automation_id])}?grant={grant.pk}"
    assert f'hx-get="{panel}"' in body(company.people.yuki, tab.replace("&amp;", "&"))
    shown = body(company.people.yuki, panel)
    assert shown.count(' class="row-here"') == 1
    row = shown.partition(f'<tr id="grant-{grant.pk}" class="row-here"')[2].partition("</tr>")[0]
    approval = f"{reverse('review', args=[stock_in_force.pk])}?open={grant.approval_id}#row-{grant.approval_id}"
    assert f'href="{approval}"' in row
    opened = body(company.people.yuki, approval.partition("#")[0])
    assert "Omar Haddad" in opened.partition(f'id="row-{grant.approval_id}"')[2].partition('id="row-')[0]


@pytest.mark.rule("G3")
def test_link_to_an_ended_grant_opens_the_ended_ones(stock_in_force: Submission, company: Company) -> None:
    grant = stock_in_force.automation.grants.order_by("pk")[1]
    lifecycle.revoke(grant, actor=as_actor(company.people.omar), now=company.now, reason="No longer needed.")
    where = reverse("automation_grants", args=[grant.automation_id])
    assert f'<tr id="grant-{grant.pk}" class="row-here"' in body(company.people.yuki, f"{where}?grant={grant.pk}")
