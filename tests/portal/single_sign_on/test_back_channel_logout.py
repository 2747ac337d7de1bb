"""A provider says that somebody signed out there: their sessions here end (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from django.test import Client
from django.urls import reverse

from governance.core.models import LedgerEvent
from tests.people import Northwind
from tests.sign_in_provider import Provider, key_pair, sign_in
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1")]


def signed_in(provider: Provider, account: str, sid: str) -> Client:
    """A browser with a session of the provider."""
    client = Client()
    sign_in(client, provider, account, email=f"{account}@northwind.example", sid=sid)
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    """Whether the browser's session runs."""
    return client.get(reverse("me")).status_code == 200


def tell(token: Any) -> Any:
    """What the provider's server sends, without a cookie."""
    careful = Client(enforce_csrf_checks=True)
    return careful.post(reverse("openid_connect_logout", args=["northwind"]), {"logout_token": token})


SPOILT: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://evil.example"},
    "for another client": {"aud": "another"},
    "with a nonce": {"nonce": "x"},
    "without events": {"events": None},
    "of another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "with an event that is no object": {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}},
    "with a list of events": {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
    "about nobody": {"sub": None},
    "old": {"iat": int(time.time()) - 3600},
    "over": {"exp": int(time.time()) - 3600},
    "without an id": {"jti": None},
    "with a NUL": {"sid": "a\0b"},
    "with a list of sessions": {"sid": ["s1"]},
    "with a time in words": {"iat": "now"},
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_wrong_logout_token_ends_no_session(provider: Provider, spoilt: dict[str, Any]) -> None:
    client = signed_in(provider, "lena", "s1")
    answer = tell(provider.logout_token(**{"sub": "lena", **spoilt}))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert is_in(client)


def test_foreign_signature_ends_no_session(provider: Provider) -> None:
    client = signed_in(provider, "lena", "s1")
    right = provider.logout_token(sub="lena")
    claims = jwt.decode(right, options={"verify_signature": False})
    forged = jwt.encode(claims, key_pair("first")[0], "ES256", headers={"kid": "first"})
    for token in (forged, jwt.encode(claims, None, "none"), "", "x", right[:-4] + "AAAA"):
        assert tell(token).status_code == 400
    assert is_in(client)


def test_id_token_is_no_logout_token(provider: Provider) -> None:
    client = signed_in(provider, "lena", "s1")
    assert tell(provider.sign(provider.claims)).status_code == 400
    assert is_in(client)


def test_logout_is_posted(provider: Provider) -> None:
    assert Client().get(reverse("openid_connect_logout", args=["northwind"])).status_code == 405


def test_logout_of_session_ends_this_session_alone(provider: Provider, northwind: Northwind) -> None:
    first, second = signed_in(provider, "lena", "s1"), signed_in(provider, "lena", "s2")
    others = [signed_in(provider, "sana", "s3"), client_of(northwind.rita)]
    assert tell(provider.logout_token(sid="s1")).status_code == 200
    assert [is_in(client) for client in (first, second, *others)] == [False, True, True, True]
    event = LedgerEvent.objects.get(verb="person.sessions_ended")
    assert (event.actor_id, event.payload) == ("sign_out", {"sessions": 1})


def test_logout_of_account_ends_all_its_sessions(provider: Provider) -> None:
    clients = [signed_in(provider, "lena", "s1"), signed_in(provider, "lena", "s2")]
    other = signed_in(provider, "sana", "s3")
    assert tell(provider.logout_token(sub="lena")).status_code == 200
    assert [is_in(client) for client in clients] == [False, False]
    assert is_in(other)
    assert LedgerEvent.objects.get(verb="person.sessions_ended").payload == {"sessions": 2}


def test_session_of_another_account_stays(provider: Provider) -> None:
    client = signed_in(provider, "lena", "s1")
    assert tell(provider.logout_token(sub="sana", sid="s1")).status_code == 200
    assert is_in(client)


def test_logout_twice_changes_nothing_more(provider: Provider) -> None:
    signed_in(provider, "lena", "s1")
    token = provider.logout_token(sub="lena")
    assert [tell(token).status_code for _ in range(2)] == [200, 200]
    assert LedgerEvent.objects.filter(verb="person.sessions_ended").count() == 1
