"""The main job in a browser, through real parts: from an export to separately approved privileges that come up for review.

Everybody comes by the link of their own mail and signs in. In the run's database business time is turned back first and then moved
on to where it was: what other tests left is due no sooner than without this one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.urls import reverse

from approvals.models import Grant, GrantState, Submission
from governance.core.clock import current_time, demo_clock
from governance.core.keys import key_files
from governance.core.ledger import verifier
from governance.core.models import ClockOffset, LedgerEvent, Person, Seal
from governance.devserver import process_environment
from inventory.models import Automation, Resource
from tests import people, scenarios
from tests.approvals.intake import builder
from tests.environment import Environment
from tests.journeys.visitor import PASSWORD, Visitor, link_of, mail_for
from tests.processes import Mailbox, Service, Site, until
from tests.scenarios import Company

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.process

EXPORT = Path(__file__).with_name("duplicate-invoice-guard.json")

#: Grants for 180 days come up 21 days before their end; a revoke can be corrected for five days.
TO_THE_REVIEW, TO_THE_END = timedelta(days=160), timedelta(days=6)

KEPT = ("fin.supplier_invoices", "scm.supplier_names", "exceptions.csv", "accounts-payable")
SHORTENED, REFUSED, REVOKED = "finance-leads", "fin.payments", "scm.supplier_names"


@dataclass
class Stage:
    """What the journey plays on.

    Args:
        company: people with passwords, resources in use; of this test alone.
        content: the export, as of an n8n of its own.
        mailbox: where the worker's mail arrives.
        site: the portal's address.
        open_page: a fresh browser.
    """

    company: Company
    content: bytes
    mailbox: Mailbox
    site: str
    open_page: Callable[..., Page]

    def arrive(self, person: Person, at: str = "/") -> Visitor:
        """Somebody comes to an address and signs in."""
        return Visitor.arrive(person, self.open_page, self.site, at=at)

    def come_by_mail(self, person: Person, subject: str, topic: str = "") -> Visitor:
        """A person gets a mail, opens its link and signs in."""
        return self.arrive(person, link_of(mail_for(self.mailbox, person, subject, topic), self.site, topic))


@pytest.fixture
def stage(committed: None, site: Site, worker: Service, mailbox: Mailbox, open_page: Callable[..., Page]) -> Stage:
    """A company whose people can sign in; it knows what two of the three connections open, from before."""
    word = uuid.uuid4().hex[:8]
    company = scenarios.company(people.build(word, now=current_time.now()))
    n = company.people
    for person in (n.rita, n.theo, n.omar, n.mei, n.jonas, n.yuki):
        person.set_password(PASSWORD)
        person.save(update_fields=["password"])
    content = builder.of_its_own(str(EXPORT), word)
    builder.connect(company, without_the_erp(content))
    return Stage(company, content, mailbox, site.url, open_page)


def without_the_erp(content: bytes) -> bytes:
    """The export less the connection that Rita has to say something about."""
    export = json.loads(content)
    export["nodes"] = [node for node in export["nodes"] if "postgres" not in node.get("credentials", {})]
    return json.dumps(export).encode()


@pytest.fixture
def turned_back(stage: Stage) -> Iterator[None]:
    """Business time stands back by as much as the journey moves it on; whatever happens, it is put where it was."""
    before = current_time.offset()
    demo_clock.move(timedelta())  # so that its row is there
    ClockOffset.objects.filter(pk=1).update(offset=before - TO_THE_REVIEW - TO_THE_END)
    yield
    ClockOffset.objects.filter(pk=1).update(offset=before)


@pytest.fixture
def hurried_beat(surroundings: Environment, worker: Service) -> Iterator[Service]:
    """A real beat with the product's timetable in seconds: the test need not wait for its minutes."""
    command = [
        part.replace("governance.celery", "tests.journeys.fast_timetable")
        for part in process_environment.beat(log_level="INFO")
    ]
    log = surroundings.folder / "hurried-beat.log"
    started = Service(command, log, {"LOG_LEVEL": "INFO"}, lambda service: "beat: Starting" in service.log_of_this_life)
    started.start()
    yield started
    started.stop()


@pytest.mark.rule("I7", "A2", "A3", "A4", "A5", "A7", "G1", "G3", "R1", "R4", "S2", "S4", "H2", "H9")
@pytest.mark.usefixtures("turned_back", "hurried_beat")
def test_export_goes_through_both_stages_to_revoked_grant(stage: Stage, tmp_path: Path) -> None:
    submission = the_builder_brings_it_in_and_submits(stage)
    the_lead_approves_the_app_while_the_privileges_wait(stage)
    the_owners_approve_shorten_and_refuse(stage)
    the_business_owner_accepts_what_is_left(stage, submission)
    accepted = {grant.key for grant in Grant.objects.live(current_time.now()).filter(automation=submission.automation)}
    assert len(accepted) == 5 + 3, "five of six privileges, three credentials"

    demo_clock.move(TO_THE_REVIEW)
    grant = the_resource_owner_revokes_from_the_mail(stage, submission.automation)
    demo_clock.move(TO_THE_END)
    it_has_ended_for_good(stage, grant)
    the_ledger_verifies(stage, submission.automation, tmp_path)


def the_builder_brings_it_in_and_submits(stage: Stage) -> Submission:
    """Rita drops the file, says what the unknown connection opens, why each privilege is needed, and submits."""
    from playwright.sync_api import expect

    rita = stage.arrive(stage.company.people.rita)
    page = rita.page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Import").click()
    page.wait_for_url("/import/")
    rita.drop(EXPORT.name, stage.content)
    page.get_by_role("button", name="Preview").click()
    page.wait_for_url(re.compile(r"/import/\d+/$"))
    expect(page.get_by_text("6 privileges, 3 credentials")).to_be_visible()
    page.locator("select[name^=bind-]").first.select_option(str(stage.company.erp.pk))
    for reason in page.locator("input[name^=reason-]").all():
        reason.fill("Without it an invoice that is booked twice is paid twice.")
    page.get_by_label("Purpose").fill("Holds back invoices that were booked twice.")
    page.get_by_label("Business owner").select_option(str(stage.company.people.jonas.pk))
    expect(page.locator("#route")).to_contain_text("Enough approvers for every stage")
    page.get_by_role("button", name="Submit for approval").click()
    page.wait_for_url(re.compile(r"/review/\d+/$"))
    expect(page.locator("#stepper")).to_contain_text("9 wait for stage 1")
    return Submission.objects.get(pk=int(page.url.rstrip("/").rpartition("/")[2]))


def the_lead_approves_the_app_while_the_privileges_wait(stage: Stage) -> None:
    """Theo sees every privilege with its owner, none of them his to decide, and approves the app alone."""
    from playwright.sync_api import expect

    theo = stage.come_by_mail(stage.company.people.theo, "Decide by")
    page = theo.page
    for words in (*KEPT, SHORTENED, REFUSED):
        expect(theo.record(words)).to_contain_text("Opens after stage 1")
        expect(theo.record(words).get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Approve the app").click()
    expect(page.locator("#app")).to_contain_text("Approved")
    expect(page.locator("#stepper")).to_contain_text("0 of 9 decided")


def the_owners_approve_shorten_and_refuse(stage: Stage) -> None:
    """Mei approves what is on the Drive; Omar approves, shortens one term, and refuses one privilege with his reason."""
    from playwright.sync_api import expect

    mei = stage.come_by_mail(stage.company.people.mei, "Decide by")
    approve_the_rest(mei, 2)

    omar = stage.come_by_mail(stage.company.people.omar, "Decide by")
    page, refused, shortened = omar.page, omar.record(REFUSED), omar.record(SHORTENED)
    refused.locator("[data-row-open]").click()
    page.get_by_label("Reason").fill("Payments hold bank accounts; invoices are enough.")
    page.get_by_role("button", name="Reject").click()
    expect(refused).to_contain_text("You rejected")
    shortened.locator("[data-row-open]").click()
    shortened.get_by_label("90 days").check()
    page.get_by_role("button", name="Approve, narrowed").click()
    expect(shortened).to_contain_text("You approved")
    approve_the_rest(omar, 5)
    expect(page.locator("#stepper")).to_contain_text("9 of 9 decided")


def approve_the_rest(visitor: Visitor, count: int) -> None:
    """Press Approve for each row that is still the visitor's to decide; the selection moves on to the next one."""
    from playwright.sync_api import expect

    mine = visitor.page.locator("#rows [data-row-select]")
    for left in range(count, 0, -1):
        expect(mine).to_have_count(left)
        visitor.page.get_by_role("button", name="Approve", exact=True).click()
    expect(mine).to_have_count(0)


def the_business_owner_accepts_what_is_left(stage: Stage, submission: Submission) -> None:
    """Jonas accepts; the automation is live with what was approved, each until its own end, and without what was refused."""
    from playwright.sync_api import expect

    jonas = stage.come_by_mail(stage.company.people.jonas, "1 to answer and 2 to know")
    page = jonas.page
    expect(jonas.record(REFUSED)).to_contain_text("Payments hold bank accounts")
    page.get_by_role("button", name="Accept the 8").click()
    expect(page.locator("#stepper")).to_contain_text("Version 1 is in force.")
    page.get_by_role("link", name="Automation", exact=True).click()
    expect(page.get_by_text("Live, version 1")).to_be_visible()
    expect(page.locator("#grants tbody tr")).to_have_count(8)
    for words in KEPT:
        expect(jonas.grant(words)).to_contain_text(re.compile(r"1(79|80) days left"))
    expect(jonas.grant(SHORTENED)).to_contain_text(re.compile(r"(89|90) days left"))
    expect(jonas.grant(REFUSED)).to_have_count(0)


def the_resource_owner_revokes_from_the_mail(stage: Stage, automation: Automation) -> Grant:
    """Beat opened the items; Omar comes by his digest to one of them, revokes it, and from then on it is not live."""
    from playwright.sync_api import expect

    grant = Grant.objects.get(automation=automation, target=REVOKED)
    resource = Resource.objects.get(entitlements__grants=grant)
    omar = stage.come_by_mail(stage.company.people.omar, r"\d+ to review, first due", topic=f"on {resource.name}")
    page = omar.page
    page.locator(".card-rows li", has_text=REVOKED).get_by_role("link", name="Open").click()
    expect(page.locator("#item-title")).to_contain_text(REVOKED)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Submit 1 answer").first.click()
    expect(page.get_by_text("Submitted 1 answer.")).to_be_visible()
    assert grant not in Grant.objects.live(current_time.now())
    page.goto(reverse("automation", args=[automation.pk]))
    expect(omar.grant(REVOKED)).to_contain_text("Suspended")
    mail_for(stage.mailbox, stage.company.people.jonas, "Revoked", topic=REVOKED)
    return grant


def it_has_ended_for_good(stage: Stage, grant: Grant) -> None:
    """Nobody corrected the revoke: the sweep ends the grant, and the automation's page says so, and why."""
    from playwright.sync_api import expect

    until(lambda: Grant.objects.get(pk=grant.pk).state == GrantState.ENDED, "the revoked grant to end")
    assert grant not in Grant.objects.live(current_time.now())
    jonas = stage.arrive(stage.company.people.jonas, reverse("automation", args=[grant.automation_id]))
    expect(jonas.grant("fin.supplier_invoices")).to_be_visible()
    expect(jonas.grant(REVOKED)).to_have_count(0)
    jonas.page.get_by_role("link", name="Ended grants").click()
    expect(jonas.grant(REVOKED)).to_contain_text("Ended")
    expect(jonas.grant(SHORTENED)).to_contain_text("Ended")


def the_ledger_verifies(stage: Stage, automation: Automation, folder: Path) -> None:
    """An auditor has the ledger verified on its page; the command, and the verifier that needs no database, agree."""
    from playwright.sync_api import expect

    yuki = stage.arrive(stage.company.people.yuki, reverse("ledger"))
    yuki.page.get_by_role("button", name="Verify now").click()
    expect(yuki.page.locator("#verification")).to_contain_text("fit together")

    last = LedgerEvent.objects.filter(about__contains=[f"inventory.automation:{automation.pk}"]).latest("pk")
    until(
        lambda: Seal.objects.filter(last_xid__gte=last.xid).exists(),
        "the journey's last event under a seal",
        seconds=60,
    )
    export, output = folder / "ledger.jsonl", StringIO()
    call_command("verify_ledger", export=export, stdout=output)
    assert "The ledger holds" in output.getvalue()
    assert str(last.event_id) in export.read_text()
    alone = [sys.executable, "-I", str(Path(verifier.__file__)), str(export), "--key", key_files.public_key_hex()]
    apart = subprocess.run(alone, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (apart.returncode, apart.stderr) == (0, "")
    assert "The ledger holds" in apart.stdout
