"""A conflict rule in Chromium: written in the form, its matches shown while typing, proposed (S6, S8)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from approvals.models import Proposal
from governance.core.clock import current_time
from tests import people
from tests.axe import is_too_wide, violations
from tests.journeys.visitor import Visitor
from tests.people import Northwind
from tests.processes import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.rule("S6", "S8")]


@pytest.fixture
def northwind(committed: None) -> Northwind:
    """The people of this test."""
    return people.build(uuid.uuid4().hex[:8], now=current_time.now())


def test_rule_is_written_in_the_form_with_a_preview(
    northwind: Northwind, open_page: Callable[..., Page], site: Site
) -> None:
    from playwright.sync_api import expect

    page = open_page(viewport={"width": 1440, "height": 1000})
    page = Visitor.signed_in(northwind.ines, lambda **_: page, site.url).page
    page.goto(reverse("rule_new"))
    word = uuid.uuid4().hex[:8]
    page.get_by_label("Name", exact=True).fill(f"Pay and refund {word}")
    page.get_by_label("Business process").fill("Procure to pay")
    page.get_by_label("Why it matters").fill("One automation could hide a payment.")
    for number, tag in ((1, "pay"), (2, "refund")):
        part = page.locator(f"#any-legs-{number}-1")
        if number == 2:
            part.locator("summary").click()
        page.get_by_label(f"Part {number}: name").fill(tag.capitalize())
        part.get_by_label("Add: Tagged").fill(tag)
        part.get_by_label("Add: Tagged").press("Tab")
        expect(part.locator("summary")).to_have_text(f"Tagged: {tag}")
    expect(page.locator("#matches")).to_contain_text("Nobody.")
    page.get_by_role("button", name="Add an exception").click()
    expect(page.locator("#any-without-1")).to_be_visible()
    page.get_by_role("button", name="Remove a new part").last.click()
    expect(page.locator("#any-without-1")).to_have_count(0)
    assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 760})
    assert not is_too_wide(page)
    page.get_by_role("button", name="YAML").click()
    expect(page.get_by_role("textbox", name="The rule as YAML")).to_have_value(re.compile(r"tags: \[refund\]"))
    page.get_by_role("button", name="Form", exact=True).click()
    page.locator("#id_reason").fill("It happened.")
    page.get_by_role("button", name="Propose it").click()
    page.wait_for_url(re.compile(r"/proposals/\d+/$"))
    rule = Proposal.objects.get(kind="conflict_rule", target=f"pay-and-refund-{word}").document["rule"]
    assert [leg["any"] for leg in rule["legs"]] == [[{"tags": ["pay"]}], [{"tags": ["refund"]}]]
