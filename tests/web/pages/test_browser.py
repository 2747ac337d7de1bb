"""How the pages look and read in Chromium: axe finds nothing, nothing overflows, the policy holds, the keys work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.axe import is_too_wide, violations
from tests.web import harness
from tests.web.samples import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

#: What the console says of refusals and failures that a test asked for.
ASKED_FOR = re.compile(r" (?:403|409|500) \(|ERR_FAILED|htmx:(?:after|send)|Response Status Error")

WIDE, PHONE = {"width": 1440, "height": 1000}, {"width": 360, "height": 844}
#: The page that has every component: it is seen in every size and theme.
GALLERY = "gallery"
#: Samples whose page the tour of `tests.browser.test_axe` opens with the same situation on it, by the name of its address: axe looks
#: at each there, with real rows behind it.
ON_THE_TOUR = {
    "sign_in": "account_login",
    "home_owner": "home",
    "import": "import",
    "preview": "import_preview",
    "review": "review",
    "approvals": "approvals",
    "sample": "sample",
    "confirm": "withdraw",
    "automations": "automation_list",
    "automation": "automation",
    "automation_privileges": "automation",
    "automation_versions": "automation",
    "automation_submissions": "automation",
    "automation_timeline": "automation",
    "resources": "resource_list",
    "resource": "resource",
    "recertify": "recert_mine",
    "ledger": "ledger",
    "clock": "clock",
    "mails": "mail_list",
    "mail": "mail",
    "person": "person",
    "search": "search",
}
#: The others alternate, so that phones and dark colours are met with every kind of page.
WAYS = [("wide", "light"), ("phone", "dark"), ("phone", "light"), ("wide", "dark")]
OTHERS = [name for name in PAGES if name not in ON_THE_TOUR and name != GALLERY]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the sample pages are served."""
    drawn: dict[str, Callable[[], str]] = {
        name: (lambda template=template, make=make: harness.draw(template, make()))
        for name, (template, make) in PAGES.items()
    }
    with harness.served(drawn) as url:
        yield url


@pytest.fixture
def look(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Open a sample page; what the console complains about fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_sample(name: str, size: str = "wide", theme: str = "light", **options: Any) -> Page:
        viewport = WIDE if size == "wide" else PHONE
        context = browser.new_context(viewport=viewport, color_scheme=theme, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # Where interception begins after a page has loaded, its next request may still go past it: so it begins before.
        page.route("**/never-asked-for", lambda route: route.abort())
        page.goto(f"{address}/{name}")
        return page

    yield open_sample
    for context in contexts:
        context.close()
    assert [complaint for complaint in complaints if not ASKED_FOR.search(complaint)] == []


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """One page, kept open so that files are loaded once; its size and colours change."""
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


def shown(page: Page, size: str, theme: str) -> None:
    """Give what is open another size and theme."""
    page.set_viewport_size(WIDE if size == "wide" else PHONE)
    page.emulate_media(color_scheme=theme)


def test_the_gallery_is_sound_in_every_size_and_theme(address: str, window: Page) -> None:
    complaints: list[str] = []
    window.on("console", lambda line: complaints.append(line.text))
    for size in ("wide", "phone"):
        shown(window, size, "light")
        window.goto(f"{address}/{GALLERY}")
        assert violations(window) == []
        assert not is_too_wide(window)
        shown(window, size, "dark")
        assert violations(window, colours_only=True) == []
        assert not is_too_wide(window)
    assert complaints == []


@pytest.mark.parametrize(("name", "way"), [(name, WAYS[index % 4]) for index, name in enumerate(OTHERS)])
def test_axe_passes_on_faces_outside_the_tour(name: str, way: tuple[str, str], address: str, window: Page) -> None:
    shown(window, *way)
    window.goto(f"{address}/{name}")
    assert violations(window) == []
    assert not is_too_wide(window)


def test_samples_fit_phone_without_console_errors(browser: Browser, address: str) -> None:
    context = browser.new_context(
        viewport=PHONE, reduced_motion="reduce"
    )  # without axe, which would come with each page
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda line: complaints.append(line.text))
    wide = set()
    for name in PAGES:
        page.goto(f"{address}/{name}")
        wide |= {name} if is_too_wide(page) else set()
    context.close()
    assert wide == set()
    assert complaints == []


def test_axe_gaps_here_are_covered_by_tour() -> None:
    from tests.browser.test_axe import TOUR

    assert set(ON_THE_TOUR) <= set(PAGES)
    assert set(ON_THE_TOUR.values()) <= {stop[1] for stop in TOUR}


def test_a_phone_offers_targets_that_a_thumb_can_hit(look: Callable[..., Page]) -> None:
    page = look("recertify", "phone")
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, .options label, .chip, .decide > *")]
        .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43 && !one.matches(".me, .button-text"))
        .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert small == []


def test_a_theme_is_remembered_and_set_before_the_page_is_drawn(look: Callable[..., Page]) -> None:
    page = look("home")
    page.click(".me")
    page.check("input[name=theme][value=dark]")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.early = document.documentElement.dataset.bsTheme })"
    )
    page.reload()
    assert page.evaluate("window.early") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 19, 18)"
    page.click(".me")
    page.check("input[name=theme][value=auto]")
    assert page.evaluate("document.documentElement.dataset.bsTheme") is None
    page.wait_for_function("getComputedStyle(document.body).backgroundColor === 'rgb(243, 245, 244)'")


def test_menus_work_without_scripts(look: Callable[..., Page]) -> None:
    page = look("review", "phone", java_script_enabled=False)
    page.click(".burger")
    assert page.is_visible("#main-nav a >> text=Ledger")
    page.keyboard.press("Escape")
    assert not page.is_visible("#main-nav")
    page.click(".me")
    assert page.is_visible("text=Sign out")
    assert not page.is_visible(".theme-switch")


def test_sidebar_folds_by_keyboard_and_stays_folded(look: Callable[..., Page]) -> None:
    page = look("home")
    assert page.is_visible("#main-nav .side-label >> text=Ledger")
    page.focus("[data-fold]")
    page.keyboard.press("Enter")
    assert page.get_attribute("[data-fold]", "aria-expanded") == "false"
    assert page.evaluate("document.querySelector('#main-nav').offsetWidth") == 56
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.early = document.documentElement.dataset.side })"
    )
    page.reload()
    assert page.evaluate("window.early") == "folded"
    page.hover("#main-nav a >> nth=3")
    assert page.evaluate("getComputedStyle(document.querySelector('#main-nav a:hover .side-label')).opacity") == "1"
    page.click("[data-fold]")
    assert page.evaluate("document.querySelector('#main-nav').offsetWidth") == 212


def test_drawer_takes_the_focus_and_returns_it(look: Callable[..., Page]) -> None:
    from playwright.sync_api import expect

    page = look("home", "phone")
    for closing in ("Escape", "backdrop"):
        assert not page.is_visible("#main-nav")
        page.click(".burger")
        expect(page.locator("#main-nav :focus")).to_have_count(1)
        if closing == "Escape":
            page.keyboard.press("Escape")
        else:
            page.mouse.click(380, 400)
        expect(page.locator("#main-nav")).to_be_hidden()
        expect(page.locator(".burger"), closing).to_be_focused()


def test_slash_goes_to_the_search_and_typing_is_left_alone(look: Callable[..., Page]) -> None:
    page = look("review")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.fill("#remark", "")
    page.focus("#remark")
    page.keyboard.type("a/j?")
    assert page.input_value("#remark") == "a/j?"


def test_rows_are_walked_by_keys_that_press_visible_buttons(look: Callable[..., Page]) -> None:
    page = look("review")
    page.route("**/review?open=*", lambda route: route.fulfill(status=204))
    page.route("**/review/1/decide/", lambda route: route.fulfill(status=204))
    for _ in range(3):
        page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "row-14"
    with page.expect_request("**/review/1/decide/") as decided:
        page.keyboard.press("a")
    assert {"decision=approve", "approval=14"} <= set((decided.value.post_data or "").split("&"))
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == "row-13"
    with page.expect_request("**/review?open=13*"):
        page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "row-20"
    page.keyboard.press("a")
    page.keyboard.press("?")
    assert page.is_visible("#shortcuts")


def test_enter_opens_a_row_of_the_queue(look: Callable[..., Page]) -> None:
    page = look("approvals")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")


def test_an_approval_that_is_narrower_says_so_before_it_is_pressed(look: Callable[..., Page]) -> None:
    page = look("review")
    button = page.locator("#decision button[value=approve]")
    assert button.inner_text().strip() == "Approve, narrowed"
    page.check("input[name=term_days-12][value='90']")
    page.check("input[name=scope-12][value=dunning_note]")
    assert button.inner_text().strip() == "Approve"
    page.check("input[name=level-12][value=read]")
    assert button.inner_text().strip() == "Approve, narrowed"


def test_refusal_stands_beside_form_and_input_stays(look: Callable[..., Page]) -> None:
    page = look("review")
    note = '<div class="note no" tabindex="-1" data-focus>It changed meanwhile.</div>'
    page.route(
        "**/review/1/decide/",
        lambda route: route.fulfill(
            status=409, headers={"HX-Retarget": "#refusal-12", "HX-Reswap": "innerHTML"}, body=note
        ),
    )
    page.fill("#reason", "Only two columns.")
    with page.expect_response("**/review/1/decide/"):
        page.click("#decision button[value=approve]")
    page.wait_for_selector("#refusal-12 .note")
    assert page.input_value("#reason") == "Only two columns."
    assert page.evaluate("document.activeElement.textContent") == "It changed meanwhile."


@pytest.mark.rule("I6")
def test_typed_secret_is_warned_about_and_failed_check_is_silent(
    look: Callable[..., Page],
) -> None:
    page = look("review")
    page.route("**/text/check/", lambda route: route.fulfill(body="This looks like a secret.\n"))
    page.fill("#reason", "The password is hunter2.")
    page.locator("#reason").blur()
    page.wait_for_selector("#reason + [role=status]", state="visible")
    assert page.inner_text("#reason + [role=status]") == "This looks like a secret."
    page.unroute("**/text/check/")
    page.route("**/text/check/", lambda route: route.fulfill(status=500, body="<!doctype html>"))
    page.fill("#reason", "Only two columns.")
    page.locator("#reason").blur()
    page.wait_for_selector("#reason + [role=status]", state="hidden")
    assert page.inner_text("#refusal") == ""


def test_foreign_answer_is_explained_and_input_stays(
    look: Callable[..., Page],
) -> None:
    page = look("review")
    whole = "<!doctype html><title>Sign in</title><h1>Sign in</h1>"
    answers: dict[str, Callable[[Any], None]] = {
        "Something went wrong": lambda route: route.fulfill(status=500, body=whole),
        "The portal did not answer": lambda route: route.abort(),
        "This was not accepted": lambda route: route.fulfill(status=403, content_type="text/html", body=whole),
    }
    page.fill("#reason", "Only two columns.")
    for message, answer in answers.items():
        page.unroute("**/review/1/decide/")
        page.route("**/review/1/decide/", answer)
        page.click("#decision button[value=approve]")
        page.wait_for_function(
            "message => document.querySelector('#refusal').textContent.includes(message)", arg=message, timeout=5000
        )
        assert page.input_value("#reason") == "Only two columns."
        assert page.locator("h1", has_text="Sign in").count() == 0


def test_an_answer_is_given_by_its_number(look: Callable[..., Page]) -> None:
    page = look("recertify")
    page.route("**/recertify/88/answer/", lambda route: route.fulfill(status=204))
    with page.expect_request("**/recertify/88/answer/") as answered:
        page.keyboard.press("2")
    assert "answer=revoke" in (answered.value.post_data or "")
    page.focus("#answer-reason")
    page.keyboard.type("3 calls")
    assert page.input_value("#answer-reason") == "3 calls"


def test_a_dialog_asks_for_the_reason_and_without_scripts_a_page_does(look: Callable[..., Page]) -> None:
    page = look("review_subset")
    page.click("a:has-text('Decline')")
    assert page.is_visible("#decline textarea")
    page.click("#decline [data-closes]")
    assert not page.is_visible("#decline")
    plain = look("review_subset", java_script_enabled=False)
    assert plain.get_attribute("a:has-text('Decline')", "href") == "/review/1/decline/"


def test_a_dropped_file_is_the_chosen_file(look: Callable[..., Page]) -> None:
    page = look("import")
    page.evaluate(
        """() => {
        const data = new DataTransfer();
        data.items.add(new File(["{}"], "workflow.json", { type: "application/json" }));
        document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    assert page.evaluate("document.getElementById('files').files[0].name") == "workflow.json"


def test_the_filter_of_a_list_sends_itself(look: Callable[..., Page]) -> None:
    page = look("automations")
    assert not page.is_visible("text=Filter")
    page.route("**/automations?*", lambda route: route.fulfill(status=204))
    with page.expect_request("**/automations?*risk=high*"):
        page.select_option("select[name=risk]", "high")
