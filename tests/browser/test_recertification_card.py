"""The card in Chromium: answered from the keyboard; on a phone and in the dark axe finds nothing (R4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from approvals.models import Grant, GrantState, GrantUsage
from governance.core.clock import current_time
from governance.recertification.models import Draft, Item
from tests.axe import is_too_wide, violations
from tests.browser.keyboard import Hands
from tests.processes import Site
from tests.recertification.grant_rows import low_grants
from tests.recertification.isolated_company import held_apart
from tests.recertification.review_steps import Held, opened
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

WIDE, PHONE = {"width": 1440, "height": 1000}, {"width": 360, "height": 844}


@pytest.fixture
def held(committed: None) -> Held:
    """Two grants of Omar's under review since yesterday, one with measured use."""
    now = current_time.now()
    made = held_apart(now - timedelta(days=161))
    for grant in Grant.objects.filter(automation=made.automation, kind="privilege").order_by("pk"):
        opened(grant, now - timedelta(days=1))
    used = made.grant()
    for week in range(20):
        at = now - timedelta(weeks=week)
        GrantUsage.objects.create(grant=used, day=at.date(), allowed=max(0, week - 2), refused=0, last_at=at)
    return made


@pytest.fixture
def as_omar(open_page: Callable[..., Page], site: Site, held: Held) -> Callable[..., Page]:
    """Pages of Omar's, signed in."""
    cookie = client_of(held.people.omar).cookies["sessionid"].value

    def new_page(**options: object) -> Page:
        page = open_page(**options)
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": site.url}])
        return page

    return new_page


@pytest.mark.rule("R4")
def test_two_items_are_answered_by_keyboard_and_axe_passes(as_omar: Callable[..., Page], held: Held) -> None:
    from playwright.sync_api import expect

    first, second = Item.objects.filter(grant__automation=held.automation).order_by("deadline", "pk")
    page = as_omar(viewport=PHONE, color_scheme="dark")
    page.goto(f"/recertify/{first.pk}/?asks=acceptable")
    assert violations(page) == []  # by daylight and at a desk it is on the tour of all pages
    assert not is_too_wide(page)
    expect(page.get_by_text("Suspended when you submit, later removed")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1440, "height": 600})
    for button in page.locator(".answers button").all():
        expect(button).to_be_in_viewport(ratio=1)
    page.set_viewport_size(WIDE)
    assert not is_too_wide(page)
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Weekly stock report may")
    page.keyboard.press("2")
    expect(page.get_by_text("1 of 2 cards answered")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_text("2 of 2 cards answered")).to_be_visible()
    assert Draft.objects.filter(question__item__in=[first, second]).count() == 2
    page.get_by_role("button", name="Submit 2 answers").first.click()
    expect(page.get_by_text("Submitted 2 answers.")).to_be_visible()
    states = {item.grant_id: Grant.objects.get(pk=item.grant_id).state for item in (first, second)}
    assert states == {first.grant_id: GrantState.SUSPENDED, second.grant_id: GrantState.ACTIVE}
    expect(page.get_by_text("Can still be corrected")).to_be_visible()
    assert violations(page) == []


@pytest.mark.rule("R3", "R4")
def test_card_of_several_items_is_answered_by_keyboard(as_omar: Callable[..., Page], held: Held) -> None:
    from playwright.sync_api import expect

    now = current_time.now()
    begun = now - timedelta(days=161)
    for grant in low_grants(held.submission, 3, begins_at=begun, days=173):
        Grant.objects.filter(pk=grant.pk).update(raised_to="standard", raised_at=now)
        opened(Grant.objects.get(pk=grant.pk), now - timedelta(days=1))
    page = as_omar(viewport=WIDE)
    page.goto("/recertify/")
    expect(page.get_by_text("0 of 2 cards answered")).to_be_visible()
    shown = page.locator("[data-card][aria-current]")
    for key, place in (("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(page.locator("[data-card]").nth(place)).to_have_attribute("aria-current", "true")
    expect(shown).to_have_count(1)
    page.get_by_role("link", name="4 items on").click()
    expect(page.get_by_text("Your answer for the ticked items")).to_be_visible()
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert not is_too_wide(page)
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="Open").nth(1).click()
    expect(page.get_by_text("One of 4 items of this card")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_text("Your answer for the ticked items")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_text("1 of 2 cards answered")).to_be_visible()
    chosen = Draft.objects.filter(question__item__grant__automation=held.automation)
    assert sorted(chosen.values_list("answer", flat=True)) == ["keep", "keep", "keep", "revoke"]


@pytest.mark.rule("R4")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_home_leads_to_submitted_answer_by_keyboard(as_omar: Callable[..., Page], held: Held, scripts: bool) -> None:
    from playwright.sync_api import expect

    page = as_omar(viewport=WIDE, java_script_enabled=scripts)
    page.goto("/")
    hands = Hands(page)
    hands.leave(page.get_by_role("link", name="Answer them in a row"), "/recertify/$")
    hands.paste(page.get_by_label("A word on it"), "The report is read every week.")
    hands.press(page.get_by_role("button", name="Keep"), back=True)
    expect(page.get_by_text("1 of 2 cards answered")).to_be_visible()
    draft = Draft.objects.get(question__item__grant__automation=held.automation)
    assert draft.reason is not None
    hands.press(page.get_by_role("button", name="Submit 1 answer").first)
    expect(page.get_by_text("Submitted 1 answer.")).to_be_visible()
    expect(page.get_by_text("0 of 1 card answered")).to_be_visible()
