"""The sidebar: counts are asked once and only when shown, and an entry leads to a page that the reader may use."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import reverse

from governance.core.access import Actor, Permission, access
from governance.web.pages import navigation
from governance.web.pages.navigation import chrome as context


@pytest.fixture
def count_requests(monkeypatch: pytest.MonkeyPatch) -> list[Actor]:
    """Seven open approvals, and how often they were counted. The reader has no role and no team."""
    requests: list[Actor] = []

    def load_counts(actor: Actor) -> dict[str, int]:
        requests.append(actor)
        return {"approvals": 7}

    monkeypatch.setattr(navigation, "counts_of", load_counts)
    monkeypatch.setattr(access, "is_led_to", lambda actor, permission: False)
    monkeypatch.setattr(access, "is_in_a_team", lambda actor: False)
    return requests


def visit(address: str, *, signed_in: bool = True) -> HttpRequest:
    """A request of somebody."""
    request = RequestFactory().get(address)
    request.actor = Actor("person") if signed_in else None
    return request


def keys(request: HttpRequest) -> set[str]:
    """Keys of the entries that the sender of a request sees."""
    return {entry.key for entry in navigation.destinations(request)}


def test_signed_out_page_has_no_sidebar(count_requests: list[Actor]) -> None:
    assert navigation.destinations(visit("/", signed_in=False)) == []
    assert count_requests == []


def test_a_page_asks_for_the_counts_once_and_a_fragment_never(count_requests: list[Actor]) -> None:
    shown = context(visit(reverse("approvals")))["chrome"]
    assert count_requests == []
    for _ in range(2):
        assert {entry.key: entry.count for entry in shown.destinations if entry.count} == {"approvals": 7}
    assert len(count_requests) == 1


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/", "home"),
        ("/approvals/9", "approvals"),
        ("/review/4/", "approvals"),
        ("/campaigns/3/", "campaigns"),
        ("/conflicts/3/", "conflicts"),
        ("/conflicts/rules/x/", "rules"),
        ("/accounts/", None),
    ],
)
def test_the_entry_that_one_is_under_is_current(address: str, current: str | None, count_requests: list[Actor]) -> None:
    entries = navigation.destinations(visit(address))
    assert [entry.key for entry in entries if entry.is_current] == ([current] if current else [])


def test_entries_need_a_role_or_a_team(count_requests: list[Actor], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not keys(visit("/")) & {"import", "ledger", "people", "signals", "health"}
    monkeypatch.setattr(access, "is_in_a_team", lambda actor: True)
    monkeypatch.setattr(access, "is_led_to", lambda actor, permission: permission is Permission.LEDGER_READ)
    assert {"import", "ledger", "people", "health"} <= keys(visit("/"))
    assert "signals" not in keys(visit("/"))


def test_the_clock_is_read_once_and_only_if_the_page_shows_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: reads.append(1) or "now")
    now = context(visit("/"))["now"]
    assert reads == []
    assert (now(), now()) == ("now", "now")
    assert len(reads) == 1
