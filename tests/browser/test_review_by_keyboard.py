"""The reviewer's path in Chromium: from the desk through twelve privileges by few keys (A7, A8); without scripts in test_journeys_by_keyboard.py."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from approvals.models import Approval, ApprovalState, Comment, Decision, Retraction, Submission, SubmissionState
from governance.core.models import Person
from governance.core.texts import free_text
from tests import people, scenarios
from tests.browser.tour_company import export
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.processes import Site
from tests.scenarios import Company
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

WIDE = {"width": 1440, "height": 1000}
PRIVILEGES = 12
#: What a reviewer presses on one page to decide twelve privileges.
MOST_PRESSES = 15
#: Whether nothing is on its way: what is asked for anew before it has come is called off, and the console says so.
IS_QUIET = "() => !document.querySelector('.htmx-request')"

#: Presses the first undo as soon as an answer brings one; other parts of the page may come before it.
UNDONE_AT_ONCE = """document.addEventListener("htmx:afterSwap", function press() {
  if (!document.querySelector("[data-row-undo]")) return;
  document.removeEventListener("htmx:afterSwap", press);
  queueMicrotask(() => document.querySelector("[data-row-undo]").click());
});"""


@lru_cache(maxsize=1)
def company_of_these_tests() -> Company:
    """One company for all of them: what they commit stays, and each submits something of its own."""
    return scenarios.company(people.build(uuid.uuid4().hex[:8], now=timezone.now()))


@dataclass
class Review:
    """Twelve privileges in stage 2 that wait for Omar, and how his browser opens."""

    submission: Submission
    open: Callable[..., Page]

    def count(self, state: str) -> int:
        """How many of the twelve stand in a state."""
        return self.submission.approvals.filter(stage=2, state=state).count()


@dataclass
class Keys:
    """What a person presses, counted."""

    page: Page
    pressed: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        """Press some keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed.append(key)


@pytest.fixture
def review(open_page: Callable[..., Page], site: Site) -> Review:
    """A submission of its own in the shared database, with Omar signed in."""
    company = company_of_these_tests()
    made = submitted_script(company, f"Reader {uuid.uuid4().hex[:8]}", PRIVILEGES)
    scenarios.decide_app(company, made)
    return Review(made, opener(company.people.omar, open_page, site))


def opener(person: Person, open_page: Callable[..., Page], site: Site) -> Callable[..., Page]:
    """How somebody's browser opens."""
    session = client_of(person).cookies["sessionid"].value

    def new_page(**options: Any) -> Page:
        page = open_page(**{"viewport": WIDE, **options})
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
        return page

    return new_page


@pytest.mark.rule("A7", "A8")
def test_twelve_privileges_are_decided_from_the_desk_with_few_keys(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/approvals/?q={review.submission.automation.name.replace(' ', '+')}")
    part = page.locator("#part")
    expect(part).to_contain_text("0 of 12 decided")
    keys = Keys(page)
    keys.press("j", "Enter")
    page.wait_for_url(re.compile(r"/review/\d+/\?open=\d+#row-\d+$"))  # at the reader's first row
    on_the_page = Keys(page)
    on_the_page.press("j")
    for done in range(1, PRIVILEGES + 1):
        on_the_page.press("a")
        if done < PRIVILEGES:
            expect(page.locator("#stepper")).to_contain_text(f"{done} of 12 decided")
            expect(page.locator("[data-row]:focus [data-row-select]")).to_have_count(1)  # the focus moved on
    expect(page.locator("#stepper")).to_contain_text("12 of 12 decided")
    assert len(on_the_page.pressed) <= MOST_PRESSES, on_the_page.pressed
    assert len(keys.pressed + on_the_page.pressed) <= MOST_PRESSES
    review.submission.refresh_from_db()
    assert review.submission.state == SubmissionState.IN_FORCE


@pytest.mark.rule("A8")
def test_a_decision_is_taken_back_by_a_key(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("#stepper")).to_contain_text("1 of 12 decided")
    expect(page.locator("[data-row]:focus [data-row-select]")).to_have_count(1)  # the focus has moved on
    page.keyboard.press("k")  # to the decided row, which stays in its place
    expect(page.locator("[data-row]:focus")).to_contain_text("You approved")
    page.keyboard.press("u")
    expect(page.locator("#stepper")).to_contain_text("0 of 12 decided")
    expect(page.locator("[data-row]:focus [data-row-select]")).to_have_count(1)
    assert Retraction.objects.filter(decision__approval__submission=review.submission).count() == 1
    assert review.count(ApprovalState.OPEN) == PRIVILEGES


@pytest.mark.rule("A7")
def test_decision_with_a_resized_reason_field_keeps_to_the_content_security_policy(review: Review) -> None:
    """The browser writes a style attribute where the reader resizes a field. The page fixture fails on a complaint."""
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    page.locator("#reason").evaluate("field => { field.style.height = '80px'; }")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#stepper")).to_contain_text("1 of 12 decided")
    page.wait_for_function(IS_QUIET)


@pytest.mark.rule("A7")
def test_several_are_approved_with_one_reason_and_not_without(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    rest = page.get_by_role("button", name=f"Approve all my {PRIVILEGES}")
    rest.click()
    expect(page.locator("#reason-error")).to_have_text("Say why: the reason stands with each decision.")
    expect(page.locator("#reason")).to_be_focused()
    assert review.count(ApprovalState.OPEN) == PRIVILEGES
    page.keyboard.type("All of it is read by the daily report.")
    rest.click()
    expect(page.locator("#stepper")).to_contain_text("12 of 12 decided")
    expect(page.locator(".toast")).to_contain_text("Approved 12.")
    assert review.count(ApprovalState.APPROVED) == PRIVILEGES
    batches = set(
        Decision.objects.filter(approval__submission=review.submission, approval__stage=2).values_list(
            "batch", flat=True
        )
    )
    assert len(batches) == 1
    assert None not in batches


@pytest.mark.rule("A7")
def test_the_bar_says_what_it_decides_before_the_press(review: Review) -> None:
    from playwright.sync_api import expect

    first, second = review.submission.approvals.filter(stage=2).order_by("pk")[:2]
    mei, text = company_of_these_tests().people.mei, free_text.keep("Which rows?")
    fields = {"submission": review.submission, "approval": second, "text": text, "is_objection": True}
    Comment.objects.create(by=mei, at=timezone.now(), **fields)  # so it is decided by itself
    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    bar = page.locator("#decision")
    expect(bar).to_contain_text("Reason, optional for standard risk")
    expect(bar.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.check(f"#row-{first.pk} [data-row-select]")
    page.check(f"#row-{second.pk} [data-row-select]")
    expect(bar).to_contain_text("2 selected of your 12")
    expect(bar).to_contain_text("Reason, required for several")
    expect(bar).to_contain_text("needs its own decision: somebody objected.")
    expect(bar.get_by_role("button", name="Approve 1 of 2")).to_be_visible()
    expect(bar.get_by_role("button", name=f"Approve {PRIVILEGES - 1} of my {PRIVILEGES}")).to_be_visible()


@pytest.mark.rule("A6", "A7")
def test_choices_in_an_open_row_outlive_decisions_on_other_rows(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    records = list(review.submission.approvals.filter(stage=2).order_by("pk"))
    chosen, decided = (f"#row-{record.pk}" for record in (records[4], records[0]))
    page.click(f"{chosen} [data-row-open]")
    page.check(f"{chosen} input[name^=term_days-][value='30']")
    page.locator(decided).focus()
    page.keyboard.press("a")
    expect(page.locator("#stepper")).to_contain_text("1 of 12 decided")
    expect(page.locator(f"{chosen} input[name^=term_days-][value='30']")).to_be_checked()
    page.locator(chosen).focus()
    expect(page.locator("[data-decision-label]")).to_have_text("Approve, narrowed")
    page.keyboard.press("r")
    expect(page.locator("#reason")).to_be_focused()
    page.keyboard.type("Nobody reads it.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#stepper")).to_contain_text("2 of 12 decided")
    assert Approval.objects.get(pk=records[4].pk).state == ApprovalState.REJECTED


@pytest.mark.rule("A7")
def test_typing_survives_incoming_answer(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    held: list[Any] = []
    page.route("**/decide/", lambda route: held.append(route))
    page.goto(f"/review/{review.submission.pk}/")
    typed = page.locator("#reason")
    page.keyboard.press("j")
    with page.expect_request("**/decide/"):
        page.keyboard.press("a")
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(typed).to_be_focused()
    typed.press_sequentially("Not")
    typed.press("ArrowLeft")
    held[0].continue_()
    expect(page.locator("#stepper")).to_contain_text("1 of 12 decided")
    page.wait_for_function("!document.querySelector('.htmx-settling, .htmx-added')")
    page.keyboard.type("ar")
    expect(typed).to_have_value("Noart")
    assert review.count(ApprovalState.OPEN) == PRIVILEGES - 1


@pytest.mark.rule("A7", "A8")
def test_the_app_is_decided_by_the_same_keys(open_page: Callable[..., Page], site: Site) -> None:
    from playwright.sync_api import expect

    company = company_of_these_tests()
    high = scenarios.submitted(company, scenarios.brought_in(company, content=export("invoice-chaser.json")))
    made = submitted_script(company, f"Reader {uuid.uuid4().hex[:8]}", 2)
    page = opener(company.people.theo, open_page, site)()
    app, reason = page.locator("#app"), page.locator("#reason")
    page.goto(f"/review/{high.pk}/#app")  # where Approvals leads
    for key in "arc":
        app.focus()
        page.keyboard.press(key)
        expect(reason).to_be_focused()
    assert reason.input_value() == ""
    page.goto(f"/review/{made.pk}/")
    page.keyboard.press("j")
    expect(app).to_be_focused()
    page.keyboard.press("a")
    expect(app.locator("[data-row-undo]")).to_have_count(1)
    expect(app).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("#app [data-row-select]")).to_have_count(1)
    expect(app).to_be_focused()


@pytest.mark.rule("A7")
def test_incoming_buttons_work_at_once(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    page.evaluate(f"() => {{ window.stays = true; {UNDONE_AT_ONCE} }}")
    page.keyboard.press("j")
    with page.expect_response("**/undo/"):
        page.keyboard.press("a")
    expect(page.locator("[data-row]:focus [data-row-select]")).to_have_count(1)
    assert page.evaluate("window.stays") is True  # no page was loaded anew: what was typed elsewhere would be gone
    assert review.count(ApprovalState.OPEN) == PRIVILEGES


@pytest.mark.rule("A7")
def test_key_press_survives_running_request(review: Review) -> None:
    from playwright.sync_api import expect

    company, word = company_of_these_tests(), review.submission.automation.name.rpartition(" ")[2]
    second = submitted_script(company, f"Writer {word}", 2)
    scenarios.decide_app(company, second)
    page = review.open()
    page.route("**/never-asked-for", lambda route: route.abort())  # interception begins before the page has loaded
    with page.expect_response(f"**/approvals/{review.submission.pk}/"):
        page.goto(f"/approvals/?q={word}")
    expect(page.locator(f"[data-rows-part=queue-submission-{review.submission.pk}]")).to_be_visible()
    page.wait_for_function(IS_QUIET)
    with page.expect_response(f"**/approvals/{review.submission.pk}/"):
        page.keyboard.press("j")
    page.wait_for_function(IS_QUIET)
    held: list[Any] = []
    page.route(f"**/approvals/{second.pk}/", lambda route: held.append(route))
    with page.expect_request(f"**/approvals/{second.pk}/"):
        page.keyboard.press("j")
    page.keyboard.press("r")
    assert "/approvals/?" in page.url
    held[0].continue_()
    page.wait_for_url(re.compile(rf"/approvals/decide/\?of={second.pk}&only=reject$"))
    assert page.locator("button[name=decision]").all_inner_texts() == ["Reject those ticked"]


@pytest.mark.rule("A7")
def test_bulk_decision_is_offered_where_allowed(open_page: Callable[..., Page], site: Site) -> None:
    from playwright.sync_api import expect

    company = company_of_these_tests()
    word = uuid.uuid4().hex[:8]
    content = export("invoice-chaser.json").replace(b"Invoice chaser", f"Chaser {word}".encode())
    high = scenarios.submitted(company, scenarios.brought_in(company, content=content))
    low = submitted_script(company, f"Reader {word}", 2)
    page = opener(company.people.theo, open_page, site)()
    page.goto(f"/approvals/?q={word}")
    button, note = page.get_by_role("button", name="Decide together"), page.locator("[data-when-apart]")
    expect(button).to_be_hidden()
    expect(note).to_be_hidden()
    expect(page.locator("[data-rows-part]")).to_be_visible()
    page.wait_for_function(IS_QUIET)
    page.check(f"#queue-submission-{high.pk} [data-row-select]")
    page.wait_for_function(IS_QUIET)
    expect(note).to_have_text(f"No bulk decision: Chaser {word} is high risk")
    expect(button).to_be_hidden()
    page.check(f"#queue-submission-{low.pk} [data-row-select]")
    expect(button).to_be_visible()
    page.wait_for_function(IS_QUIET)
    plain = opener(company.people.theo, open_page, site)(java_script_enabled=False)
    plain.goto(f"/approvals/?q={word}")
    expect(plain.get_by_role("button", name="Decide together")).to_be_visible()


@pytest.mark.rule("A7")
def test_on_a_phone_the_bar_decides_the_row_in_view_unless_rows_are_ticked(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)
    page.goto(f"/review/{review.submission.pk}/")
    records = list(review.submission.approvals.filter(stage=2).order_by("pk"))
    name, count = page.locator("[data-decision-name]"), page.locator("[data-decision-count]")
    expect(count).to_have_text(f"Decides 1 of your {PRIVILEGES}:")
    page.locator("h1").tap()
    seen = page.locator(f"#row-{records[6].pk}")
    seen.evaluate("row => row.scrollIntoView({ block: 'center' })")
    expect(count).to_have_text(f"Decides 7 of your {PRIVILEGES}:")
    expect(name).to_have_text(seen.locator("[data-row-select]").get_attribute("data-name") or "")
    expect(seen).to_contain_class("record-selected")
    page.locator("#reason").fill("It is read every day.")
    page.locator(f"#row-{records[2].pk}").evaluate("row => row.scrollIntoView({ block: 'center' })")
    page.locator(
        f"#row-{records[1].pk} [data-row-select]"
    ).check()  # the reason that is begun has kept its row until here
    expect(count).to_have_text(f"1 selected of your {PRIVILEGES}:")
    page.locator("[data-decision-approve]").tap()
    expect(page.locator("#stepper")).to_contain_text(f"1 of {PRIVILEGES} decided")
    assert Approval.objects.get(pk=records[1].pk).state == ApprovalState.APPROVED


@pytest.mark.rule("A7")
@pytest.mark.parametrize("width", [1280, 1366, 1440])
def test_due_date_of_the_queue_is_never_cut(open_page: Callable[..., Page], site: Site, width: int) -> None:
    from playwright.sync_api import expect

    company, word = company_of_these_tests(), uuid.uuid4().hex[:8]
    submitted_script(company, f"Reader {word} Longitudinal{'x' * 30}", 3)
    page = opener(company.people.theo, open_page, site)(viewport={"width": width, "height": 900})
    page.goto(f"/approvals/?q={word}")
    expect(page.locator("[data-rows-part]")).to_be_visible()
    table = page.locator(".scroll:has(.queue)")
    assert table.evaluate("box => box.scrollWidth <= box.clientWidth")
    edge = table.evaluate("box => box.getBoundingClientRect().right")
    due = page.locator("td.queue-due").evaluate("cell => cell.getBoundingClientRect().right")
    assert due <= edge
    page.wait_for_function(IS_QUIET)


@pytest.mark.rule("A8")
def test_toast_stands_in_the_bar_on_a_wide_screen(review: Review) -> None:
    from playwright.sync_api import expect

    page = review.open()
    page.goto(f"/review/{review.submission.pk}/")
    for box in page.locator("#rows [data-row-select]").all()[:2]:
        box.check()
    page.locator("#reason").fill("Both are read by the daily report.")
    page.get_by_role("button", name="Approve 2", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Approved 2.")
    expect(page.locator(".toast")).to_contain_text("Undo all 2")
    top = "part => part.getBoundingClientRect().top"
    assert page.locator(".toast").evaluate(top) >= page.locator("#bar").evaluate(top)
    bottom = page.locator(".toast").evaluate("part => part.getBoundingClientRect().bottom")
    assert bottom <= page.locator("#decision").evaluate(top)
