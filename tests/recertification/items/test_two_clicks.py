"""From the mail's link, through sign-in, to a submitted answer in two clicks; forty items of one card by one key (R3, R4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from governance.core.clock import current_time
from governance.core.mail.mail_text import write
from governance.core.models import Notice
from governance.recertification.models import Answer, Asks
from tests.processes import Site
from tests.recertification.grant_rows import low_grants
from tests.recertification.isolated_company import held_apart
from tests.recertification.review_steps import Held, opened
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PHONE, WIDE = {"width": 360, "height": 844}, {"width": 1440, "height": 1000}
FORTY = 40
#: What is in reach of a thumb: as tall as this, in pixels.
THUMB = 44


@pytest.fixture
def held(committed: None) -> Held:
    """A company of its own, with its automation in force for five months."""
    return held_apart(current_time.now() - timedelta(days=161))


def signed_in(page: Page, held: Held, who: str, site: Site) -> None:
    cookie = client_of(getattr(held.people, who)).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": site.url}])


@pytest.mark.rule("R3", "R4")
@pytest.mark.smoke
def test_mail_is_answered_on_phone_in_two_touches(open_page: Callable[..., Page], site: Site, held: Held) -> None:
    from playwright.sync_api import expect

    item = opened(held.grant(), current_time.now() - timedelta(days=1))
    notice = Notice.objects.filter(event="recertification_opened", recipient=held.people.omar).latest("pk")
    link = re.search(r"https?://[^/\s]+(/recertify/\S+)", write(notice, None).text)
    assert link is not None
    page = open_page(viewport=PHONE)
    page.goto(link.group(1))
    assert "/accounts/login/" in page.url or "next=" in page.url
    signed_in(page, held, "omar", site)
    page.goto(link.group(1))  # where signing in leads
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.locator("[data-answer-key]").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= THUMB
        assert box["y"] + box["height"] <= PHONE["height"], "in reach without scrolling"
    page.get_by_role("button", name="Keep").click()  # the second touch, after the link
    expect(page.get_by_text("Submitted 1 answer.")).to_be_visible()
    answer = Answer.objects.get(question__item=item)
    assert (answer.person, answer.answer, answer.looked) == (held.people.omar, "keep", 0)
    assert answer.recommended


@pytest.mark.rule("R4")
def test_forty_items_of_a_card_are_answered_by_one_key(open_page: Callable[..., Page], site: Site, held: Held) -> None:
    from playwright.sync_api import expect

    begun = current_time.now() - timedelta(days=161)
    for grant in low_grants(held.submission, FORTY, begins_at=begun, days=173):
        opened(grant, current_time.now() - timedelta(days=1))
    page = open_page(viewport=WIDE)
    signed_in(page, held, "jonas", site)
    page.goto("/recertify/")
    expect(page.get_by_text("0 of 1 card answered")).to_be_visible()
    expect(page.get_by_label("Submit at once")).to_be_checked()
    page.keyboard.press("1")
    expect(page.get_by_text(f"Submitted {FORTY} answers.")).to_be_visible()
    answers = Answer.objects.filter(question__item__grant__automation=held.automation, question__asks=Asks.NEEDED)
    assert answers.count() == FORTY
    assert answers.values("batch").distinct().count() == 1
