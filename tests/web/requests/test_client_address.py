"""Whose address counts: the peer's own, unless the peer is a trusted proxy that reports another."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from governance.web.requests.client_address import ClientAddressMiddleware

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


def seen(peer: str, **headers: str) -> HttpRequest:
    """A request as views get it."""
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers)
    ClientAddressMiddleware(lambda _: HttpResponse())(request)
    return request


@pytest.fixture(autouse=True)
def _proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # From outside: whatever the header says, the peer is who asks.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("not an address", "198.51.100.1", "not an address"),
        # From a trusted proxy: the first address from the right that is no trusted proxy.
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "spoofed, 1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.9.9.9, 2001:db8::7", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4,198.51.100.1,10.9.9.9", "198.51.100.1"),
        ("2001:db8::1", "[2001:0dff::1]:4711", "2001:dff::1"),
        ("::ffff:10.0.0.1", "198.51.100.1:50123", "198.51.100.1"),
        # A proxy that reports no address is who asks itself.
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown, 10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "10.2.2.2, 10.3.3.3", "10.2.2.2"),
    ],
)
def test_the_client_is_the_nearest_address_that_no_trusted_proxy_has(peer: str, forwarded: str, client: str) -> None:
    assert seen(peer, **({"X-Forwarded-For": forwarded} if forwarded else {})).META["REMOTE_ADDR"] == client


@pytest.mark.rule("S5")
def test_only_trusted_proxy_sets_https() -> None:
    assert not seen("203.0.113.9", **{"X-Forwarded-Proto": "https"}).is_secure()
    assert seen("10.0.0.1", **{"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}).is_secure()


def test_proxy_header_is_removed_after_use() -> None:
    for peer in ("203.0.113.9", "10.0.0.1"):
        assert "X-Forwarded-For" not in seen(peer, **{"X-Forwarded-For": "198.51.100.1"}).headers


def test_log_lines_of_a_request_name_the_client() -> None:
    from structlog.contextvars import get_contextvars

    lines: list[dict[str, Any]] = []

    def answer(_: HttpRequest) -> HttpResponse:
        lines.append(get_contextvars())
        return HttpResponse()

    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "198.51.100.1"})
    ClientAddressMiddleware(answer)(request)
    assert lines == [{"client": "198.51.100.1", "request": lines[0]["request"]}]
    ClientAddressMiddleware(answer)(RequestFactory().get("/", REMOTE_ADDR="203.0.113.9"))
    assert lines[1]["client"] == "203.0.113.9"
    assert lines[1]["request"] != lines[0]["request"]


@pytest.mark.rule("P3")
@pytest.mark.parametrize(
    ("peer", "reported", "is_kept"),
    [
        ("10.0.0.1", "5f1c3c9ad5f34f0bb6b1b1a0e7d1f001", True),
        ("10.0.0.1", "", False),
        ("10.0.0.1", 'a b" injected', False),
        ("10.0.0.1", "x" * 65, False),
        ("203.0.113.9", "5f1c3c9ad5f34f0bb6b1b1a0e7d1f001", False),
    ],
)
def test_only_trusted_proxy_names_request(peer: str, reported: str, is_kept: bool) -> None:
    noted: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        noted.append(structlog.contextvars.get_contextvars()["request"])
        return HttpResponse()

    headers = {"X-Request-ID": reported} if reported else {}
    answer = ClientAddressMiddleware(view)(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))
    assert [answer["X-Request-ID"]] == noted, "log lines of the request have the id of the answer"
    assert (answer["X-Request-ID"] == reported) == is_kept
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])
