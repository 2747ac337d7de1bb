"""The cast itself: what every other test takes for granted."""

from __future__ import annotations

from governance.core.access.access import roles_of
from governance.core.models import LedgerEvent
from governance.core.roles.roles import Role
from tests.people import CAST, Northwind


def test_cast_holds_exactly_given_roles(northwind: Northwind) -> None:
    expected = {
        "rita": Role.BUILDER,
        "piet": Role.BUILDER,
        "tom": Role.BUILDER,
        "sana": Role.SECURITY_REVIEWER,
        "viktor": Role.SECURITY_REVIEWER,
        "ines": Role.ADMIN,
        "karl": Role.ADMIN,
        "yuki": Role.AUDITOR,
    }
    for attribute, _, _ in CAST:
        held = roles_of(getattr(northwind, attribute), northwind.now) - {Role.EMPLOYEE}
        assert held == ({expected[attribute]} if attribute in expected else set()), attribute


def test_the_cast_is_in_the_ledger(northwind: Northwind) -> None:
    assert LedgerEvent.objects.filter(verb="role.bootstrapped").count() == 4
    assert LedgerEvent.objects.filter(verb="role.given").count() == 4
