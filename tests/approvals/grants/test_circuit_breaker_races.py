"""Two at once who would both be let end the last that there is room for: real threads, real commits (G6)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle
from approvals.models import Grant, HeldGrant, LetThrough
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.submissions.test_races import at_once, of_its_own, refusals
from tests.people import as_actor, build
from tests.recertification.grant_rows import low_grants
from tests.scenarios import Company

pytestmark = pytest.mark.race


@pytest.fixture(scope="module")
def firm(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """A company of this module's own, committed."""
    with django_db_blocker.unblock():
        yield scenarios.company(build(uuid.uuid4().hex[:8]))
        connections.close_all()


@pytest.mark.full("four at once; that two never both find the last room is in make test")
@pytest.mark.rule("G6", "R9")
def test_two_at_once_never_both_find_room_and_none_is_lost(firm: Company) -> None:
    omar = firm.people.omar
    many = low_grants(stock_report.in_force(firm, of_its_own()), circuit_breaker.NEVER_HELD + 3, begins_at=firm.now)
    for grant in many[: circuit_breaker.NEVER_HELD - 1]:
        lifecycle.revoke(grant, actor=as_actor(omar), now=firm.now, reason="No.")
    last = many[circuit_breaker.NEVER_HELD - 1 :]
    calls = [
        lambda grant=grant: lifecycle.revoke(  # type: ignore[misc]
            Grant.objects.get(pk=grant.pk), actor=as_actor(omar), now=firm.now, reason="No."
        )
        for grant in last
    ]
    assert refusals(at_once(*calls)) == []
    mine = [grant.pk for grant in many]
    ended = Grant.objects.filter(pk__in=mine, state="ended").count()
    held = HeldGrant.objects.filter(grant__in=mine).count()
    assert (ended, held) == (circuit_breaker.NEVER_HELD, 3)
    assert LetThrough.objects.filter(grant__in=mine).count() == circuit_breaker.NEVER_HELD


def with_own_connections(word: str) -> Callable[[dict[str, Any]], None]:
    """An edit: another automation, with connections that no other company has bound."""
    edit = of_its_own()

    def edited(export: dict[str, Any]) -> None:
        edit(export)
        for node in export["nodes"]:
            for credential in node.get("credentials", {}).values():
                credential["id"] += word

    return edited


@pytest.fixture
def one_more_room(committed: None) -> tuple[Company, list[Grant], list[Grant]]:
    """The grants of two automations; Omar has ended as many of the first as never are held, but one."""
    word = uuid.uuid4().hex[:8]
    firm = scenarios.company(build(word))
    first = low_grants(
        stock_report.in_force(firm, with_own_connections(word)), circuit_breaker.NEVER_HELD, begins_at=firm.now
    )
    second = low_grants(stock_report.in_force(firm, with_own_connections(word)), 2, begins_at=firm.now)
    for grant in first[: circuit_breaker.NEVER_HELD - 1]:
        lifecycle.revoke(grant, actor=as_actor(firm.people.omar), now=firm.now, reason="No.")
    return firm, first, second


@pytest.mark.rule("G6", "R9")
def test_two_automations_at_once_never_both_find_the_last_room(
    one_more_room: tuple[Company, list[Grant], list[Grant]],
) -> None:
    """The grants have no row in common that the engine locks: only the brake's own lock keeps the count."""
    firm, first, second = one_more_room
    omar = firm.people.omar
    last = [first[-1], *second]
    calls = [
        lambda grant=grant: lifecycle.revoke(  # type: ignore[misc]
            Grant.objects.get(pk=grant.pk), actor=as_actor(omar), now=firm.now, reason="No."
        )
        for grant in last
    ]
    assert refusals(at_once(*calls)) == []
    mine = [grant.pk for grant in (*first, *second)]
    assert Grant.objects.filter(pk__in=mine, state="ended").count() == circuit_breaker.NEVER_HELD
    assert HeldGrant.objects.filter(grant__in=mine).count() == 2
