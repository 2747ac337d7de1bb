"""Whole journeys by keyboard alone, with scripts and again without: who builds and who reviews (WCAG 2.1.1, 2.4.7)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from approvals.decisions.transitions import decide
from approvals.models import ApprovalState, Submission
from governance.core.clock import current_time
from governance.core.models import Person
from tests import people, scenarios
from tests.approvals.intake import builder
from tests.browser.keyboard import Hands
from tests.people import as_actor
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.processes import Site
from tests.scenarios import Company
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("scripts", [pytest.param(True, marks=pytest.mark.smoke), False], ids=["scripts", "none"]),
]

REVIEW = r"/review/\d+/(\?open=\d+)?(#.*)?$"
Arrive = Callable[[Person], Hands]


@lru_cache(maxsize=1)
def company_of_these_tests() -> Company:
    """One company for all of them: what they commit stays, and each submits something of its own."""
    return scenarios.company(people.build(uuid.uuid4().hex[:8], now=timezone.now()))


@pytest.fixture
def arrive(open_page: Callable[..., Page], site: Site, scripts: bool) -> Arrive:
    """Have somebody who is signed in come to their home page."""

    def come(person: Person) -> Hands:
        page = open_page(viewport={"width": 1440, "height": 900}, java_script_enabled=scripts)
        session = client_of(person).cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
        page.goto("/")
        return Hands(page)

    return come


def bring_in(hands: Hands, content: bytes) -> None:
    """From wherever: the page for it, the export pasted, its preview."""
    page = hands.page
    hands.leave(page.get_by_role("navigation", name="Main").get_by_role("link", name="Import"), "/import/$")
    hands.paste(page.get_by_label("Or paste it"), content.decode())
    hands.leave(page.get_by_role("button", name="Preview"), r"/import/\d+/$")


def submit(hands: Hands, scripts: bool) -> Submission:
    """Submit what the preview is filled in with; the button stands above what was filled in."""
    from playwright.sync_api import expect

    button = hands.page.get_by_role("button", name="Submit for approval")
    if scripts:
        expect(button).not_to_have_attribute("aria-disabled", "true")
    hands.leave(button, REVIEW, back=True)
    key = int(hands.page.url.rstrip("/").rpartition("/")[2])
    return Submission.objects.select_related("automation", "version").get(pk=key)


@pytest.mark.rule("I7", "A12", "A14")
def test_builder_goes_from_paste_to_new_version_by_keyboard(arrive: Arrive, scripts: bool) -> None:
    from playwright.sync_api import expect

    company, word = company_of_these_tests(), uuid.uuid4().hex[:8]
    content = builder.of_its_own(builder.STOCK, word)
    builder.connect(company, content)
    rita = arrive(company.people.rita)
    page = rita.page
    bring_in(rita, content)
    for reason in page.locator("input[name^=reason-]").all():
        rita.paste(reason, "Without it nobody knows what runs low.")
    rita.paste(page.get_by_label("Purpose"), "Tells buyers what runs low.")
    rita.choose(page.get_by_label("Business owner"), "Jonas")
    made = submit(rita, scripts)
    expect(page.locator("#stepper")).to_contain_text("wait for stage 1")
    expect(page.locator("#stepper")).to_contain_text("Waiting for Theo Brandt")

    record = a_question(company, made)
    page.goto("/")
    question = page.locator("li", has_text="Which rows, and who reads them?")
    rita.leave(question.get_by_role("link"), r"/answer/$")
    rita.paste(page.get_by_label("Your answer"), "Those of the week; buyers read them.")
    rita.leave(page.get_by_role("button", name="Answer"), REVIEW)
    expect(page.locator("#conversation")).to_contain_text("Those of the week; buyers read them.")
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN

    bring_in(rita, changed(content))
    expect(page.get_by_label("Purpose")).to_have_value("Tells buyers what runs low.")  # what carries over is there
    for reason in page.locator("input[name^=reason-]").all():
        if not reason.input_value():
            rita.paste(reason, "Buyers ask for it.")
    rita.to(page.get_by_label("Purpose"))
    again = submit(rita, scripts)
    assert (again.automation, again.version.number) == (made.automation, 2)
    expect(page.locator("#stepper")).to_contain_text("Waiting for")


def a_question(company: Company, submission: Submission) -> Any:
    """Theo approves the app; Omar asks about the first record that is his."""
    scenarios.decide_app(company, submission)
    record = submission.approvals.filter(stage=2, kind="privilege").order_by("pk")[0]
    fields = {"reason": "Which rows, and who reads them?", "shown_digest": scenarios.shown(record)}
    return decide.ask_for_changes(record, actor=as_actor(company.people.omar), now=current_time.now(), **fields)


def changed(content: bytes) -> bytes:
    """The export with one channel more that it posts to."""
    export = json.loads(content)
    post = next(node for node in export["nodes"] if node["type"].endswith(".slack"))
    more = json.loads(json.dumps(post)) | {"id": str(uuid.uuid4()), "name": "Post to buyers"}
    more["parameters"]["channelId"] = {"__rl": True, "value": "C0BUYERS01", "mode": "id"}
    export["nodes"].append(more)
    return json.dumps(export).encode()


@pytest.mark.rule("A3", "A7", "A8", "A14")
def test_reviewer_decides_asks_and_undoes_by_keyboard(arrive: Arrive, scripts: bool) -> None:
    from playwright.sync_api import expect

    company, count = (
        company_of_these_tests(),
        3 if scripts else 4,
    )  # two of one source might be the same, and that is asked
    made = submitted_script(company, f"Reader {uuid.uuid4().hex[:8]}", count)
    theo = arrive(company.people.theo)
    to_the_review(theo, made, scripts)
    theo.press(theo.page.get_by_role("button", name="Approve the app"))
    expect(theo.page.locator("#app")).to_contain_text("Approved")

    omar = arrive(company.people.omar)
    page = omar.page
    to_the_review(omar, made, scripts)
    stepper, first = page.locator("#stepper"), page.locator("li.record").first
    omar.press(page.get_by_role("button", name="Approve", exact=True))
    expect(stepper).to_contain_text(f"1 of {count} decided")
    omar.paste(page.get_by_label("Reason"), "Which rows?")
    omar.press(page.get_by_role("button", name="Request changes"))
    expect(page.locator("#rows")).to_contain_text("You requested changes")
    omar.paste(page.get_by_label("Reason"), "Not these.")
    omar.press(page.get_by_role("button", name="Reject"), "Space")
    expect(stepper).to_contain_text(f"2 of {count} decided")
    omar.press(page.locator("li.record").filter(has_text="Not these.").get_by_role("button", name="Undo"))
    expect(stepper).to_contain_text(f"1 of {count} decided")
    expect(first).to_be_visible()
    if scripts:
        expect(page.locator("#timeline li").first).to_contain_text("undid")
        expect(page.get_by_role("navigation", name="Main")).to_have_count(1)
    states = list(made.approvals.filter(stage=2).values_list("state", flat=True))
    assert states.count(ApprovalState.APPROVED) == states.count(ApprovalState.CHANGES_ASKED) == 1
    assert states.count(ApprovalState.OPEN) == count - 2


def to_the_review(hands: Hands, submission: Submission, scripts: bool) -> None:
    """Go from Home to Approvals and to the submission by its name. With scripts, the row's question opens in the panel."""
    from playwright.sync_api import expect

    page, name = hands.page, submission.automation.name
    part = page.locator("#part")
    hands.leave(page.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals"), "/approvals/$")
    if scripts:
        expect(part).to_contain_text("Your part")
    hands.paste(page.get_by_label("Automation", exact=True), name)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?.*q=Reader"))
    if scripts:
        expect(part).to_contain_text(name)
    hands.leave(page.get_by_role("link", name=name, exact=True), REVIEW)
