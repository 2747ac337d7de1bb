"""Requests of a directory at once, with real threads and commits: the limits hold, and no entry and person drift apart."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction

from governance.core.access import Refused
from governance.core.directory import transitions
from governance.core.models import Person
from governance.core.people.transitions.people import LEAST_ADMINS
from governance.core.roles.roles import Role
from tests.core.people.test_races import at_once
from tests.people import NOW, Northwind, build, give_role

pytestmark = [pytest.mark.race, pytest.mark.rule("P1")]


@pytest.fixture
def company(committed: None) -> Northwind:
    """A company of this test's own, committed, with four admins."""
    company = build(uuid.uuid4().hex[:8])
    for person in (company.omar, company.mei):
        give_role(person, Role.ADMIN, admins=(company.ines, company.karl))
    return company


def leave(person: Person) -> Any:
    """The directory reports a leaver."""
    actor = transitions.actor_of("northwind")
    return lambda: transitions.leave_by_directory(person, actor=actor, now=NOW, write=bool)


@pytest.mark.rule("S9")
def test_admins_who_leave_at_once_are_never_the_last_two(company: Northwind) -> None:
    admins = list(Person.objects.with_role(Role.ADMIN, NOW))
    results = at_once(*(leave(admin) for admin in admins))
    assert Person.objects.with_role(Role.ADMIN, NOW).count() == LEAST_ADMINS, results
    assert sum(isinstance(result, Refused) for result in results) == LEAST_ADMINS


@pytest.mark.rule("R8")
def test_leavers_at_once_keep_within_the_limit(company: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "AT_LEAST", 3)
    people = [company.rita, company.tom, company.grace, company.bram, company.jonas]
    with transaction.atomic():
        Person.objects.filter(pk__in=[person.pk for person in people]).update(source=(source := uuid.uuid4().hex[:8]))
        Person.objects.filter(source=source).update(created_at=NOW.replace(year=2020))
    actor = transitions.actor_of(source)
    rows = Person.objects.filter(source=source)
    results = at_once(
        *(lambda row=row: transitions.leave_by_directory(row, actor=actor, now=NOW, write=bool) for row in rows)
    )
    assert rows.filter(left_at__isnull=False).count() == 3, results
