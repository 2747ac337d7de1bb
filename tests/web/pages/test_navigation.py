"""The frame: counts are asked once and only when shown, and a link leads somewhere or is not drawn."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from django.urls import path

from governance.web.pages import navigation
from governance.web.pages.context_processor import chrome as context

urlpatterns = [
    path("", lambda request: None, name="home"),
    path("desk/", lambda request: None, name="desk"),
    path("automations/", lambda request: None, name="automation_list"),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[HttpRequest]:
    """One counter that answers for two destinations, and how often it was asked."""
    requests: list[HttpRequest] = []

    def counter(request: HttpRequest) -> dict[str, int]:
        requests.append(request)
        return {"desk": 7, "recertify": 5}

    monkeypatch.setattr(navigation, "_counters", {})
    navigation.register_counter("waiting", counter)
    return requests


def visit(address: str, *, signed_in: bool = True) -> HttpRequest:
    """A request of somebody."""
    request = RequestFactory().get(address)
    request.user = SimpleNamespace(is_authenticated=signed_in, name="Omar Haddad")
    return request


def test_signed_out_navigation_has_no_counts(asked: list[HttpRequest]) -> None:
    assert navigation.counts(visit("/", signed_in=False)) == {}
    assert asked == []


@override_settings(ROOT_URLCONF="tests.web.pages.test_navigation")
def test_a_page_asks_each_counter_once_and_a_fragment_none(asked: list[HttpRequest]) -> None:
    shown = context(visit("/desk/9"))["chrome"]
    assert asked == []
    assert [one.count for one in shown.destinations] == [0, 7, 0]
    assert [one.count for one in shown.destinations] == [0, 7, 0]
    assert len(asked) == 1


@override_settings(ROOT_URLCONF="tests.web.pages.test_navigation")
@pytest.mark.parametrize(("address", "current"), [("/", "home"), ("/desk/9", "desk"), ("/automations/", "automations")])
def test_the_link_that_one_is_under_is_current(address: str, current: str, asked: list[HttpRequest]) -> None:
    assert [one.key for one in navigation.destinations(visit(address)) if one.current] == [current]


@override_settings(ROOT_URLCONF="tests.web.pages.test_navigation")
def test_a_link_without_a_page_is_left_out_and_the_check_says_so(asked: list[HttpRequest]) -> None:
    assert [one.key for one in navigation.destinations(visit("/"))] == ["home", "desk", "automations"]
    named = " ".join(str(one.msg) for one in navigation.every_link_has_a_page())
    assert "'ledger'" in named
    assert "'desk'" not in named


def test_the_clock_is_read_once_and_only_if_the_page_shows_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    monkeypatch.setattr("governance.core.clock.business_time.now", lambda: reads.append(1) or "now")
    now = context(visit("/"))["now"]
    assert reads == []
    assert (now(), now()) == ("now", "now")
    assert len(reads) == 1
