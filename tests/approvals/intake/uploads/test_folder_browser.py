"""A folder in Chromium: sent in parts, broken off and gone on with, ordered, followed to its end without a hand on it (I7)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from approvals.intake import bulk_import
from governance.core.clock import current_time
from inventory.models import BatchState, ImportBatch
from tests import people, scenarios
from tests.approvals.intake.test_import_limit import reading
from tests.approvals.intake.uploads import batches
from tests.axe import is_too_wide, violations
from tests.processes import Site
from tests.scenarios import Company
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def company(committed: None) -> Company:
    """A company of this file alone."""
    return scenarios.company(people.build(uuid.uuid4().hex[:8], now=timezone.now()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven exports of an installation of their own, and what else stands in a folder."""
    word = uuid.uuid4().hex[:8]
    for number in range(7):
        name, data = batches.export(number)
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**json.loads(data), "id": f"{word}{number}"}))
    for other in ("README.md", "node_modules/package.json"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text("{}")
    return tmp_path


#: A line that loses some answers: what was sent arrived, and nobody hears of it.
LOSING = """lost => {
    const real = window.fetch;
    let sent = 0;
    window.fetch = async (...all) => {
        const answer = await real(...all);
        sent += 1;
        if (lost.includes(sent)) throw new TypeError("lost");
        return answer;
    };
}"""


def choose(page: Page, folder: Path) -> None:
    """Choose the folder, which is sent three files at a time."""
    page.evaluate("document.querySelector('form[data-folder]').dataset.mostFiles = '3'")
    page.get_by_label("Choose a folder").set_input_files(folder)


@pytest.mark.rule("I7")
def test_a_folder_that_breaks_off_goes_on_and_its_order_is_followed_to_the_end(
    open_page: Callable[..., Page], site: Site, company: Company, folder: Path
) -> None:
    from playwright.sync_api import expect

    page = open_page(viewport={"width": 1280, "height": 900})
    session = client_of(company.people.rita).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
    page.goto("/import/")
    page.evaluate(LOSING, [2, 4, 5])  # the first part gets through at its second try, the second part at none
    choose(page, folder)
    expect(page.get_by_text("It broke off: 3 of 7 files were read.")).to_be_visible()
    page.get_by_role("link", name="Open what was read").click()
    page.wait_for_url(re.compile(r"/uploads/\d+/$"))
    choose(page, folder)
    expect(page.get_by_role("button", name="Import 7 automations")).to_be_visible()
    batch = ImportBatch.objects.get(by=company.people.rita)
    assert (batch.size, batch.items.count()) == (7, 7), "nothing is there twice, and no other file"
    page.get_by_label("Business owner").select_option(label=company.people.jonas.name)
    page.get_by_role("button", name="Import 7 automations").press("Enter")
    expect(page.locator("#progress")).to_contain_text("of 7")
    assert not violations(page)
    page.set_viewport_size({"width": 360, "height": 844})
    assert not is_too_wide(page)
    batch.refresh_from_db()
    while batch.progress == BatchState.CONFIRMING:
        bulk_import.import_slice(batch, current_time.now(), 4)
        batch.refresh_from_db()
    expect(page.get_by_text("All that was read is in the register.")).to_be_visible()
    expect(page.locator("#progress")).to_have_count(0)
    assert batches.outcomes(batch) == ["new"] * 7


@pytest.mark.rule("I7")
def test_a_folder_waits_while_another_import_of_its_person_is_read(
    open_page: Callable[..., Page], site: Site, company: Company, folder: Path
) -> None:
    from playwright.sync_api import expect

    page = open_page(viewport={"width": 1280, "height": 900})
    session = client_of(company.people.rita).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
    page.goto("/import/")
    with reading(company.people.rita):
        choose(page, folder)
        waits = "Another import of yours is still being read. This folder goes on by itself."
        expect(page.get_by_text(waits)).to_be_visible()
        assert not ImportBatch.objects.filter(by=company.people.rita).exists()
    page.wait_for_url(re.compile(r"/uploads/\d+/$"))
    assert ImportBatch.objects.get(by=company.people.rita).size == 7
