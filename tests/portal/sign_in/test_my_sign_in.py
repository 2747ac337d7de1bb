"""People see and end their own sessions, and choose among providers by address (P1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from governance.core.clock import current_time
from governance.core.models import LedgerEvent, Person
from governance.core.sign_in.jobs import clear_expired
from governance.portal.sessions.queries import browser_words
from governance.portal.sign_in.adapters import SAME_PROOF_SECONDS, has_code
from tests.people import Northwind
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1")]
PASSWORD = "correct horse battery staple"


def app(name: str, *domains: str) -> dict[str, Any]:
    """A provider as the settings have it."""
    return {
        "provider_id": name,
        "name": name.title(),
        "client_id": "x",
        "secret": "y",
        "settings": {"domains": list(domains)},
    }


@pytest.fixture
def providers(settings: Any) -> Iterator[None]:
    """Two providers, one of them with a domain."""
    apps = [app("northwind", "northwind.example"), app("guests")]
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": apps}}
    return


@pytest.fixture
def rita(northwind: Northwind) -> Person:
    """Rita, with a password."""
    northwind.rita.set_password(PASSWORD)
    northwind.rita.save(update_fields=["password"])
    return northwind.rita


def browser(person: Person, agent: str) -> Client:
    """A browser in which somebody signed in."""
    client = Client(headers={"user-agent": agent})
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


def test_nobody_ends_sessions_of_others(rita: Person, northwind: Northwind) -> None:
    client = browser(rita, "Firefox")
    row = UserSession.objects.get(user=rita)
    other = client_of(northwind.ines)
    assert other.post(reverse("session_end", args=[row.pk])).status_code == 404
    other.post(reverse("other_sessions_end"))
    assert client.get(reverse("me")).status_code == 200
    assert "Firefox" not in other.get(reverse("my_sign_in")).content.decode()


def test_person_ends_session_of_another_browser(rita: Person) -> None:
    here, there = browser(rita, "Firefox"), browser(rita, "Chrome")
    page = here.get(reverse("my_sign_in")).content.decode()
    assert "this session" in page
    assert "Chrome" in page
    row = UserSession.objects.get(user=rita, user_agent="Chrome")
    assert here.post(reverse("session_end", args=[row.pk]))["Location"] == reverse("my_sign_in")
    assert there.get(reverse("me")).status_code == 302
    assert here.get(reverse("me")).status_code == 200
    event = LedgerEvent.objects.get(verb="person.sessions_ended")
    assert (event.actor_id, event.payload) == (str(rita.opaque_id), {"sessions": 1})


def test_person_ends_all_other_sessions(rita: Person) -> None:
    here, *others = (browser(rita, name) for name in ("Firefox", "Chrome", "Safari"))
    here.post(reverse("other_sessions_end"))
    assert [client.get(reverse("me")).status_code for client in (here, *others)] == [200, 302, 302]
    assert LedgerEvent.objects.get(verb="person.sessions_ended").payload == {"sessions": 2}


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5", "curl/8.5"),
        ("", "Unknown browser"),
    ],
)
def test_browser_is_named_in_words(agent: str, words: str) -> None:
    assert browser_words(agent) == words


@pytest.mark.rule("H7")
def test_browser_of_expired_session_is_forgotten(rita: Person) -> None:
    browser(rita, "Firefox")
    clear_expired(at=current_time.real())
    assert UserSession.objects.count() == 1
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()
    clear_expired(at=current_time.real())
    assert UserSession.objects.count() == 0


@pytest.mark.usefixtures("providers")
def test_address_leads_to_its_provider(rita: Person) -> None:
    client = Client()
    page = client.get(reverse("account_login")).content.decode()
    assert "Continue with Northwind" in page
    assert "Continue with Guests" in page
    assert 'type="password"' not in page
    answer = client.post(reverse("account_login"), {"login": "Lena@Northwind.example", "next": "/me/"})
    assert answer["Refresh"] == "0;url=/account/sso/northwind/?next=%2Fme%2F&hint=Lena%40Northwind.example"
    assert "You sign in at Northwind." in answer.content.decode()
    page = client.post(reverse("account_login"), {"login": "x@elsewhere.example"})
    assert "Refresh" not in page
    assert 'type="password"' in page.content.decode()
    assert "x@elsewhere.example" in page.content.decode()


@pytest.mark.usefixtures("providers")
def test_password_can_be_chosen_for_address_of_provider(rita: Person) -> None:
    """The first admins have one, and link their account with it."""
    page = Client().get(reverse("account_login")).content.decode()
    assert 'href="/account/login/?password=1"' in page
    assert 'type="password"' in Client().get(reverse("account_login"), {"password": "1"}).content.decode()
    assert "_auth_user_id" in browser(rita, "Firefox").session


@pytest.mark.usefixtures("providers")
def test_known_and_unknown_address_are_answered_alike(rita: Person, settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"].pop(0)
    pages = [
        Client().post(reverse("account_login"), {"login": address}).content.decode().replace(address, "")
        for address in (rita.email, "nobody@northwind.example")
    ]
    assert _without_token(pages[0]) == _without_token(pages[1])


def _without_token(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrf" not in line.lower())


@pytest.mark.usefixtures("providers")
def test_without_passwords_no_password_signs_in(rita: Person, settings: Any) -> None:
    running = browser(rita, "Firefox")
    settings.PASSWORD_SIGN_IN = False
    client = Client()
    client.post(reverse("account_login"), {"login": rita.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    page = client.post(reverse("account_login"), {"login": "x@elsewhere.example"}).content.decode()
    assert "No sign-in is set up for this address." in page
    assert 'type="password"' not in page
    settings.DEMO = False
    page = client.post(reverse("account_login"), {"login": "x@elsewhere.example", "password": "x"}).content.decode()
    assert 'type="password"' not in page
    for name in ("account_reset_password", "account_change_password"):
        assert running.get(reverse(name)).status_code == 404
    assert "Change<span" not in running.get(reverse("my_sign_in")).content.decode()
    assert running.get(reverse("account_reauthenticate"))["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in running.session, "the password that opened it proves nothing any more"


@pytest.mark.usefixtures("providers")
def test_without_passwords_nobody_is_added_or_invited_by_hand(northwind: Northwind, settings: Any) -> None:
    settings.PASSWORD_SIGN_IN = False
    admin, tom = client_of(northwind.ines), northwind.tom
    assert "Add a person" not in admin.get(reverse("people")).content.decode()
    answer = admin.post(reverse("person_add"), {"name": "Ada Neu", "email": "ada@northwind.example"})
    assert (answer.status_code, "Passwords are off" in answer.content.decode()) == (409, True)
    assert admin.post(reverse("person_invite", args=[tom.pk])).status_code == 409
    assert "no way yet" in admin.get(reverse("person", args=[tom.pk])).content.decode()


@pytest.mark.rule("S5")
def test_code_of_an_earlier_proof_is_no_part_of_a_new_one() -> None:
    records = [{"method": "mfa", "at": 1000.0}, {"method": "password", "at": 5000.0}]
    assert not has_code(records, 5000.0)
    assert has_code(records, 1000.0 + SAME_PROOF_SECONDS)
