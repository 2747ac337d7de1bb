"""Single sign-on in Chromium, at a certified OpenID provider (P1): sign-in, a fresh proof, a linked account, and sign-out there."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from governance.core.models import LedgerEvent, LinkedAccount, Person
from governance.devserver import process_environment
from tests.environment import ROOT, Environment, free_port, required
from tests.people import make_person
from tests.processes import Service, Site, port_answers, until
from tests.sign_in_provider import SECRET, provider_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.rule("P1")]
PASSWORD = "correct horse battery staple"
MODULES = ROOT / ".venv" / "sign-in-servers"


@pytest.fixture(scope="module")
def openid(surroundings: Environment, portal_port: int) -> Iterator[str]:
    """The provider's address; without Node, a skip, or a failure where it is required."""
    node = shutil.which("node")
    if node is None or not (MODULES / "installed.json").exists():
        (pytest.fail if required("provider") else pytest.skip)(
            "no OpenID provider here: apt-get install -y npm, then make parts"
        )
    port = free_port()
    variables = {
        "PORT": str(port),
        "PORTAL": f"http://localhost:{portal_port}",
        "CLIENT_SECRET": SECRET,
        "MODULES": str(MODULES),
    }
    served = Service(
        [str(node), str(ROOT / "tests" / "sign_in_servers" / "openid_provider.mjs")],
        surroundings.folder / "openid.log",
        variables,
        lambda service: "ready" in service.log_of_this_life,
    )
    served.start()
    yield f"http://localhost:{port}"
    served.stop()


@pytest.fixture(scope="module")
def portal_port() -> int:
    """Where the portal of this file answers; the provider must know it."""
    return free_port()


@pytest.fixture(scope="module")
def portal(
    surroundings: Environment, django_db_setup: None, portal_port: int, openid: str, tmp_path_factory: Any
) -> Iterator[Site]:
    """A web server that knows the provider."""
    file: Path = provider_file(tmp_path_factory.mktemp("providers"), openid)
    served = Site(
        process_environment.web("127.0.0.1", portal_port),
        surroundings.folder / "single_sign_on.log",
        {"SIGN_IN_PROVIDERS": str(file), "LOG_LEVEL": "INFO", "BASE_URL": f"http://localhost:{portal_port}"},
        lambda _: port_answers(portal_port),
    )
    served.url = f"http://localhost:{portal_port}"
    served.start()
    yield served
    served.stop()


@pytest.fixture
def open_portal(browser: Browser, portal: Site, committed: None) -> Iterator[Callable[[], Page]]:
    """Open the portal in a browser of its own. What the portal's pages complain about fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def note(line: Any) -> None:
        if line.type == "error" and line.location["url"].startswith(portal.url) and " 40" not in line.text:
            complaints.append(line.text)

    def open_one() -> Page:
        context = browser.new_context(base_url=portal.url, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints, f"{complaints}\n{portal.log[-2000:]}"


def at_provider(page: Page, account: str) -> None:
    """Sign in on the provider's own page, and consent where it asks."""
    page.locator("input[name=login]").fill(account)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    consent = page.get_by_role("button", name="Continue")
    if consent.count():
        consent.click()


def signed_in_as(subject: str, page: Page) -> Person:
    """The person of an account, once the browser is back at the portal."""
    page.wait_for_url(lambda url: "/account/" not in url and "/interaction/" not in url)
    return Person.objects.get(source="northwind", subject=subject)


def test_person_signs_in_proves_it_again_and_signs_out_at_the_provider(
    open_portal: Callable[[], Page], portal: Site, openid: str
) -> None:
    page = open_portal()
    page.goto("/")
    page.get_by_role("link", name="Continue with Northwind").click()
    at_provider(page, "lena")
    lena = signed_in_as("lena", page)
    assert lena.name == "Lena Fischer"
    assert page.get_by_text("Lena").first.is_visible()
    page.goto(f"{reverse('account_reauthenticate')}?next={reverse('my_tokens')}")
    at_provider(page, "lena")
    page.wait_for_url(f"**{reverse('my_tokens')}")
    assert LedgerEvent.objects.filter(verb="person.signed_in", subject_id=str(lena.pk)).count() == 2
    page.goto(f"{openid}/session/end")
    page.get_by_role("button", name="Yes, sign me out").click()
    ended = LedgerEvent.objects.filter(verb="person.sessions_ended", subject_id=str(lena.pk))
    until(ended.exists, f"the logout\n{portal.log[-2000:]}")
    page.goto(reverse("me"))
    assert page.url.startswith(f"{portal.url}{reverse('account_login')}")


@pytest.mark.rule("S1")
def test_person_with_password_links_account_and_signs_in_with_it(open_portal: Callable[[], Page]) -> None:
    person = make_person(f"Rita {uuid.uuid4().hex[:6]}")
    person.set_password(PASSWORD)
    person.save(update_fields=["password"])
    page = open_portal()
    page.goto(reverse("account_login"))
    page.locator("input[name=login]").fill(person.email)
    page.get_by_role("button", name="Continue with this address").click()
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(reverse("my_sign_in"))
    page.get_by_role("link", name="Link an account of Northwind").click()
    at_provider(page, "rita")
    page.wait_for_url(f"**{reverse('my_sign_in')}")
    assert page.get_by_role("button", name="Unlink Northwind").is_visible()
    other = open_portal()
    other.goto(reverse("account_login"))
    other.get_by_role("link", name="Continue with Northwind").click()
    at_provider(other, "rita")
    other.wait_for_url(lambda url: "/account/" not in url and "/interaction/" not in url)
    assert LinkedAccount.objects.get(subject="rita", ended_at__isnull=True).person == person
    assert not Person.objects.filter(source="northwind", subject="rita").exists()
    other.goto(reverse("my_sign_in"))
    other.get_by_role("button", name="End all others").click()
    page.goto(reverse("me"))
    assert reverse("account_login") in page.url
