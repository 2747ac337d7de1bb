"""Signing in and out, saying again that it is you, and what is not there: signing up, choosing an address."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from governance.core.models import Person
from governance.web.requests.middleware import SECOND_FACTOR, SIGNED_IN_AT
from tests.appointments import record_leaver
from tests.people import NOW, Northwind, as_actor
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def rita(northwind: Northwind) -> Person:
    """Rita, with a password."""
    northwind.rita.set_password(PASSWORD)
    northwind.rita.save(update_fields=["password"])
    return northwind.rita


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    """Send the sign-in form."""
    return client.post(reverse("account_login"), {"login": email, "password": password, **more})


# --- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["home", "ledger", "me", "people", "health", "clock", "mail_list", "admin:index"])
def test_every_page_needs_sign_in(name: str) -> None:
    answer = Client().get(reverse(name), follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0].startswith(f"{reverse('account_login')}?next=")


@pytest.mark.parametrize(
    "name",
    [
        "account_signup",
        "account_email",
        "account_set_password",
        "account_confirm_email",
        "account_request_login_code",
    ],
)
def test_nobody_signs_up_or_edits_person_outside_ledger(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


@pytest.mark.parametrize("path", ["signup/", "email/", "password/set/", "social/login/"])
def test_allauths_other_pages_are_not_there(rita: Person, path: str) -> None:
    assert client_of(rita).get(f"/account/{path}").status_code == 404


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(rita: Person) -> None:
    errors = []
    for email, password in ((rita.email, "wrong"), ("nobody@northwind.example", PASSWORD)):
        client = Client()
        answer = sign_in(client, email, password)
        assert answer.status_code == 200
        assert "_auth_user_id" not in client.session
        errors.append(answer.context["form"].non_field_errors())
    assert errors[0] == errors[1]


@pytest.mark.rule("S5")
def test_settings_limit_failed_sign_ins_of_an_account(rita: Person, settings: Any) -> None:
    limited = {
        "login",
        "login_failed",
        "reauthenticate",
        "change_password",
        "reset_password",
        "reset_password_from_key",
    }
    assert set(settings.ACCOUNT_RATE_LIMITS) == limited
    assert settings.ACCOUNT_RATE_LIMITS["login_failed"] == "10/m/ip,5/300s/key"
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "login_failed": "2/300s/key"}
    for password in ("wrong", "wrong again"):
        assert sign_in(Client(), rita.email, password).status_code == 200
    assert sign_in(Client(), rita.email).status_code == 200, "this account is locked for a while"


@pytest.mark.rule("R8", "S1")
def test_leaver_cannot_sign_in_and_session_ends(rita: Person, northwind: Northwind) -> None:
    client = client_of(rita)
    assert client.get(reverse("me")).status_code == 200
    record_leaver(rita, actor=as_actor(northwind.ines), now=NOW, reason="New job")
    assert client.get(reverse("me")).status_code == 302
    fresh = Client()
    sign_in(fresh, rita.email)
    assert "_auth_user_id" not in fresh.session


def test_picking_person_works_in_demo_only(rita: Person, settings: Any) -> None:
    settings.DEMO = False
    client = Client()
    page = client.get(reverse("account_login"))
    assert "Or choose a person" not in page.content.decode()
    assert client.post(reverse("demo_sign_in"), {"person": str(rita.opaque_id)}).status_code == 404
    assert "_auth_user_id" not in client.session


def test_demo_sign_in_needs_post_with_token(rita: Person, northwind: Northwind) -> None:
    assert Client().get(reverse("demo_sign_in")).status_code == 405
    careful = Client(enforce_csrf_checks=True)
    assert careful.post(reverse("demo_sign_in"), {"person": str(rita.opaque_id)}).status_code == 403
    record_leaver(northwind.tom, actor=as_actor(northwind.ines), now=NOW, reason="New job")
    for nobody in ("", "x", "0" * 36, str(northwind.tom.opaque_id), str(rita.pk)):
        client = Client()
        assert client.post(reverse("demo_sign_in"), {"person": nobody}).status_code == 404
        assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"])
def test_signing_in_never_leads_away_from_the_portal(rita: Person, elsewhere: str) -> None:
    picked = Client().post(reverse("demo_sign_in"), {"person": str(rita.opaque_id), "next": elsewhere})
    assert picked["Location"] == reverse("home")
    typed = sign_in(Client(), rita.email, next=elsewhere)
    assert typed["Location"] == reverse("home")


# --- done -----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S5")
def test_a_sign_in_notes_when_it_was_and_leads_to_the_page_that_was_wanted(rita: Person) -> None:
    client = Client()
    before = int(time.time())
    answer = sign_in(client, rita.email, next="/me/")
    assert answer["Location"] == "/me/"
    assert before <= client.session[SIGNED_IN_AT] <= time.time()
    client.post(reverse("account_logout"))
    assert "_auth_user_id" not in client.session


def test_demo_lists_people_and_signs_in(rita: Person) -> None:
    client = Client()
    page = client.get(reverse("account_login"), {"next": "/ledger/"}).content.decode()
    assert "Rita Novak" in page
    assert "Ines Moreau" in page
    answer = client.post(reverse("demo_sign_in"), {"person": str(rita.opaque_id), "next": "/ledger/"})
    assert answer["Location"] == "/ledger/"
    assert client.session["_auth_user_id"] == str(rita.pk)
    assert client.session[SIGNED_IN_AT] >= time.time() - 5


@pytest.mark.rule("S5")
def test_saying_again_that_it_is_you_takes_the_password_and_makes_the_sign_in_fresh(rita: Person) -> None:
    client = client_of(rita, minutes_ago=60)
    wrong = client.post(reverse("account_reauthenticate"), {"password": "wrong", "next": "/me/"})
    assert wrong.status_code == 200
    assert client.session[SIGNED_IN_AT] < time.time() - 3000
    right = client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": "/me/"})
    assert right["Location"] == "/me/"
    assert client.session[SIGNED_IN_AT] > time.time() - 10


@pytest.mark.rule("S5")
def test_demo_person_reauthenticates_by_button(northwind: Northwind, settings: Any) -> None:
    client = client_of(northwind.theo, minutes_ago=60)
    assert "I am Theo Brandt" in client.get(reverse("account_reauthenticate")).content.decode()
    client.post(reverse("account_reauthenticate"), {"next": "/me/"})
    assert client.session[SIGNED_IN_AT] > time.time() - 10
    settings.DEMO = False
    client = client_of(northwind.theo, minutes_ago=60)
    assert client.post(reverse("account_reauthenticate")).status_code == 403
    assert client.session[SIGNED_IN_AT] < time.time() - 3000


def test_a_second_factor_is_added_asked_for_and_removed(rita: Person) -> None:
    from allauth.mfa.adapter import get_adapter
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal import auth

    client = Client()
    sign_in(client, rita.email)
    assert "Add an authenticator" in client.get(reverse("mfa_index")).content.decode()
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse("account_reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    code = f"{auth.hotp_value(secret, next(iter(auth.yield_hotp_counters_from_time()))):06d}"
    assert client.post(reverse("mfa_activate_totp"), {"code": code}).status_code == 302
    stored = Authenticator.objects.get(user=rita, type="totp")
    assert stored.data["secret"] != secret, "the secret lies encrypted"
    assert get_adapter().decrypt(stored.data["secret"]) == secret
    assert client.get(reverse("mfa_view_recovery_codes")).status_code == 200

    again = Client()
    assert sign_in(again, rita.email)["Location"].startswith(reverse("mfa_authenticate"))
    assert again.get(reverse("home")).status_code == 302, "half signed in is not signed in"
    assert again.get(reverse("mfa_authenticate")).status_code == 200
    assert again.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert SIGNED_IN_AT not in again.session
    recovery = Authenticator.objects.get(user=rita, type="recovery_codes").wrap().get_unused_codes()[0]
    again.post(reverse("mfa_authenticate"), {"code": recovery})
    assert again.session["_auth_user_id"] == str(rita.pk)
    assert again.session[SIGNED_IN_AT] > time.time() - 10
    assert again.session[SECOND_FACTOR] is True
    assert client.session[SECOND_FACTOR] is False, "it signed in before the person had one"
    there = client.get(reverse("account_reauthenticate"), {"next": "/me/"})["Location"]
    assert there == f"{reverse('mfa_reauthenticate')}?next=%2Fme%2F"
    recovery = Authenticator.objects.get(user=rita, type="recovery_codes").wrap().get_unused_codes()[0]
    client.post(reverse("mfa_reauthenticate"), {"code": recovery, "next": "/me/"})
    assert client.session[SECOND_FACTOR] is True
    assert client.get(reverse("mfa_deactivate_totp")).status_code == 200
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.filter(user=rita).exists()


@pytest.mark.rule("H8")
def test_times_are_shown_in_readers_zone(northwind: Northwind) -> None:
    assert "Times are in Europe/Berlin" in client_of(northwind.rita).get(reverse("me")).content.decode()
    northwind.rita.time_zone = "Asia/Tokyo"
    northwind.rita.save()
    assert "Times are in Asia/Tokyo" in client_of(northwind.rita).get(reverse("me")).content.decode()


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "utf8"])
def test_a_form_in_another_encoding_is_answered_in_words_and_not_by_a_failure(rita: Person, charset: str) -> None:
    for client in (Client(), client_of(rita)):
        kind = f"application/x-www-form-urlencoded; charset={charset}"
        answer = client.post(reverse("account_login"), b"login=a&password=b", content_type=kind)
        assert answer.status_code == 400
        assert "<h1" in answer.content.decode()
