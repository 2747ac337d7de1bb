"""The frame: counts are asked once and only when shown, and a link leads somewhere or is not drawn."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import reverse

from governance.web.pages import navigation
from governance.web.pages.navigation import chrome as context


@pytest.fixture
def counter_requests(monkeypatch: pytest.MonkeyPatch) -> list[HttpRequest]:
    """A counter of one destination, and how often it was asked."""
    requests: list[HttpRequest] = []

    def counter(request: HttpRequest) -> int:
        requests.append(request)
        return 7

    monkeypatch.setattr(navigation, "_counters", {})
    navigation.register_counter("approvals", counter)
    return requests


def visit(address: str, *, signed_in: bool = True) -> HttpRequest:
    """A request of somebody."""
    request = RequestFactory().get(address)
    request.user = SimpleNamespace(is_authenticated=signed_in, name="Omar Haddad")
    return request


def test_signed_out_navigation_has_no_counts(counter_requests: list[HttpRequest]) -> None:
    assert {link.count for link in navigation.destinations(visit("/", signed_in=False))} == {0}
    assert counter_requests == []


def test_a_page_asks_each_counter_once_and_a_fragment_none(counter_requests: list[HttpRequest]) -> None:
    shown = context(visit(reverse("approvals")))["chrome"]
    assert counter_requests == []
    for _ in range(2):
        assert {link.key: link.count for link in shown.destinations if link.count} == {"approvals": 7}
    assert len(counter_requests) == 1


@pytest.mark.parametrize(
    ("address", "current"),
    [("/", "home"), ("/approvals/9", "approvals"), ("/campaigns/3/", "recertify"), ("/accounts/", None)],
)
def test_the_link_that_one_is_under_is_current(
    address: str, current: str | None, counter_requests: list[HttpRequest]
) -> None:
    links = navigation.destinations(visit(address))
    assert [link.key for link in links if link.current] == ([current] if current else [])


def test_only_readers_of_the_ledger_are_led_there(counter_requests: list[HttpRequest]) -> None:
    assert "ledger" not in [link.key for link in navigation.destinations(visit("/"))]


def test_the_clock_is_read_once_and_only_if_the_page_shows_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: reads.append(1) or "now")
    now = context(visit("/"))["now"]
    assert reads == []
    assert (now(), now()) == ("now", "now")
    assert len(reads) == 1
