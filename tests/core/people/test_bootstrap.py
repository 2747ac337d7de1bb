"""The first roles of an installation: two admins and two security reviewers, entered once, into an empty ledger (S9)."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from governance.core.access import access
from governance.core.models import LedgerEvent, Person, RoleAssignment
from governance.core.people.bootstrap import AlreadyBootstrapped, bootstrap
from governance.core.roles.roles import Role
from tests.people import NOW, make_person

pytestmark = pytest.mark.django_db


def four() -> list[Person]:
    """Four people of a new installation."""
    return [make_person(name) for name in ("Ada One", "Bo Two", "Cy Three", "Di Four")]


@pytest.mark.rule("S9")
def test_bootstrap_wants_four_different_people() -> None:
    first, second, third, fourth = four()
    for admins, reviewers in (
        ([first], [third, fourth]),
        ([first, first], [third, fourth]),
        ([first, second], [second, third]),
        ([first, second, third], [fourth]),
    ):
        with pytest.raises(ValueError, match="Name two admins"):
            bootstrap(admins=admins, reviewers=reviewers, now=NOW)
    assert not LedgerEvent.objects.exists()


@pytest.mark.rule("S9")
def test_bootstrap_names_two_admins_and_two_reviewers_once() -> None:
    first, second, third, fourth = four()
    bootstrap(admins=[first, second], reviewers=[third, fourth], now=NOW)
    assert [access.roles_of(p, NOW) - {Role.EMPLOYEE} for p in (first, third)] == [
        {Role.ADMIN},
        {Role.SECURITY_REVIEWER},
    ]
    assert LedgerEvent.objects.filter(verb="role.bootstrapped").count() == 4
    assert RoleAssignment.history.filter(history_change_reason__startswith="role.bootstrapped").count() == 4
    with pytest.raises(AlreadyBootstrapped):
        bootstrap(admins=[third, fourth], reviewers=[first, second], now=NOW)
    assert access.roles_of(fourth, NOW) == {Role.EMPLOYEE, Role.SECURITY_REVIEWER}


@pytest.mark.rule("S9")
def test_the_command_enters_four_people_and_does_not_run_again() -> None:
    who = ["--admin", "Ada One <ada@x.example>", "--admin", "Bo Two <bo@x.example>"]
    who += ["--reviewer", "Cy Three <cy@x.example>", "--reviewer", "Di Four <di@x.example>"]
    out = StringIO()
    call_command("bootstrap", *who, stdout=out)
    assert "manage.py set_password ada@x.example" in out.getvalue()
    assert LedgerEvent.objects.filter(verb="person.added").count() == 4
    assert Role.ADMIN in access.roles_of(Person.objects.get(subject="bo@x.example"), NOW.replace(year=2100))
    who[1] = "Eve Five <eve@x.example>"
    with pytest.raises(CommandError, match="not empty"):
        call_command("bootstrap", *who, stdout=out)
    assert not Person.objects.filter(subject="eve@x.example").exists()
