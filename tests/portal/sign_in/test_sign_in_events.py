"""What changes how somebody signs in leaves an event that holds nothing about them, and a history row (H1, H6)."""

from __future__ import annotations

import getpass
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from governance.core.duties.refusals import NotPermitted
from governance.core.models import LedgerEvent, Person
from governance.core.sign_in import transitions as sign_in_transitions
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


def event(verb: str, person: Person) -> LedgerEvent:
    """The one event of this name about a person; it holds only the fact, the actor, and what signed them in."""
    row = LedgerEvent.objects.get(verb=verb, subject_type="controls.person", outcome="done")
    facts = {"source": "local"} if verb == "person.signed_in" else {}
    assert (row.subject_id, row.payload) == (str(person.pk), facts)
    return row


def enrolled(person: Person) -> Client:
    """Somebody's browser after they added an authenticator."""
    from allauth.mfa.totp.internal import auth

    client = Client()
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    code = f"{auth.hotp_value(secret, next(iter(auth.yield_hotp_counters_from_time()))):06d}"
    assert client.post(reverse("mfa_activate_totp"), {"code": code}).status_code == 302
    return client


@pytest.mark.rule("H1", "S5")
def test_foreign_and_leavers_passwords_are_not_set(northwind: Northwind, rita: Person, monkeypatch: Any) -> None:
    for who in (northwind.ines, northwind.jonas):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            sign_in_transitions.set_password(rita, actor=as_actor(who), now=NOW, password="another good long one")
    record_leaver(rita, actor=as_actor(northwind.ines), now=NOW, reason="A new job.")
    monkeypatch.setattr(getpass, "getpass", lambda _: "another good long one")
    with pytest.raises(CommandError, match="has left"):
        call_command("set_password", rita.subject)
    rita.refresh_from_db()
    assert rita.check_password(PASSWORD)


@pytest.mark.rule("H1", "H6")
def test_a_password_set_by_command_is_on_record_and_not_in_it(
    northwind: Northwind, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rita = northwind.rita
    before = rita.history.count()
    monkeypatch.setattr(getpass, "getpass", lambda _: PASSWORD)
    call_command("set_password", rita.subject)
    ledger_event = event("person.password_set", rita)
    assert (ledger_event.actor_kind, ledger_event.actor_id) == ("job", "set_password")
    rita.refresh_from_db()
    assert rita.check_password(PASSWORD)
    assert rita.history.count() == before + 1
    row = rita.history.latest()
    kept = json.dumps({field.name: str(getattr(row, field.attname)) for field in row._meta.fields})
    assert PASSWORD not in kept
    assert rita.password not in kept


@pytest.mark.rule("H1")
def test_wrong_password_opens_no_session_and_sign_in_is_recorded(rita: Person) -> None:
    client = Client()
    client.post(reverse("account_login"), {"login": rita.email, "password": "wrong"})
    assert not LedgerEvent.objects.filter(verb="person.signed_in").exists()
    client.post(reverse("account_login"), {"login": rita.email, "password": PASSWORD})
    assert event("person.signed_in", rita).actor_id == str(rita.opaque_id)
    rita.refresh_from_db()
    assert rita.last_login is not None


@pytest.mark.rule("H1")
def test_being_picked_by_name_in_a_demo_is_a_sign_in_too(rita: Person) -> None:
    client = Client()
    client.post(reverse("demo_sign_in"), {"person": str(rita.opaque_id)})
    assert client.session["_auth_user_id"] == str(rita.pk)
    event("person.signed_in", rita)


@pytest.mark.rule("H1", "H6")
def test_a_second_factor_leaves_an_event_when_it_comes_when_its_codes_change_and_when_it_goes(rita: Person) -> None:
    client = client_of(rita)
    assert client.post(reverse("mfa_activate_totp"), {"code": "000000"}).status_code in (200, 302)
    assert not LedgerEvent.objects.filter(verb__startswith="person.second_factor").exists()
    before = rita.history.count()
    client = enrolled(rita)
    event("person.second_factor_enrolled", rita)
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    event("person.recovery_codes_made", rita)
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    event("person.second_factor_removed", rita)
    assert rita.history.count() == before + 3


@pytest.mark.rule("H1")
def test_unrecorded_sign_in_change_is_rolled_back(rita: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from allauth.mfa.models import Authenticator

    from governance.core.ledger import ledger_events

    client = enrolled(rita)

    def fails(_: Any) -> None:
        raise RuntimeError("The ledger takes nothing.")

    monkeypatch.setattr(ledger_events, "append_all", fails)
    with pytest.raises(RuntimeError, match="takes nothing"):
        client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(user=rita, type="totp").exists()


@pytest.mark.rule("H1", "S5")
def test_leaver_between_password_and_code_is_refused_like_typo(
    northwind: Northwind, rita: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.portal.sign_in.adapters import AccountAdapter

    def leaves(*_: Any, **__: Any) -> None:
        record_leaver(rita, actor=as_actor(northwind.ines), now=NOW, reason="A new job.")

    monkeypatch.setattr(AccountAdapter, "pre_login", leaves)
    client = Client()
    answer = client.post(reverse("account_login"), {"login": rita.email, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("account_login"))
    assert "_auth_user_id" not in client.session
    assert LedgerEvent.objects.filter(verb="person.signed_in").values_list("outcome", flat=True).get() == "refused"


@pytest.mark.rule("H1")
def test_an_authenticator_added_twice_at_once_is_added_once_and_the_second_reads_why(
    rita: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp import views as totp
    from allauth.mfa.totp.internal import auth

    client = enrolled(rita)
    monkeypatch.setattr(totp, "is_mfa_enabled", lambda *_: False)  # the second request looked before the first was done
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    code = f"{auth.hotp_value(secret, next(iter(auth.yield_hotp_counters_from_time()))):06d}"
    assert client.post(reverse("mfa_activate_totp"), {"code": code}).status_code == 409
    assert Authenticator.objects.filter(user=rita, type="totp").count() == 1
    outcomes = LedgerEvent.objects.filter(verb="person.second_factor_enrolled").order_by("pk")
    assert list(outcomes.values_list("outcome", flat=True)) == ["done", "refused"]
