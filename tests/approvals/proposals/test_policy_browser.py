"""The policy in Chromium: edited as a form, counted, countersigned by a second person, and rolled back by proposing the old one (S8)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from approvals.models import Proposal, ProposalState
from approvals.policies import queries as policy_queries
from approvals.proposals import impact_count
from governance.core.clock import current_time
from governance.core.models import Person
from tests import people, scenarios
from tests.axe import violations
from tests.journeys.visitor import Visitor
from tests.processes import Site
from tests.scenarios import Company

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.rule("S8")]


@pytest.fixture
def company(committed: None) -> Company:
    """A company of this test's own, of which something was submitted that another policy would have asked otherwise."""
    made = scenarios.company(people.build(uuid.uuid4().hex[:8], now=current_time.now()))
    scenarios.submitted(made)
    return made


@pytest.fixture
def come(open_page: Callable[..., Page], site: Site) -> Callable[[Person], Page]:
    """People who have signed in take each other's place at one browser."""
    page = open_page(viewport={"width": 1440, "height": 1000})

    def at_it(person: Person) -> Page:
        page.context.clear_cookies()
        return Visitor.signed_in(person, lambda **_: page, site.url).page

    return at_it


def test_policy_is_edited_previewed_countersigned_and_rolled_back(
    company: Company, come: Callable[[Person], Page]
) -> None:
    from playwright.sync_api import expect

    n, before = company.people, policy_queries.in_force(current_time.now())
    page = come(n.ines)
    page.goto(reverse("policies"))
    page.get_by_role("link", name="Propose a change").click()
    for tier in ("standard", "high"):
        page.locator(f"input[name='longest_term.{tier}']").fill("60")
    expect(page.locator("[id='id_longest_term.high-mark']")).to_have_text("Changed. In force: 90 days")
    expect(page.locator("#change")).to_contain_text("Longest term of a standard-risk grant")
    page.locator("#propose-reason").fill("Half a year was too long.")
    assert violations(page) == []
    page.get_by_role("button", name="Propose it").click()
    page.wait_for_url(re.compile(r"/proposals/\d+/$"))
    path = urlsplit(page.url).path
    expect(page.get_by_role("button", name="Countersign it")).to_have_count(0)
    impact_count.sweep(current_time.now())

    page = come(n.sana)
    page.goto(reverse("home"))
    page.locator(f"a[href='{path}']").click()
    expect(page.locator("#what-if")).to_contain_text("would have had a shorter term: 60 days")
    assert violations(page) == []
    page.get_by_role("button", name="Countersign it").click()
    expect(page.get_by_text("In force").first).to_be_visible()
    assert policy_queries.in_force(current_time.now()).longest_term("standard") == 60
    assert policy_queries.in_force(current_time.now()).version.number == before.version.number + 1

    page = come(n.ines)
    page.goto(reverse("policy", args=[before.version.number]))
    page.get_by_role("link", name="Propose this one again").click()
    page.locator("#propose-reason").fill("It kept nobody from anything.")
    page.get_by_role("button", name="Propose it").click()
    page.wait_for_url(re.compile(r"/proposals/\d+/$"))
    back = Proposal.objects.get(kind="policy", state=ProposalState.OPEN)
    impact_count.sweep(current_time.now())
    page = come(n.sana)
    page.goto(back.href)
    page.get_by_role("button", name="Countersign it").click()
    expect(page.get_by_text("In force").first).to_be_visible()
    assert policy_queries.in_force(current_time.now()).document == before.document
    assert policy_queries.in_force(current_time.now()).version.number == before.version.number + 2
