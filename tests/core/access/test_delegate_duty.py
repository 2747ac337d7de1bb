"""A delegate is of the same duty whenever they stand in, not only when the delegation was set (A11, S8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.access import access
from governance.core.clock import current_time
from governance.core.models import Delegation, Person
from governance.core.roles.roles import Permission, Role
from tests.appointments import end_role
from tests.people import NOW, Northwind, as_actor, as_delegate, give_role, make_person
from tests.signed_in_client import client_of

LATER = NOW + timedelta(minutes=2)


def ends(northwind: Northwind, person: Person, role: Role) -> None:
    """A role of somebody's ends, a minute from now."""
    end_role(person, role, now=NOW + timedelta(minutes=1))


@pytest.mark.rule("A11", "S8")
def test_former_admin_is_no_delegate_admin(northwind: Northwind) -> None:
    n, third = northwind, make_person("Ada Third")
    give_role(third, Role.ADMIN, admins=(n.ines, n.karl), now=NOW)
    stand_in = as_delegate(third, giver=n.ines)
    assert access.may(stand_in, Permission.PERSON_MANAGE, None, now=NOW)
    ends(n, third, Role.ADMIN)
    assert not access.may(stand_in.afresh(), Permission.PERSON_MANAGE, None, now=LATER)
    assert not access.stands_in(stand_in.afresh(), LATER)
    assert access.roles_held(stand_in.afresh(), LATER) == frozenset()
    assert access.answers_as(as_actor(third), LATER) == (third.pk,)


@pytest.mark.rule("A11", "S8")
def test_delegate_gains_no_later_role_of_giver_until_shared(
    northwind: Northwind,
) -> None:
    n = northwind
    stand_in = as_delegate(n.tom, giver=n.lena)
    assert access.stands_in(stand_in, NOW)
    give_role(n.lena, Role.AUDITOR, admins=(n.ines, n.karl), now=LATER)
    assert not access.may(stand_in.afresh(), Permission.LEDGER_READ, None, now=LATER)
    assert not access.stands_in(stand_in.afresh(), LATER)
    assert access.stands_in(stand_in.afresh(), NOW), "what was then is as it was then"
    give_role(n.tom, Role.AUDITOR, admins=(n.ines, n.karl), now=LATER)
    assert access.may(stand_in.afresh(), Permission.LEDGER_READ, None, now=LATER)


@pytest.mark.rule("A11")
def test_role_without_delegates_changes_nothing(northwind: Northwind) -> None:
    stand_in = as_delegate(northwind.theo, giver=northwind.rita)
    assert access.stands_in(stand_in, NOW)
    assert Role.BUILDER in access.roles_held(stand_in, NOW)
    assert [delegation.giver for delegation in Delegation.objects.running(NOW)] == [northwind.rita]


@pytest.mark.rule("A11")
def test_both_read_on_their_page_that_it_rests(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    n = northwind
    as_delegate(n.viktor, giver=n.sana)
    monkeypatch.setattr(current_time, "now", lambda: LATER)
    assert "runs now" in client_of(n.sana).get("/me/").content.decode()
    ends(n, n.viktor, Role.SECURITY_REVIEWER)
    assert (
        "rests: they do not share a role or a responsibility of yours" in client_of(n.sana).get("/me/").content.decode()
    )
    assert (
        "rests: you do not share a role or a responsibility of theirs"
        in client_of(n.viktor).get("/me/").content.decode()
    )
