"""Local accounts: an invitation that sets the first password, a change, and a reset by mail (S5, H1, H6)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils.http import int_to_base36

from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.models import LedgerEvent, Notice, Person
from governance.core.tokens import transitions as token_transitions
from tests.appointments import record_leaver
from tests.core.tokens.test_tokens import made_for
from tests.mail_server import Server, plain
from tests.people import NOW, Northwind, as_actor
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
NEW = "another good long one"
LINK = re.compile(r"(/account/password/reset/key/\S+)")


@pytest.fixture
def mails(smtp: Server, settings: Any) -> Server:
    """A real mail server that the outbox sends to."""
    settings.MAIL_SERVER = smtp.settings
    return smtp


@pytest.fixture
def rita(northwind: Northwind) -> Person:
    """Rita, with a password."""
    northwind.rita.set_password(PASSWORD)
    northwind.rita.save(update_fields=["password"])
    return northwind.rita


def invited(northwind: Northwind) -> Person:
    """A person that Ines has just added on the page."""
    answer = client_of(northwind.ines).post(
        reverse("person_add"), {"name": "Vera Sommer", "email": "vera.sommer@northwind.example", "title": ""}
    )
    assert answer.status_code == 302
    return Person.objects.get(email="vera.sommer@northwind.example")


def link_of(mails: Server, address: str) -> str:
    """The path in the newest mail to an address, after the outbox was emptied."""
    mail_jobs.send_due(now=current_time.now())
    match = LINK.search(plain(mails.to(address)[-1]))
    assert match is not None
    return match[1]


def set_by(path: str, password: str = NEW, repeated: str = "") -> tuple[Client, Any]:
    """Follow a link and send the form behind it; the browser and the answer."""
    browser = Client()
    assert browser.get(path).status_code == 200
    return browser, browser.post(path, {"password1": password, "password2": repeated or password})


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S5")
def test_forged_or_foreign_password_link_is_refused(northwind: Northwind, rita: Person, mails: Server) -> None:
    vera = invited(northwind)
    path = link_of(mails, vera.email)
    ours, key = int_to_base36(vera.pk), path.rstrip("/").rpartition("-")[2]
    for wrong in (path.replace(key, "0" * len(key)), path.replace(f"/{ours}-", f"/{int_to_base36(rita.pk)}-")):
        answer = Client().get(wrong, follow=True)
        assert "This link does not work any more" in answer.content.decode()
    rita.refresh_from_db()
    assert rita.check_password(PASSWORD)


@pytest.mark.rule("S5")
def test_a_link_ends_after_three_days_and_works_once(northwind: Northwind, mails: Server, settings: Any) -> None:
    vera = invited(northwind)
    path = link_of(mails, vera.email)
    assert settings.PASSWORD_RESET_TIMEOUT == 3 * 24 * 60 * 60
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link does not work any more" in Client().get(path, follow=True).content.decode()
    settings.PASSWORD_RESET_TIMEOUT = 60
    set_by(path)
    assert "This link does not work any more" in Client().get(path, follow=True).content.decode()


@pytest.mark.parametrize(
    ("password", "repeated", "sentence"),
    [("short", "", "at least 12 characters"), (NEW, "something else here", "same password")],
)
def test_weak_or_mistyped_password_is_refused_beside_field(
    northwind: Northwind, mails: Server, password: str, repeated: str, sentence: str
) -> None:
    vera = invited(northwind)
    browser, answer = set_by(link_of(mails, vera.email), password, repeated)
    vera.refresh_from_db()
    assert not vera.has_usable_password()
    assert sentence in answer.content.decode()
    assert "_auth_user_id" not in browser.session


@pytest.mark.rule("S5", "R8")
def test_reset_for_stranger_or_leaver_sends_nothing_with_same_answer(
    northwind: Northwind, rita: Person, mails: Server
) -> None:
    record_leaver(northwind.tom, actor=as_actor(northwind.ines), now=NOW, reason="New job")
    Person.objects.filter(pk=northwind.piet.pk).update(source="oidc")
    pages = set()
    for address in ("nobody@northwind.example", northwind.tom.email, northwind.piet.email, rita.email):
        answer = Client().post(reverse("account_reset_password"), {"email": address}, follow=True)
        pages.add(answer.content.decode().partition("<main")[2].partition("</main>")[0])
    [page] = pages
    assert "Check your mail" in page
    assert list(Notice.objects.filter(event="password_reset").values_list("recipient", flat=True)) == [rita.pk]


def test_many_resets_in_a_minute_are_one_mail(rita: Person) -> None:
    for _ in range(3):
        Client().post(reverse("account_reset_password"), {"email": rita.email})
    assert Notice.objects.filter(event="password_reset").count() == 1


@pytest.mark.rule("S5")
def test_a_change_needs_the_old_password(rita: Person) -> None:
    sent = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    answer = client_of(rita).post(reverse("account_change_password"), sent)
    assert "Please type your current password" in answer.content.decode()
    rita.refresh_from_db()
    assert rita.check_password(PASSWORD)


@pytest.mark.rule("S5", "H1")
def test_only_admin_invites(northwind: Northwind) -> None:
    for who in (northwind.sana, northwind.yuki):
        assert client_of(who).post(reverse("person_invite", args=[northwind.tom.pk])).status_code == 403
    assert not Notice.objects.filter(event="invitation").exists()
    refused = LedgerEvent.objects.filter(verb="person.invited", outcome="refused", code="PERMISSION")
    assert refused.count() == 2


@pytest.mark.rule("S5")
def test_external_account_is_not_invited(northwind: Northwind) -> None:
    Person.objects.filter(pk=northwind.tom.pk).update(source="oidc")
    answer = client_of(northwind.ines).post(reverse("person_invite", args=[northwind.tom.pk]))
    assert answer.status_code == 409
    assert "Tom Ashby signs in by oidc" in answer.content.decode()


# --- done --------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H1", "S5")
def test_a_new_person_is_invited_sets_a_password_and_signs_in(northwind: Northwind, mails: Server) -> None:
    vera = invited(northwind)
    path = link_of(mails, vera.email)
    [mail] = mails.to(vera.email)
    assert mail["Subject"] == "Set your password for Countersign"
    assert "3 days" in plain(mail)
    browser, answer = set_by(path)
    assert answer["Location"] == reverse("account_reset_password_from_key_done")
    assert "Your password is set" in browser.get(answer["Location"]).content.decode()
    signed = browser.post(reverse("account_login"), {"login": vera.email, "password": NEW})
    assert signed["Location"] == reverse("home")
    verbs = LedgerEvent.objects.filter(subject_id=str(vera.pk)).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["person.added", "person.invited", "person.password_set", "person.signed_in"]


@pytest.mark.rule("I6", "H6")
@pytest.mark.parametrize("has_server", [True, False])
def test_the_link_is_in_no_row(northwind: Northwind, smtp: Server, settings: Any, has_server: bool) -> None:
    settings.MAIL_SERVER = smtp.settings if has_server else None
    vera = invited(northwind)
    mail_jobs.send_due(now=current_time.now())
    rows = repr([*Notice.objects.values(), *LedgerEvent.objects.values()])
    assert not LINK.search(rows)
    if has_server:
        set_by(link_of(smtp, vera.email), "short")
        key = link_of(smtp, vera.email).rstrip("/").rpartition("-")[2]
        assert key not in repr([session.get_decoded() for session in Session.objects.all()])
    assert len(smtp.to(vera.email)) == int(has_server)


def test_admin_sees_missing_passwords_and_reinvites(northwind: Northwind, mails: Server) -> None:
    vera = invited(northwind)
    ines = client_of(northwind.ines)
    page = ines.get(reverse("person", args=[vera.pk])).content.decode()
    assert "No password yet" in page
    assert "Send invitation again" in page
    first = link_of(mails, vera.email)
    ines.post(reverse("person_invite", args=[vera.pk]))
    assert link_of(mails, vera.email)
    set_by(first)
    page = ines.get(reverse("person", args=[vera.pk])).content.decode()
    assert "No password yet" not in page
    assert "Send invitation" not in page


@pytest.mark.rule("S5", "H1")
def test_password_change_ends_sessions_and_tokens_with_notice(rita: Person, mails: Server) -> None:
    here, elsewhere = client_of(rita), client_of(rita)
    _, secret = made_for(rita)
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    answer = here.post(reverse("account_change_password"), sent)
    assert answer["Location"] == reverse("me")
    page = here.get(reverse("me"))
    assert "Your password is changed" in page.content.decode()
    assert elsewhere.get(reverse("me")).status_code == 302
    assert token_transitions.recognise(secret) is None
    mail_jobs.send_due(now=current_time.now())
    assert mails.to(rita.email)[-1]["Subject"] == "Your Countersign password was changed"
    assert LedgerEvent.objects.filter(verb="person.password_set").count() == 1


@pytest.mark.rule("S5")
def test_a_forgotten_password_is_reset_by_mail(rita: Person, mails: Server) -> None:
    page = Client().get(reverse("account_login")).content.decode()
    assert reverse("account_reset_password") in page
    Client().post(reverse("account_reset_password"), {"email": rita.email})
    set_by(link_of(mails, rita.email))
    rita.refresh_from_db()
    assert rita.check_password(NEW)


def test_person_without_password_is_led_to_reset(northwind: Northwind) -> None:
    northwind.rita.set_unusable_password()
    northwind.rita.save(update_fields=["password"])
    answer = client_of(northwind.rita).get(reverse("account_change_password"))
    assert answer["Location"] == reverse("account_reset_password")
