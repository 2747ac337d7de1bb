"""The builder's path in Chromium: from a file to submitted in few moves, live and without scripts, accessible in both themes."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from approvals.models import Submission
from inventory.resources.transitions import bindings
from tests import people, scenarios
from tests.approvals.intake import builder
from tests.approvals.intake.builder import ONBOARDING, STATEMENTS
from tests.axe import is_too_wide, violations
from tests.people import as_actor
from tests.processes import Site
from tests.scenarios import Company
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

WIDE, PHONE = {"width": 1440, "height": 1000}, {"width": 360, "height": 844}
#: From export file to submitted: what a person presses, chooses or fills in.
MOST_MOVES = 8


@dataclass
class Moves:
    """What a person does on a page, counted."""

    page: Page
    count: int = 0
    steps: list[str] = field(default_factory=list)

    def make(self, what: str, act: Callable[[], Any]) -> None:
        """Do one thing."""
        act()
        self.count += 1
        self.steps.append(what)


@dataclass
class Place:
    """A word of this test alone, the company, and how Rita's browser opens."""

    word: str
    company: Company
    open: Callable[..., Page]


@lru_cache(maxsize=1)
def company_of_these_tests() -> Company:
    """One company for all of them: what they commit stays, and each brings in exports of its own."""
    return scenarios.company(people.build(uuid.uuid4().hex[:8], now=timezone.now()))


@pytest.fixture
def place(open_page: Callable[..., Page], site: Site) -> Place:
    """The company in the shared database, with Rita signed in."""
    word, company = uuid.uuid4().hex[:8], company_of_these_tests()
    session = client_of(company.people.rita).cookies["sessionid"].value

    def new_page(**options: Any) -> Page:
        page = open_page(**{"viewport": WIDE, **options})
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
        return page

    return Place(word, company, new_page)


def bring(page: Page, tmp_path: Path, name: str, content: bytes) -> None:
    """Choose a file and look at its preview."""
    file = tmp_path / name
    file.write_bytes(content)
    page.goto("/import/")
    page.get_by_label("Choose files").set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    page.wait_for_url(re.compile(r"/import/\d+/$"))


def submit_button(page: Page) -> Locator:
    """The one filled button."""
    return page.get_by_role("button", name="Submit for approval")


@pytest.mark.rule("I7", "A1")
def test_demo_export_is_submitted_in_eight_moves(place: Place, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    content = builder.of_its_own(STATEMENTS, place.word)
    builder.connect(place.company, content)
    file = tmp_path / STATEMENTS
    file.write_bytes(content)
    page = place.open()
    page.goto("/import/")
    moves = Moves(page)
    moves.make("choose the file", lambda: page.locator("#files").set_input_files(file))
    moves.make("preview", lambda: page.get_by_role("button", name="Preview").click())
    expect(submit_button(page)).to_have_attribute("aria-disabled", "true")
    opens = page.locator("select[name^=bind-]")
    moves.make("say what the address opens", lambda: opens.last.select_option(str(place.company.model.pk)))
    moves.make("purpose", lambda: page.get_by_label("Purpose").fill("Compares statements with what we owe."))
    _give_one_reason(page, moves)
    if not page.get_by_label("Business owner").input_value():
        jonas = str(place.company.people.jonas.pk)
        moves.make("business owner", lambda: page.get_by_label("Business owner").select_option(jonas))
    expect(page.locator("#route")).to_contain_text("Enough approvers for every stage")
    made = _submit(page, moves)
    assert moves.count <= MOST_MOVES, moves.steps
    assert made.approvals.filter(stage=2, kind="privilege").count() == 6


@pytest.mark.rule("I7", "I8", "A1")
def test_raw_export_of_23_privileges_is_submitted_in_ten_inputs(
    place: Place, tmp_path: Path, real_exports: Path
) -> None:
    from playwright.sync_api import expect

    raw = real_exports / "imports" / "n8n_ottomator" / "ultimate-n8n-rag-agent" / "Ultimate_RAG_AI_Agent_V4.json"
    content = _with_other_ids(raw.read_text(), place.word)
    company = place.company
    scenarios.brought_in(company)  # Jonas, the owner of the team's newest automation, is proposed
    for connector, opened in (("postgres", company.erp), ("googleDrive", company.drive), ("openAi", company.model)):
        bindings.bind_connection(
            opened, actor=as_actor(opened.owner), now=company.now, connector=connector, instance=f"known {place.word}"
        )
    file = tmp_path / raw.name
    file.write_bytes(content)
    page = place.open()
    page.goto("/import/")
    moves = Moves(page)
    moves.make("choose the file", lambda: page.locator("#files").set_input_files(file))
    moves.make("preview", lambda: page.get_by_role("button", name="Preview").click())
    expect(page.locator("#counts")).to_contain_text("23 privileges")
    model = str(company.model.pk)
    for select in page.locator("select[name^=bind-]").all():
        if not select.input_value():
            moves.make("say what a connection opens", lambda select=select: select.select_option(model))
    moves.make("purpose", lambda: page.get_by_label("Purpose").fill("Answers questions from our own documents."))
    _give_one_reason(page, moves)
    expect(page.get_by_label("Business owner")).to_have_value(str(company.people.jonas.pk))
    made = _submit(page, moves)
    assert moves.count <= 10, moves.steps
    assert made.approvals.filter(stage=2, kind="privilege").count() == 23


def _with_other_ids(export: str, word: str) -> bytes:
    """The export as of an n8n of this test's own."""
    document = json.loads(export)
    document["meta"] = {"instanceId": hashlib.sha256(word.encode()).hexdigest()}
    for node in document["nodes"]:
        for used in node.get("credentials", {}).values():
            used["id"] = f"{used['id']}{word}"
    return json.dumps(document).encode()


def _give_one_reason(page: Page, moves: Moves) -> None:
    """One reason, used for all connections."""
    from playwright.sync_api import expect

    reasons = page.locator("input[name^=reason-]")
    moves.make("say why", lambda: reasons.first.fill("It needs this to answer."))
    moves.make("for all", lambda: page.get_by_role("button", name="Use for all connections").first.click())
    expect(reasons.last).to_have_value("It needs this to answer.")


def _submit(page: Page, moves: Moves) -> Submission:
    """Press the one filled button, once nothing is missing."""
    from playwright.sync_api import expect

    expect(submit_button(page)).not_to_have_attribute("aria-disabled", "true", timeout=20_000)
    expect(page.locator("#preview.htmx-request")).to_have_count(0)  # leaving the page would abort it
    moves.make("submit", lambda: submit_button(page).click())
    page.wait_for_url(re.compile(r"/review/\d+/$"))
    return Submission.objects.get(pk=int(page.url.rstrip("/").rpartition("/")[2]))


@pytest.mark.rule("I8", "A1")
def test_privilege_is_removed_and_restored_with_a_click(place: Place, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    content = builder.of_its_own(STATEMENTS, place.word)
    builder.connect(place.company, content)
    page = place.open(viewport={"width": 360, "height": 800})
    bring(page, tmp_path, STATEMENTS, content)
    assert not is_too_wide(page)
    row = page.locator("li.wish", has_text="Post messages").first
    row.get_by_role("checkbox").check(force=True)
    expect(page.locator("#counts")).to_contain_text("not requested")
    expect(row).to_contain_text("Not requested")
    connection = page.locator("section.connection", has=page.locator("[data-left]"))
    expect(connection).to_contain_text("Not requested, 2 rows")  # the privilege, and its credential
    expect(connection.get_by_role("textbox")).to_have_count(0)
    expect(row).to_be_hidden()
    show = connection.get_by_role("checkbox", name="Show")
    expect(show).to_be_focused()  # not lost with the folded row
    assert violations(page) == []
    show.check(force=True)
    row.get_by_role("checkbox").uncheck(force=True)
    expect(page.locator("#counts")).not_to_contain_text("not requested")


@pytest.mark.rule("I7")
def test_typing_survives_route_updates(place: Place, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = place.open()
    content = builder.of_its_own(STATEMENTS, place.word)
    builder.connect(place.company, content)
    bring(page, tmp_path, STATEMENTS, content)
    title = page.locator(".title-line .tier")
    expect(title).to_have_text("High")  # one address is not known yet
    page.locator("select[name^=bind-]").last.select_option(str(place.company.model.pk))
    purpose = page.get_by_label("Purpose")
    purpose.press_sequentially("Compares what suppliers say ", delay=20)
    expect(title).to_have_text("Standard")
    expect(purpose).to_be_focused()
    purpose.press_sequentially("with what we owe.", delay=20)
    page.get_by_label("Escalation contact").fill("#accounts-payable")
    with page.expect_response(re.compile("/panel/")):
        page.get_by_label("Escalation contact").blur()
    with page.expect_response(re.compile("/panel/")):
        page.get_by_label("Environment").select_option("development")
    expect(page.locator("#title")).to_contain_text("development")
    page.reload()
    expect(page.get_by_label("Purpose")).to_have_value("Compares what suppliers say with what we owe.")
    expect(page.get_by_label("Escalation contact")).to_have_value("#accounts-payable")


def test_links_to_missing_fields_move_focus(place: Place, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = place.open()
    bring(page, tmp_path, STATEMENTS, builder.of_its_own(STATEMENTS, place.word))
    page.locator("#missing").get_by_role("link", name="Say what it is for").click()
    expect(page.get_by_label("Purpose")).to_be_focused()
    submit_button(page).focus()  # it stays within reach of the keyboard and says what is missing
    assert submit_button(page).get_attribute("aria-describedby") == "missing"
    page.keyboard.press("Enter")
    expect(page.locator("[aria-invalid=true]").first).to_be_focused()


@pytest.mark.rule("I7", "A1")
def test_import_works_without_scripts(place: Place, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = place.open(java_script_enabled=False)
    content = builder.of_its_own(STATEMENTS, place.word)
    builder.connect(place.company, content)
    bring(page, tmp_path, STATEMENTS, content)
    page.get_by_label("Purpose").fill("Compares statements with what we owe.")
    page.get_by_role("button", name="Register a new one").last.click()
    page.get_by_label("Resource").select_option(str(place.company.model.pk))
    page.get_by_role("button", name="Use this resource").click()
    expect(page.get_by_label("Purpose")).to_have_value("Compares statements with what we owe.")
    page.locator("input[name^=reason-]").first.fill("It is compared.")
    page.get_by_role("button", name="Use for all connections").first.click()
    page.get_by_label("Business owner").select_option(str(place.company.people.jonas.pk))
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#route")).to_contain_text("Omar Haddad")
    submit_button(page).click()
    page.wait_for_url(re.compile(r"/review/\d+/$"))


def test_refused_preview_is_accessible_and_fits(place: Place, tmp_path: Path) -> None:
    """What is not refused, and the page of a connection, are on the tour of all pages."""
    page = place.open()
    onboarding = builder.of_its_own(ONBOARDING, place.word)
    builder.connect(place.company, onboarding)
    bring(page, tmp_path, ONBOARDING, onboarding)
    page.get_by_label("Business owner").select_option(str(place.company.people.jonas.pk))
    submit_button(page).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[aria-invalid=true]")
    assert not is_too_wide(page)
    assert violations(page, colours_only=True) == []
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    assert not is_too_wide(page)
    assert violations(page) == []
