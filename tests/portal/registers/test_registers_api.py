"""Registers by a program: the rows that its person sees, a page at a time (P1, S5)."""

from __future__ import annotations

import pytest

from governance.core.models import Person
from governance.portal.registers.all_registers import REGISTERS
from governance.portal.registers.api import NAMES
from governance.web.pages import pager
from tests import scenarios
from tests.approvals.api.programs import ROOT, Program
from tests.people import Northwind
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def test_each_register_has_a_name() -> None:
    assert sorted(NAMES.values()) == sorted(REGISTERS)
    assert set(NAMES) == {"automations", "submissions", "grants", "resources", "identities", "credentials", "people"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_register_answers(northwind: Northwind, name: str) -> None:
    answer = Program.of(northwind.ines).get(f"/registers/{name}")
    assert (answer.status, answer.said["name"], answer.said["next"]) == (200, name, "")


def test_program_pages_through_people_and_filters_them(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pager, "PAGE", 5)
    program, path, names = Program.of(northwind.ines), "/registers/people", []
    while path:
        answer = program.get(path)
        names += [row["name"] for row in answer.said["rows"]]
        path = answer.said["next"].rpartition(ROOT)[2]
    assert names == sorted(names, key=str.lower)
    assert len(names) == Person.objects.count()
    found = program.get("/registers/people?q=rita").said["rows"]
    assert [row["name"] for row in found] == [northwind.rita.name]


def test_program_sees_automations_of_its_person_alone(company: Company) -> None:
    scenarios.brought_in(company, by=company.people.rita)
    sees, sees_not = Program.of(company.people.rita), Program.of(company.people.tom)
    assert [len(one.get("/registers/automations").said["rows"]) for one in (sees, sees_not)] == [1, 0]


def test_register_refuses_team_token_and_unknown_name(northwind: Northwind) -> None:
    answer = Program.of(northwind.rita, northwind.finance_ops).get("/registers/automations")
    assert (answer.status, answer.said["code"]) == (403, "S5")
    answer = Program.of(northwind.rita).get("/registers/secrets")
    assert (answer.status, answer.said["code"]) == (404, "NOT_FOUND")


def test_register_of_people_is_for_those_who_open_its_page(northwind: Northwind) -> None:
    answer = Program.of(northwind.rita).get("/registers/people")
    assert (answer.status, answer.said["code"]) == (403, "PERMISSION")


@pytest.mark.parametrize(
    ("query", "what", "allowed"),
    [
        ("words=rita", "parameter", "after, before, environment, kind, owner, q, review, risk, sort, state, team."),
        ("environment=moon", "value", "development, production, test."),
        ("sort=shoe", "value", "-name, "),
    ],
)
def test_parameter_that_would_be_ignored_is_refused(northwind: Northwind, query: str, what: str, allowed: str) -> None:
    answer, name = Program.of(northwind.rita).get(f"/registers/automations?{query}"), query.partition("=")[0]
    assert (answer.status, answer.fields) == (422, {name: f"The register has no {what} like this."})
    assert answer.said["to_do"].startswith(f"Use one of: {allowed}")


@pytest.mark.parametrize("query", ["team=Marketing", "team=-1", "team=", "team=9.0", "after=zzz", "before=1e3"])
def test_key_that_is_no_number_is_refused(northwind: Northwind, query: str) -> None:
    answer = Program.of(northwind.rita).get(f"/registers/automations?{query}")
    assert (answer.status, answer.fields) == (422, {query.partition("=")[0]: "This takes the key of a row, a number."})
