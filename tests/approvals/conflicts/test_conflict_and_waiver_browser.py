"""Two builders in Chromium: one drops what is in conflict, the other has it waived until the waiver's end brings it back (S6, S7)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from approvals.models import Conflict, ConflictState, Grant, Submission, Waiver
from approvals.tasks import sweep_conflicts_and_waivers
from governance.core.clock import current_time, demo_clock
from governance.core.mail import jobs as mail_jobs
from governance.core.models import ClockOffset, Person
from inventory.models import Automation
from tests import people, scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.intake import builder
from tests.axe import violations
from tests.journeys.visitor import Visitor, text_of
from tests.mail_server import Server
from tests.processes import Site
from tests.scenarios import Company

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.rule("S6")]

TITLE = "Read stock and tell of it"


@lru_cache(maxsize=1)
def company_of_these_tests() -> Company:
    """One company for both, with a rule of its own: nobody reads its ERP and posts to its Slack."""
    company = scenarios.company(people.build(uuid.uuid4().hex[:8], now=current_time.now()))
    conflict_rules.rule(
        on(company.erp), on(company.slack), mode="enforce", code=f"stock-{uuid.uuid4().hex[:6]}", now=company.now
    )
    return company


@dataclass
class Place:
    """The company, the export of this test alone, and how people come."""

    company: Company
    content: bytes
    tmp: Path
    come: Callable[[Person], Visitor]

    def preview(self, content: bytes) -> Page:
        """Rita chooses a file and looks at its preview."""
        file = self.tmp / builder.STOCK
        file.write_bytes(content)
        page = self.come(self.company.people.rita).page
        page.goto(reverse("import"))
        page.get_by_label("Choose files").set_input_files(file)
        page.get_by_role("button", name="Preview").click()
        page.wait_for_url(re.compile(r"/import/\d+/$"))
        return page

    def submit(self, page: Page) -> Submission:
        """Rita says why, and submits."""
        for reason in page.locator("input[name^=reason-]").all():
            reason.fill("The buyers plan by it.")
        page.get_by_label("Purpose").fill("Tells the buyers what is on hand.")
        page.get_by_label("Business owner").select_option(str(self.company.people.jonas.pk))
        page.get_by_role("button", name="Submit for approval").click()
        page.wait_for_url(re.compile(r"/review/\d+/$"))
        return Submission.objects.get(pk=int(page.url.rstrip("/").rpartition("/")[2]))

    def sign(self, submission: Submission) -> None:
        """Theo approves the app, Omar each record; it is in force then."""
        from playwright.sync_api import expect

        page = self.come(self.company.people.theo).page
        page.goto(reverse("review", args=[submission.pk]))
        page.get_by_role("button", name="Approve the app").click()
        expect(page.locator("#app")).to_contain_text("Approved")
        page = self.come(self.company.people.omar).page
        page.goto(reverse("review", args=[submission.pk]))
        mine = page.locator("#rows [data-row-select]")
        for left in range(mine.count(), 0, -1):
            expect(mine).to_have_count(left)
            page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator("#stepper")).to_contain_text("in force")


@pytest.fixture
def place(committed: None, open_page: Callable[..., Page], site: Site, tmp_path: Path) -> Place:
    """The company in the shared database; people who have signed in take each other's place at one browser."""
    company, content = company_of_these_tests(), builder.of_its_own(builder.STOCK, uuid.uuid4().hex[:8])
    builder.connect(company, content)
    page = open_page(viewport={"width": 1440, "height": 1000})

    def come(person: Person) -> Visitor:
        page.context.clear_cookies()
        return Visitor.signed_in(person, lambda **_: page, site.url)

    return Place(company, content, tmp_path, come)


@pytest.fixture
def restored_clock(committed: None) -> Iterator[None]:
    """Business time is put where it was."""
    before = current_time.offset()
    demo_clock.move(timedelta())  # so that its row is there
    yield
    ClockOffset.objects.filter(pk=1).update(offset=before)


def without_slack(content: bytes) -> bytes:
    """The same export as its builder leaves it: it posts nowhere."""
    export: dict[str, Any] = json.loads(content)
    stock_report.without_slack(export)
    return json.dumps(export).encode()


def test_a_builder_sees_a_conflict_in_the_preview_drops_a_privilege_and_it_is_approved(place: Place) -> None:
    from playwright.sync_api import expect

    page = place.preview(place.content)
    note = page.locator("#conflicts")
    expect(note).to_contain_text(TITLE)
    expect(note).to_contain_text("What is read could be told to the wrong people.")
    expect(note).to_contain_text("Do without one of them")
    expect(page.get_by_role("button", name="Submit for approval")).to_have_attribute("aria-disabled", "true")
    assert violations(page) == []

    page = place.preview(without_slack(place.content))
    expect(page.locator("#checks")).to_contain_text("0 conflicts")
    expect(page.locator("#conflicts details")).to_have_count(0)
    submission = place.submit(page)
    place.sign(submission)
    assert (
        not Grant.objects.live(current_time.now())
        .filter(automation=submission.automation, entitlement__resource=place.company.slack)
        .exists()
    )
    assert not Conflict.objects.filter(automations__contains=[submission.automation_id]).exists()


@pytest.mark.rule("S7")
@pytest.mark.usefixtures("restored_clock")
def test_conflict_returns_after_waiver_and_owner_is_notified(place: Place, smtp: Server, settings: Any) -> None:
    from playwright.sync_api import expect

    c, n, settings.MAIL_SERVER = place.company, place.company.people, smtp.settings
    automation: Automation = scenarios.brought_in(c, builder.STOCK, content=place.content).automation
    page = place.preview(place.content)
    page.locator("#conflicts").get_by_role("link", name="Ask for a waiver").click()
    page.get_by_label("Why it is needed all the same").fill(
        "The buyers have no other way until the new store is there."
    )
    page.get_by_label("What limits the harm until then").fill("Piet reads every post before it goes out.")
    page.get_by_label("For how many days").fill("10")
    assert violations(page) == []
    page.get_by_role("button", name="Ask security").click()
    waiver = Waiver.objects.get(automation=automation)
    page.wait_for_url(waiver.href)
    expect(page.get_by_role("button", name="Grant it")).to_have_count(0)

    page = place.come(n.sana).page
    page.goto(waiver.href)
    expect(page.get_by_text("Piet reads every post before it goes out.")).to_be_visible()
    page.locator("#waiver-reason").fill("For a month; the control is enough.")
    page.get_by_role("button", name="Grant it").click()
    expect(page.get_by_role("button", name="Grant it")).to_have_count(0)

    page = place.preview(place.content)
    expect(page.locator("#conflicts")).to_contain_text("Waived until")
    submission = place.submit(page)
    place.sign(submission)
    sweep_conflicts_and_waivers(current_time.now())
    conflict = Conflict.objects.get(automations__contains=[automation.pk])
    page = place.come(n.sana).page
    page.goto(conflict.href)
    expect(page.get_by_text("Waived", exact=True).first).to_be_visible()

    demo_clock.move(timedelta(days=11))
    sweep_conflicts_and_waivers(current_time.now())
    mail_jobs.send_due(now=current_time.now())
    mails = [mail for mail in smtp.to(n.jonas.email) if mail["Subject"].startswith("In conflict again")]
    assert len(mails) == 1, [mail["Subject"] for mail in smtp.to(n.jonas.email)]
    assert "What it allowed is still held, and nothing allows it any more" in text_of(mails[0])
    link = re.search(r"https?://[^/\s]+(/waivers/\d+/)", text_of(mails[0]))
    assert link is not None
    page = place.come(n.jonas).page
    page.goto(link[1])
    expect(page.get_by_text("Over", exact=False).first).to_be_visible()
    page.goto(conflict.href)
    expect(page.get_by_text("Waiver over").first).to_be_visible()
    assert violations(page) == []
    conflict.refresh_from_db()
    assert conflict.state == ConflictState.OPEN
