"""An account of a provider is a person here: known, admitted, linked or refused (P1, S1)."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict, NotPermitted
from governance.core.models import DirectoryEntry, Erasure, LedgerEvent, LinkedAccount, Person
from governance.core.sign_in import accounts
from governance.core.sign_in.accounts import Account
from governance.web.requests.middleware import SECOND_FACTOR, SIGNED_IN_AT
from tests.appointments import record_leaver
from tests.people import NOW, Northwind, as_actor
from tests.sign_in_provider import Provider, ask, come_back, sign_in
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1")]


def lena() -> Person:
    """The one person of the provider."""
    return Person.objects.get(source="northwind")


def link(client: Client, provider: Provider, subject: str, **claims: Any) -> Any:
    """Link an account of the provider, as the button does."""
    return sign_in(client, provider, subject, {"link": ""}, **claims)


# --- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S1")
def test_account_with_address_of_person_here_is_not_admitted(northwind: Northwind, provider: Provider) -> None:
    """Otherwise Rita would count twice, and could approve what she submitted."""
    client = Client()
    answer = sign_in(client, provider, "rita", email=northwind.rita.email.upper())
    assert answer.status_code == 409
    assert "it is not linked to Northwind" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert not Person.objects.filter(source="northwind").exists()


def test_unknown_account_is_refused_where_the_operator_says_so(provider: Provider, settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["admits"] = False
    answer = sign_in(Client(), provider, "lena")
    assert (answer.status_code, "You have no account here yet." in answer.content.decode()) == (403, True)
    assert not Person.objects.filter(source="northwind").exists()


@pytest.mark.parametrize("verified", [False, None, "true", 0])
def test_unverified_address_is_refused(provider: Provider, verified: Any) -> None:
    client = Client()
    asked = ask(client)
    provider.claims = provider.claims_of("lena", nonce=asked["nonce"], email_verified=verified)
    assert come_back(client, asked).status_code == 403
    assert not Person.objects.filter(source="northwind").exists()


@pytest.mark.parametrize(
    "email",
    ["lena@evil.example", "lena@northwind.example.evil.example", "lena", "a@northwind.example@evil.example", None],
)
def test_address_of_another_domain_is_refused(provider: Provider, settings: Any, email: str | None) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["domains"] = ["northwind.example"]
    provider.info = {"sub": "lena"}
    assert sign_in(Client(), provider, "lena", email=email).status_code == 403
    assert sign_in(Client(), provider, "sana", email="sana@NORTHWIND.example").status_code == 302


@pytest.mark.rule("R8")
def test_leaver_does_not_come_back_by_their_provider(northwind: Northwind, provider: Provider) -> None:
    client = Client()
    sign_in(client, provider, "lena")
    record_leaver(lena(), actor=as_actor(northwind.ines), now=NOW, reason="A new job")
    assert client.get(reverse("me")).status_code == 302, "the session has ended"
    again = Client()
    assert sign_in(again, provider, "lena")["Location"] == reverse("account_login")
    assert "_auth_user_id" not in again.session
    assert Person.objects.filter(source="northwind").count() == 1


def test_only_a_provider_admits_and_describes(northwind: Northwind) -> None:
    for who in (northwind.rita, northwind.ines):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            accounts.admit(Person(source="x", subject="y"), actor=as_actor(who), now=NOW, provider="X")
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            accounts.describe(northwind.theo, actor=as_actor(who), now=NOW, account=Account("x", "y", "Theo"))


@pytest.mark.rule("S5")
def test_link_needs_fresh_sign_in_here_and_there(northwind: Northwind, provider: Provider) -> None:
    late = client_of(northwind.rita, minutes_ago=60)
    answer = late.get(reverse("openid_connect_login", args=["northwind"]), {"link": ""})
    assert (answer.status_code, "SOD-5" in answer.content.decode()) == (403, True)
    fresh = client_of(northwind.rita)
    asked = ask(fresh, link="")
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    old = {"auth_time": int(time.time()) - 3600}
    provider.claims = provider.claims_of("rita", nonce=asked["nonce"], **old)
    assert come_back(fresh, asked).status_code == 403
    assert not LinkedAccount.objects.exists()


@pytest.mark.rule("S1")
def test_account_is_linked_to_one_person(northwind: Northwind, provider: Provider) -> None:
    link(client_of(northwind.rita), provider, "rita")
    for who in (northwind.theo, northwind.rita):
        answer = link(client_of(who), provider, "rita")
        assert (answer.status_code, "already" in answer.content.decode()) == (409, True)
    sign_in(Client(), provider, "lena", email="lena@northwind.example")
    assert link(client_of(northwind.theo), provider, "lena").status_code == 409
    assert LinkedAccount.objects.count() == 1


def test_nobody_links_or_unlinks_for_another(northwind: Northwind, provider: Provider) -> None:
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        accounts.link_account(
            northwind.rita, actor=as_actor(northwind.ines), now=NOW, account=Account("x", "y"), provider="X"
        )
    link(client_of(northwind.rita), provider, "rita")
    row = LinkedAccount.objects.get()
    assert client_of(northwind.ines).post(reverse("account_unlink", args=[row.pk])).status_code == 404
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        accounts.unlink_account(row, actor=as_actor(northwind.ines), now=NOW)


def test_program_links_nothing(northwind: Northwind) -> None:
    from governance.core.access import Actor

    with pytest.raises(DutyConflict, match=r"^S5: "):
        accounts.link_account(
            northwind.rita, actor=Actor.of_job("sign_in"), now=NOW, account=Account("x", "y"), provider="X"
        )


def test_last_way_to_sign_in_stays(northwind: Northwind, provider: Provider, settings: Any) -> None:
    client = client_of(northwind.rita)
    link(client, provider, "rita")
    settings.PASSWORD_SIGN_IN = False
    answer = client.post(reverse("account_unlink", args=[LinkedAccount.objects.get().pk]))
    assert (answer.status_code, "your only way to sign in" in answer.content.decode()) == (409, True)
    assert LinkedAccount.objects.get().ended_at is None


@pytest.mark.rule("S1")
@pytest.mark.parametrize(
    "email",
    [
        None,
        "",
        "x" * 250 + "@northwind.example",
        "rita\u200d@northwind.example",
        "r ita@northwind.example",
        "a@b@c.example",
    ],
)
def test_account_without_usable_address_is_not_admitted(provider: Provider, email: Any) -> None:
    provider.info = {"sub": "rita"}
    answer = sign_in(Client(), provider, "rita", email=email)
    assert (answer.status_code, "sends no mail address" in answer.content.decode()) == (403, True)
    assert not Person.objects.filter(source="northwind").exists()


@pytest.mark.rule("S1")
def test_link_without_session_is_no_sign_in(provider: Provider) -> None:
    answer = Client().get(reverse("openid_connect_login", args=["northwind"]), {"link": ""})
    assert answer["Location"] == f"{reverse('account_login')}?next=%2Fme%2Fsign-in%2F"


@pytest.mark.rule("S1")
def test_unlinked_account_becomes_nobody_else(northwind: Northwind, provider: Provider) -> None:
    client = client_of(northwind.rita)
    link(client, provider, "rita")
    opened = Client()
    sign_in(opened, provider, "rita")
    client.post(reverse("account_unlink", args=[LinkedAccount.objects.get().pk]))
    assert opened.get(reverse("me")).status_code == 302, "the session that it opened has ended"
    assert sign_in(Client(), provider, "rita", email="another@northwind.example").status_code == 409
    assert link(client_of(northwind.theo), provider, "rita").status_code == 409
    assert not Person.objects.filter(source="northwind").exists()
    assert link(client, provider, "rita").status_code == 302, "the same person may link it again"


@pytest.mark.rule("S1")
def test_database_links_account_to_one_person_for_good(northwind: Northwind, provider: Provider) -> None:
    link(client_of(northwind.rita), provider, "rita")
    LinkedAccount.objects.update(ended_at=NOW)
    for change in (
        "INSERT INTO controls_linkedaccount (person_id, source, subject, linked_at) SELECT %s, source, subject, linked_at FROM controls_linkedaccount",
        "UPDATE controls_linkedaccount SET person_id = %s",
    ):
        with (
            pytest.raises(IntegrityError, match=r"another person|stays with its person"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change, [northwind.theo.pk])


@pytest.mark.rule("S1", "R8")
def test_address_of_leaver_is_not_admitted(northwind: Northwind, provider: Provider) -> None:
    record_leaver(northwind.tom, actor=as_actor(northwind.ines), now=NOW, reason="A new job")
    assert sign_in(Client(), provider, "tom", email=northwind.tom.email).status_code == 409


def test_directory_gives_nobody_the_address_of_another(northwind: Northwind, provider: Provider) -> None:
    sign_in(Client(), provider, "lena")
    for _ in range(2):
        sign_in(Client(), provider, "lena", name="Lena Sommer", email=northwind.rita.email)
    assert (lena().name, lena().email) == ("Lena Sommer", "lena@northwind.example")
    assert LedgerEvent.objects.filter(verb="person.described").count() == 1


@pytest.mark.rule("S5")
def test_old_session_of_provider_gets_no_second_factor(provider: Provider) -> None:
    client = Client()
    sign_in(client, provider, "lena", auth_time=int(time.time()) - 3600)
    for name in ("mfa_activate_totp", "mfa_generate_recovery_codes"):
        for method in (client.get, client.post):
            answer = method(reverse(name), {"code": "000000"})
            assert answer["Location"] == f"{reverse('account_reauthenticate')}?next={quote(reverse(name), safe='')}"


@pytest.mark.rule("H6")
def test_session_keeps_no_claim_while_second_factor_is_asked_for(provider: Provider) -> None:
    from allauth.mfa.totp.internal import auth

    client = Client()
    sign_in(client, provider, "lena")
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    code = f"{auth.hotp_value(secret, next(iter(auth.yield_hotp_counters_from_time()))):06d}"
    client.post(reverse("mfa_activate_totp"), {"code": code})
    again = Client()
    sign_in(again, provider, "lena")
    kept = json.dumps(dict(again.session.items()))
    for text in ("Lena Fischer", "lena@northwind.example", "opaque", lena().password):
        assert text not in kept


# --- done -----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H1", "H6")
def test_first_sign_in_admits_person_without_role(provider: Provider) -> None:
    client = Client()
    assert sign_in(client, provider, "lena", {"next": "/me/"})["Location"] == "/me/"
    person = lena()
    assert (person.subject, person.name, person.email) == ("lena", "Lena Fischer", "lena@northwind.example")
    assert not person.has_usable_password()
    assert not person.role_assignments.exists()
    assert client.session["_auth_user_id"] == str(person.pk)
    added = LedgerEvent.objects.get(verb="person.added", subject_id=str(person.pk))
    assert (added.actor_id, added.payload) == ("sign_in", {"source": "northwind"})
    signed_in = LedgerEvent.objects.get(verb="person.signed_in", subject_id=str(person.pk))
    assert (signed_in.actor_id, signed_in.payload) == (str(person.opaque_id), {"source": "northwind"})
    assert client.get(reverse("me")).status_code == 200


def test_second_sign_in_is_the_same_person_with_the_directorys_new_name(provider: Provider) -> None:
    sign_in(Client(), provider, "lena")
    sign_in(Client(), provider, "lena")
    assert not LedgerEvent.objects.filter(verb="person.described").exists()
    sign_in(Client(), provider, "lena", name="Lena Sommer", email="lena.sommer@northwind.example")
    assert (lena().name, lena().email) == ("Lena Sommer", "lena.sommer@northwind.example")
    assert LedgerEvent.objects.get(verb="person.described").payload == {}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": None}, "lena"),
        ({"name": "L\u202eana"}, "lena"),
        ({"name": 7}, "lena"),
        ({"name": "x" * 300}, "x" * 120),
    ],
)
def test_person_without_proper_name_gets_one(provider: Provider, claims: dict[str, Any], name: str) -> None:
    provider.info = {"sub": "lena"}
    sign_in(Client(), provider, "lena", **claims)
    assert lena().name == name


def test_user_info_completes_the_token(provider: Provider) -> None:
    provider.info = {"sub": "lena", "name": "Lena Fischer", "email": "lena@northwind.example"}
    sign_in(Client(), provider, "lena", name=None, email=None)
    assert lena().email == "lena@northwind.example"


@pytest.mark.rule("S1")
def test_linked_account_signs_in_as_the_same_person(northwind: Northwind, provider: Provider) -> None:
    client = client_of(northwind.rita)
    assert link(client, provider, "rita", email=northwind.rita.email)["Location"] == reverse("my_sign_in")
    row = LinkedAccount.objects.get()
    assert (row.person, row.source, row.subject) == (northwind.rita, "northwind", "rita")
    event = LedgerEvent.objects.get(verb="account.linked")
    assert event.payload == {"person": str(northwind.rita.opaque_id), "source": "northwind"}
    browser = Client()
    sign_in(browser, provider, "rita", name="Rita N.", email="rita@elsewhere.example")
    assert browser.session["_auth_user_id"] == str(northwind.rita.pk)
    northwind.rita.refresh_from_db()
    assert northwind.rita.name == "Rita Novak", "the first account describes the person"
    page = client.get(reverse("my_sign_in")).content.decode()
    assert "Unlink" in page
    client.post(reverse("account_unlink", args=[row.pk]))
    assert LedgerEvent.objects.filter(verb="account.unlinked").count() == 1
    assert sign_in(Client(), provider, "rita", email=northwind.rita.email).status_code == 409


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("auth_time", "is_fresh"), [(0, True), (-3600, False), (None, False), ("soon", False), (9e9, False), (0.5, False)]
)
def test_session_of_provider_is_as_old_as_its_proof(provider: Provider, auth_time: Any, is_fresh: bool) -> None:
    at = int(time.time()) + auth_time if isinstance(auth_time, int) else auth_time
    client = Client()
    sign_in(client, provider, "lena", auth_time=at)
    assert (client.session[SIGNED_IN_AT] > time.time() - 60) is is_fresh


@pytest.mark.rule("S5")
def test_saying_again_that_it_is_you_leads_to_the_provider(provider: Provider) -> None:
    client = Client()
    sign_in(client, provider, "lena", auth_time=int(time.time()) - 3600)
    there = client.get(reverse("account_reauthenticate"), {"next": "/me/tokens/"})
    query = {"again": "1", "next": "/me/tokens/"}
    assert there["Location"] == f"{reverse('openid_connect_login', args=['northwind'])}?again=1&next=%2Fme%2Ftokens%2F"
    assert sign_in(client, provider, "lena", query, auth_time=int(time.time()) - 3600).status_code == 403
    assert client.session[SIGNED_IN_AT] < time.time() - 3000
    assert sign_in(client, provider, "lena", query)["Location"] == "/me/tokens/"
    assert client.session[SIGNED_IN_AT] > time.time() - 60


@pytest.mark.rule("S5")
def test_old_proof_of_provider_is_not_renewed_here(provider: Provider) -> None:
    client = Client()
    sign_in(client, provider, "lena", auth_time=int(time.time()) - 3600)
    for name in ("mfa_reauthenticate", "account_reauthenticate"):
        client.get(reverse(name))
        client.post(reverse(name), {"code": "000000", "password": "x"})
    assert client.session[SIGNED_IN_AT] < time.time() - 3000


@pytest.mark.parametrize(
    ("amr", "always", "has_one"),
    [
        (["pwd", "mfa"], False, True),
        (["pwd"], False, False),
        ("mfa", False, False),
        (None, False, False),
        (None, True, True),
    ],
)
def test_provider_says_whether_it_asked_for_second_factor(
    provider: Provider, settings: Any, amr: Any, always: bool, has_one: bool
) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["second_factor"] = always
    client = Client()
    sign_in(client, provider, "lena", amr=amr)
    assert client.session[SECOND_FACTOR] is has_one


def test_second_factor_here_is_asked_for_after_the_provider(provider: Provider) -> None:
    from allauth.mfa.totp.internal import auth

    client = Client()
    sign_in(client, provider, "lena")
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    code = f"{auth.hotp_value(secret, next(iter(auth.yield_hotp_counters_from_time()))):06d}"
    assert client.post(reverse("mfa_activate_totp"), {"code": code}).status_code == 302
    again = Client()
    assert sign_in(again, provider, "lena")["Location"].startswith(reverse("mfa_authenticate"))
    assert "_auth_user_id" not in again.session


@pytest.mark.rule("H6")
def test_erasure_forgets_accounts_and_browsers(northwind: Northwind, provider: Provider) -> None:
    from allauth.usersessions.models import UserSession

    from governance.core.erasure.transitions import ask_erasure, erase

    link(client_of(northwind.tom), provider, "tom-at-work")
    sign_in(Client(), provider, "tom-at-work", email=northwind.tom.email)
    assert UserSession.objects.filter(user=northwind.tom).exists()
    at = current_time.real()
    DirectoryEntry.objects.create(
        source="northwind", kind="User", document={"x": 1}, person=northwind.tom, created_at=at, modified_at=at
    )
    record_leaver(northwind.tom, actor=as_actor(northwind.ines), now=NOW, reason="A new job")
    person = Person.objects.get(pk=northwind.tom.pk)
    ask_erasure(person, actor=as_actor(northwind.ines), now=NOW, named=person.name, reason="They want it.")
    erase(Erasure.objects.get(), actor=as_actor(northwind.karl), now=NOW, named=person.name)
    assert not UserSession.objects.filter(user=person).exists()
    assert not DirectoryEntry.objects.exists()
    row = LinkedAccount.objects.get()
    assert row.subject == f"erased:{row.pk}"
