"""What a provider, or somebody in its place, may answer: a spoilt answer signs nobody in (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.test import Client
from django.urls import reverse

from governance.core.models import Person
from governance.portal.single_sign_on import provider_client
from tests.sign_in_provider import CLIENT, SECRET, Provider, ask, challenge_of, come_back, key_pair, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1")]

NOT_SIGNED_IN = "Northwind did not sign you in."
NO_ANSWER = "Northwind does not answer."


def refused_with(answer: Any, client: Client, sentence: str) -> None:
    """Nobody is signed in or admitted, and the page says so."""
    assert answer.status_code == 403
    assert sentence in answer.content.decode().replace("’", "'")
    assert "_auth_user_id" not in client.session
    assert not Person.objects.filter(source="northwind").exists()


#: Claims of an ID token that must be refused: an account of another issuer, audience, time or question.
SPOILT: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://evil.example"},
    "of no issuer": {"iss": None},
    "for another client": {"aud": "another"},
    "for no client": {"aud": None},
    "for two clients without a party": {"aud": [CLIENT, "another"]},
    "for another party": {"azp": "another"},
    "over": {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
    "without an end": {"exp": None},
    "from tomorrow": {"iat": int(time.time()) + 86400},
    "not yet good": {"nbf": int(time.time()) + 86400},
    "without a nonce": {"nonce": None},
    "with another nonce": {"nonce": "another"},
    "with a nonce that is no text": {"nonce": {"a": 1}},
    "without an account": {"sub": None},
    "with a number as account": {"sub": 7},
    "with an account of no letters": {"sub": ""},
    "with a longer account than a column": {"sub": "x" * 256},
    "with a NUL in its account": {"sub": "a\0b"},
    "that ends at infinity": {"exp": float("inf")},
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_id_token_with_wrong_claims_signs_nobody_in(provider: Provider, spoilt: dict[str, Any]) -> None:
    provider.sign = lambda claims: _unchecked(provider, claims)
    client = Client()
    refused_with(sign_in(client, provider, "lena", **spoilt), client, NOT_SIGNED_IN)


def _unchecked(provider: Provider, claims: dict[str, Any]) -> str:
    """A token with these claims, whatever they are: the library checks some of them when it signs."""
    payload = json.dumps(claims).encode()
    return jwt.api_jws.encode(payload, provider.key, "ES256", headers={"kid": provider.jwk["kid"]})


def _none(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, "none")


def _keyed_hash(provider: Provider, claims: dict[str, Any]) -> str:
    """Signed with the client's secret, which a proxy may know."""
    return jwt.encode(claims, SECRET.ljust(32), "HS256", headers={"kid": "first"})


def _keyed_by_public_key(provider: Provider, claims: dict[str, Any]) -> str:
    """RS256 read as HS256: the public key as a secret."""
    header = jwt.utils.base64url_encode(json.dumps({"alg": "HS256", "kid": "first"}).encode())
    signed = header + b"." + jwt.utils.base64url_encode(json.dumps(claims).encode())
    digest = hmac.new(json.dumps(provider.jwk).encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + jwt.utils.base64url_encode(digest)).decode()


def _another_key(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key_pair("first")[0], "ES256", headers={"kid": "first"})


def _unknown_key(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key_pair("second")[0], "ES256", headers={"kid": "second"})


def _key_of_the_token(provider: Provider, claims: dict[str, Any]) -> str:
    """The key travels in the header, as an attacker would like."""
    key, public = key_pair("mine")
    return jwt.encode(claims, key, "ES256", headers={"kid": "mine", "jwk": public})


def _changed(provider: Provider, claims: dict[str, Any]) -> str:
    """Another account, under the signature of this one."""
    header, _, signature = jwt.encode(claims, provider.key, "ES256", headers={"kid": "first"}).split(".")
    other = jwt.utils.base64url_encode(json.dumps({**claims, "sub": "sana"}).encode()).decode()
    return f"{header}.{other}.{signature}"


SIGNATURES = [
    *(_none, _keyed_hash, _keyed_by_public_key, _another_key, _unknown_key, _key_of_the_token, _changed),
    *(lambda *_: "", lambda *_: "a.b.c", lambda *_: "x" * 70_000, lambda *_: 7, lambda *_: None),
]


@pytest.mark.parametrize("sign", SIGNATURES)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_id_token_with_wrong_signature_signs_nobody_in(
    provider: Provider, sign: Callable[[Provider, dict[str, Any]], Any]
) -> None:
    provider.sign = lambda claims: sign(provider, claims)
    client = Client()
    refused_with(sign_in(client, provider, "lena"), client, NOT_SIGNED_IN)


def test_missing_id_token_signs_nobody_in(provider: Provider) -> None:
    provider.documents["/token"] = {"access_token": "opaque", "token_type": "Bearer"}
    provider.info = {"sub": "lena", "email": "lena@northwind.example"}
    client = Client()
    refused_with(sign_in(client, provider, "lena"), client, NOT_SIGNED_IN)


def test_user_info_of_another_account_signs_nobody_in(provider: Provider) -> None:
    provider.info = {"sub": "sana", "name": "Sana Iqbal", "email": "sana@northwind.example"}
    client = Client()
    refused_with(sign_in(client, provider, "lena", name=None), client, NOT_SIGNED_IN)


def _endless() -> tuple[int, bytes]:
    return 200, b" " * (600 * 1024)


BROKEN: list[tuple[str, Any]] = [
    (
        "/.well-known/openid-configuration",
        {"issuer": "https://evil.example", "authorization_endpoint": "https://evil.example"},
    ),
    ("/.well-known/openid-configuration", {}),
    ("/.well-known/openid-configuration", []),
    ("/.well-known/openid-configuration", lambda: (200, b"<html>")),
    ("/.well-known/openid-configuration", lambda: (200, b"[" * 200_000)),
    ("/.well-known/openid-configuration", lambda: (302, b"")),
    ("/.well-known/openid-configuration", lambda: (500, b"{}")),
    ("/.well-known/openid-configuration", _endless),
]


@pytest.mark.parametrize(("path", "document"), BROKEN)
def test_broken_description_leads_nowhere(provider: Provider, path: str, document: Any) -> None:
    provider.documents[path] = document
    client = Client()
    refused_with(client.get(reverse("openid_connect_login", args=["northwind"])), client, NO_ANSWER)


@pytest.mark.parametrize(
    "document", [{"keys": []}, {"keys": [7]}, {"keys": 7}, {}, {"keys": [{"kty": "RSA"}]}, _endless]
)
def test_broken_keys_sign_nobody_in(provider: Provider, document: Any) -> None:
    provider.documents["/jwks"] = document
    client = Client()
    sentence = NO_ANSWER if document is _endless else NOT_SIGNED_IN
    refused_with(sign_in(client, provider, "lena"), client, sentence)


@pytest.mark.parametrize(
    "document", [{}, {"access_token": ""}, [], lambda: (400, b'{"error": "invalid_grant"}'), _endless]
)
def test_broken_answer_to_the_code_signs_nobody_in(provider: Provider, document: Any) -> None:
    provider.documents["/token"] = document
    client = Client()
    sentence = NO_ANSWER if document is _endless else NOT_SIGNED_IN
    refused_with(sign_in(client, provider, "lena"), client, sentence)


@pytest.mark.parametrize("endpoint", ["http://[x", 7, "javascript:alert(1)", "/authorize"])
def test_endpoint_that_is_no_address_leads_nowhere(provider: Provider, endpoint: Any) -> None:
    provider.documents["/.well-known/openid-configuration"]["authorization_endpoint"] = endpoint
    client = Client()
    refused_with(client.get(reverse("openid_connect_login", args=["northwind"])), client, NO_ANSWER)


@pytest.mark.parametrize("lifetime", [1e18, float("inf"), "x", [1]])
def test_odd_lifetime_of_access_token_signs_nobody_in(provider: Provider, lifetime: Any) -> None:
    client = Client()
    asked = ask(client)
    provider.claims = provider.claims_of("lena", nonce=asked["nonce"])
    right = {"access_token": "opaque", "id_token": provider.sign(provider.claims)}
    provider.documents["/token"] = {**right, "expires_in": lifetime}
    refused_with(come_back(client, asked), client, NOT_SIGNED_IN)


@pytest.mark.parametrize("sid", ["a\0b", "\ud800", 7, "x" * 300])
def test_odd_name_of_session_is_not_kept(provider: Provider, sid: Any) -> None:
    client = Client()
    assert sign_in(client, provider, "lena", sid=sid).status_code == 302


def test_slow_answer_is_given_up(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_client, "WHOLE_SECONDS", -1)
    client = Client()
    refused_with(client.get(reverse("openid_connect_login", args=["northwind"])), client, NO_ANSWER)


def test_unknown_keys_are_looked_for_once_a_minute(provider: Provider) -> None:
    looks = []
    keys = provider.documents["/jwks"]
    provider.documents["/jwks"] = lambda: (looks.append(1), (200, json.dumps(keys).encode()))[1]
    provider.sign = lambda claims: _unknown_key(provider, claims)
    for _ in range(5):
        assert sign_in(Client(), provider, "lena").status_code == 403
    assert len(looks) <= 3  # a minute may turn in between


def test_provider_that_is_away_is_said(provider: Provider, settings: Any) -> None:
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["settings"]["server_url"] = "http://127.0.0.1:9/.well-known/openid-configuration"
    client = Client()
    refused_with(client.get(reverse("openid_connect_login", args=["northwind"])), client, NO_ANSWER)


def test_answer_without_our_question_signs_nobody_in(provider: Provider) -> None:
    mine, theirs = Client(), Client()
    asked = ask(theirs)
    provider.claims = provider.claims_of("lena", nonce=asked["nonce"])
    refused_with(come_back(mine, asked), mine, NOT_SIGNED_IN)
    refused_with(come_back(theirs, {"state": "x"}), theirs, NOT_SIGNED_IN)
    assert provider.tokens == [], "no code was redeemed"


def test_code_signs_in_once(provider: Provider) -> None:
    client = Client()
    asked = ask(client)
    provider.claims = provider.claims_of("lena", nonce=asked["nonce"])
    assert come_back(client, asked).status_code == 302
    client.cookies.clear()
    assert come_back(client, asked).status_code == 403


def test_answer_of_another_issuer_redeems_no_code(provider: Provider) -> None:
    """RFC 9207: an answer that names another issuer is a mix-up."""
    client = Client()
    asked = ask(client)
    refused_with(come_back(client, asked, iss="https://evil.example"), client, NOT_SIGNED_IN)
    assert provider.tokens == []


def test_refusal_of_the_provider_is_said(provider: Provider) -> None:
    client = Client()
    asked = ask(client)
    path = reverse("openid_connect_callback", args=["northwind"])
    answer = client.get(path, {"error": "access_denied", "state": asked["state"]})
    refused_with(answer, client, NOT_SIGNED_IN)


def test_unknown_provider_is_not_found(provider: Provider) -> None:
    for name in ("openid_connect_login", "openid_connect_callback"):
        assert Client().get(reverse(name, args=["another"])).status_code == 404
    assert Client().post(reverse("openid_connect_logout", args=["another"])).status_code == 404


def test_provider_in_the_database_is_none(provider: Provider) -> None:
    from allauth.socialaccount.models import SocialApp

    SocialApp.objects.create(provider="openid_connect", provider_id="mine", name="Mine", client_id="x")
    assert Client().get(reverse("openid_connect_login", args=["mine"])).status_code == 404


def test_question_has_state_nonce_and_challenge(provider: Provider) -> None:
    client = Client()
    asked = ask(client, hint="lena@northwind.example")
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["login_hint"] == "lena@northwind.example"
    assert len(asked["nonce"]) >= 22
    assert len(asked["state"]) >= 16
    provider.claims = provider.claims_of("lena", nonce=asked["nonce"])
    come_back(client, asked)
    form = provider.tokens[0]
    assert challenge_of(form["code_verifier"][0]) == asked["code_challenge"]
    assert form["client_secret"] == [SECRET]


def test_changed_keys_are_read_again(provider: Provider) -> None:
    first = Client()
    assert sign_in(first, provider, "lena").status_code == 302
    provider.key, provider.jwk = key_pair("second")
    provider.documents["/jwks"] = {"keys": [provider.jwk]}
    second = Client()
    assert sign_in(second, provider, "lena").status_code == 302
    assert second.session["_auth_user_id"] == first.session["_auth_user_id"]


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"])
def test_sign_in_never_leads_away_from_the_portal(provider: Provider, elsewhere: str) -> None:
    assert sign_in(Client(), provider, "lena", {"next": elsewhere})["Location"] == reverse("home")
    assert sign_in(Client(), provider, "lena", {"next": "/me/"})["Location"] == "/me/"
