"""The portal's own pages in Chromium, with real rows behind them: nothing overflows, verifying works in place."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from approvals.models import Proposal
from governance.core.access import access
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict
from governance.core.ledger import sealing
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from governance.core.tokens import transitions as token_transitions
from tests.appointments import propose_role
from tests.axe import violations
from tests.people import Northwind, as_actor, build

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def company(committed: None) -> Northwind:
    """A company of this test's own in which a role waits, a delegation is set and somebody was refused."""
    now = current_time.now()
    company = build(uuid.uuid4().hex[:4], now=now)
    propose_role(company.omar, Role.AUDITOR, by=company.karl, now=now)
    begins = now + timedelta(days=2)
    delegate(
        company.bram,
        actor=as_actor(company.theo),
        now=now,
        giver=company.theo,
        from_at=begins,
        until_at=begins + timedelta(days=7),
    )
    with pytest.raises(DutyConflict, match=r"^SOD-8: "):
        propose_role(company.ines, Role.AUDITOR, by=company.ines, now=now)
    sealing.seal_all(at=timezone.now())
    return company


def be(page: Page, person: Any) -> None:
    """Pick somebody by name on the demo's sign-in page."""
    page.goto(reverse("account_login"))
    page.locator(f"button[value='{person.opaque_id}']").click()
    page.wait_for_url(lambda url: "/account/" not in url)


@pytest.mark.smoke
def test_the_ledger_is_verified_in_place_and_filters_live_in_the_address(
    open_page: Callable[..., Page], company: Northwind
) -> None:
    from playwright.sync_api import expect

    page = open_page(viewport={"width": 1280, "height": 900})
    be(page, company.yuki)
    page.goto(reverse("ledger"))
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("#verification")).to_contain_text("fit together")
    page.get_by_label("Outcome").select_option("refused")
    events = page.locator("#events")
    expect(events).to_contain_text("SOD-8")
    expect(events.get_by_text("Done", exact=True)).to_have_count(0)
    assert "outcome=refused" in page.url
    page.go_back()
    expect(events.get_by_text("Done", exact=True).first).to_be_visible()
    assert violations(page) == []
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("#refusal")).to_contain_text("Your sign-in has ended.")
    expect(page.get_by_role("heading", name="Ledger")).to_be_visible()


def test_own_page_with_delegation_fits_phone(open_page: Callable[..., Page], company: Northwind) -> None:
    page = open_page(viewport={"width": 360, "height": 844})
    be(page, company.theo)
    page.goto(reverse("me"))
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_token_is_made_and_revoked_on_a_phone_and_shown_once(
    open_page: Callable[..., Page], company: Northwind
) -> None:
    from playwright.sync_api import expect

    page = open_page(viewport={"width": 360, "height": 844})
    be(page, company.rita)
    page.goto(reverse("me"))
    page.get_by_role("link", name="Tokens for programs").click()
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    page.get_by_label("What it is for").fill("Nightly deploy of the warehouse's reports, by the pipeline of the team")
    page.get_by_label("Reaches").select_option(label=f"{company.finance_ops.name} only")
    page.get_by_role("button", name="Create token").click()
    secret = page.get_by_label("Token", exact=True).input_value()
    assert token_transitions.recognise(secret) is not None
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert violations(page) == []
    page.goto(reverse("my_tokens"))
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    assert token_transitions.recognise(secret) is None


@pytest.mark.smoke
def test_member_is_picked_from_suggestions_of_the_server(open_page: Callable[..., Page], company: Northwind) -> None:
    from playwright.sync_api import expect

    page = open_page()
    be(page, company.ines)
    page.goto(reverse("team", args=[company.marketing.pk]))
    field = page.get_by_label("Add a member")
    field.press_sequentially("omar")
    suggestion = page.locator("datalist[id*=person_people] option").filter(has_text="Platform engineer")
    expect(suggestion.first).to_be_attached()
    field.fill(f"Omar Haddad <{company.omar.email}>")
    field.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="Omar Haddad")).to_be_visible()


def test_role_is_given_without_scripts(open_page: Callable[..., Page], company: Northwind) -> None:
    from playwright.sync_api import expect

    page = open_page(java_script_enabled=False)
    be(page, company.ines)
    page.goto(reverse("person", args=[company.omar.pk]))
    page.get_by_role("link", name="Auditor: Omar Haddad").click()
    page.get_by_role("button", name="Countersign it").click()
    expect(page.get_by_text("Karl Jensen proposed it")).to_be_visible()
    expect(page.get_by_text("You countersigned it", exact=True)).to_be_visible()
    page = open_page(java_script_enabled=False)
    be(page, company.omar)
    page.goto(Proposal.objects.get(kind="role", target=f"{company.omar.pk}-auditor").href)
    page.get_by_role("button", name="Accept it").click()
    assert Role.AUDITOR in access.roles_of(company.omar, current_time.now())
