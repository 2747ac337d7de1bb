"""Addresses as a manifest shows them: who is called, at which path, and never with what (I6, I8)."""

from __future__ import annotations

import json

import pytest

from inventory.importers.addresses import address_of, path_shown
from inventory.importers.secrets.slots import is_made_up
from tests.inventory.importers.samples import bring, codes, node, workflow

TOKEN = "K7x9Qp2LmZ"  # shorter than what any provider gives, and made up

#: Addresses that carry a token where a query or a user would be, were they written as usual: host and path as shown.
HIDDEN = {
    "matrix": (f"https://a.example/path;token={TOKEN}", "a.example", "/path"),
    "matrix of an earlier part": (f"https://a.example/one;sid={TOKEN}/two", "a.example", "/one/two"),
    "encoded query": (f"https://a.example/path%3Ftoken={TOKEN}", "a.example", "/path"),
    "encoded twice": (f"https://a.example/path%253ftoken%253d{TOKEN}", "a.example", "/path"),
    "encoded fragment": (f"https://a.example/path%23{TOKEN}", "a.example", "/path"),
    "encoded matrix": (f"https://a.example/path%3btoken={TOKEN}", "a.example", "/path"),
    "user": (f"https://robot:{TOKEN}@a.example/path", "a.example", "/path"),
    "at in a password": (f"https://robot:{TOKEN}@x@a.example/path", "a.example", "/path"),
    "user alone": (f"https://{TOKEN}@a.example/path", "a.example", "/path"),
    "user without a scheme": (f"robot:{TOKEN}@a.example/path", "a.example", "/path"),
    "user of a short host": (f"robot:{TOKEN}@localhost/path", "", "localhost/path"),
    "user after slashes": (f"//robot:{TOKEN}@a.example/path", "", "//a.example/path"),
    "user after a word": (f"jdbc:postgresql://robot:{TOKEN}@db.example/erp", "db.example", "/erp"),
    "line break": (f"https://a.exa\nmple/path?token={TOKEN}", "a.example", "/path"),
}


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("url", "host", "path"), HIDDEN.values(), ids=HIDDEN)
def test_a_secret_that_is_written_in_an_odd_way_is_left_out(url: str, host: str, path: str) -> None:
    address = address_of(url)
    assert (address.host, address.path) == (host, path)
    assert address.dynamic == (not host)


@pytest.mark.rule("I6", "I8")
@pytest.mark.parametrize(
    "url",
    [
        f"https://robot:{TOKEN}/x@a.example/path",
        f"https://robot:{TOKEN[:4]}/{TOKEN[4:]}@a.example/path",
        f"https://robot:{TOKEN}#x@a.example/path",
        f"https://robot:{TOKEN}?x@a.example/path",
        f"https://robot:{TOKEN}%40a.example/path",
        f"https://robot%3A{TOKEN}%40a.example/path",
        "={{ $json.user }}:" + f"{TOKEN}/x@a.example/path",
    ],
)
def test_half_a_password_is_not_taken_for_a_host_and_not_shown(url: str) -> None:
    address = address_of(url)
    assert (address.host, address.dynamic) == ("", True)
    assert not any(part in address.path.lower() for part in (TOKEN[:4].lower(), TOKEN[4:].lower(), "robot"))


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("url", "host"),
    [
        (r"https://good.example\@evil.example/path", "good.example"),
        (r"https://good.example\path", "good.example"),
        ("https:///good.example/path", ""),
        ("https:/good.example/path", ""),
    ],
)
def test_the_host_is_the_one_that_is_called_or_not_known(url: str, host: str) -> None:
    assert address_of(url).host == host


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (f"/h/{TOKEN}", "/h/"),
        (f"/h/{TOKEN}/more", "/h/"),
        ("/services/T0AB1CD2E/B0FG3HI4J/aB3dE5fG7h", "/services/"),
        ("/bot123456:AAE5f_gh/sendMessage", "/"),
        ("/webhook/a1b2c3", "/webhook/"),
        ("/token/9f8e7d", "/token/"),
        ("/x/8f14e45f", "/x/"),
        ("/x/%38%66%31%34%65%34%35%66", "/x/"),
        ("/x/8f14e45f{expression}", "/x/"),
    ],
)
def test_a_part_that_a_machine_made_up_is_not_shown(path: str, kept: str) -> None:
    shown = path_shown(path)
    assert shown.startswith(kept + "{opaque")
    last = next(part for part in reversed(path.split("/")) if part not in ("more", "sendMessage"))
    assert last not in shown


@pytest.mark.rule("I6")
def test_two_long_random_parts_stay_two_and_short_ones_do_not() -> None:
    assert path_shown(f"/h/{TOKEN * 2}") != path_shown(f"/h/{TOKEN[::-1] * 2}")
    assert path_shown("/x/8f14e45f") == path_shown("/x/9f86d081") == "/x/{opaque}"


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1alpha1/users",
        "/oauth2/callback",
        "/getUserProfile2/OpenAI-article",
        "/webhook/order-sync-v2",
        "/token/revoke",
        "/job-application-step1of2",
        "/2026-11-24/us-east-1",
        "/@scope/package",
        "/users/{expression}/Messages",
    ],
)
def test_a_part_that_people_named_is_shown(path: str) -> None:
    assert path_shown(path) == path


def test_a_name_of_words_is_not_made_up() -> None:
    assert not any(map(is_made_up, ("getUserProfile2", "v1alpha1", "XXXXXXXX", "20261124", "base64url", "step1of2")))
    assert all(map(is_made_up, (TOKEN, "8f14e45f", "x-8f14e45f-y")))
    assert not is_made_up("a1b2c3")
    assert is_made_up("a1b2c3", telling=True)


SECRET = "0123456789abcdef" + "ABCDEF42"


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "url",
    [
        f"https://a.example/path;token={SECRET}",
        f"https://a.example/path%3Ftoken={SECRET}",
        f"https://a.example/path%253Fa=1%2526token%253D{SECRET}",
        f"https://a.example/path%23access_token={SECRET}",
        f"https://a.example\\path?token={SECRET}",
        f"https://a.example\\x;token={SECRET}",
        f"https://robot:{SECRET}/x@a.example/path",
        f"https://robot:{SECRET}@a.example/path",
        f"https://api.telegram.org/bot123456:AAE{SECRET[:10]}/sendMessage",
        f"https://hooks.slack.com/services/T0AB1CD2E/B0FG3HI4J/{SECRET[:10]}",
    ],
)
def test_a_secret_in_an_address_is_a_finding_and_stands_nowhere(url: str) -> None:
    result = bring(workflow(node("httpRequest", "Ask", 4, url=url)), fingerprint_key=b"k" * 32)
    assert "embedded_secret" in codes(result.manifest)
    assert result.secrets
    assert SECRET[:10] not in json.dumps(result.manifest.to_dict())


@pytest.mark.rule("I6")
@pytest.mark.parametrize("url", ["https://a.example/path;v=1", "https://a.example:8080/x@y", "https://a.example/a%3Fb"])
def test_an_address_without_a_secret_has_no_finding(url: str) -> None:
    result = bring(workflow(node("httpRequest", "Ask", 4, url=url)))
    assert "embedded_secret" not in codes(result.manifest)
