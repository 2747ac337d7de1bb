"""Home of each role: admin tasks that the reader may do, the ledger's state for auditors, tasks by due date."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.models import Submission
from governance.core.jobs import job_runs
from governance.core.models import Person
from governance.portal.figures import jobs as figure_jobs
from governance.portal.models import Figure
from inventory.models import Resource
from inventory.resources.transitions import resources
from tests import scenarios
from tests.inventory.automations.test_register_pages import cost
from tests.people import Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def tasks_of(person: Person, key: str, query: str = "") -> list[str]:
    """Names of the tasks of one kind that somebody's home shows."""
    return [task.name for kind, task in client_of(person).get(reverse("home") + query).context["rows"] if kind == key]


def accepted(n: Northwind) -> Resource:
    """A resource that Ines registered and Omar accepted: it waits for another admin."""
    fields = {"name": "CRM", "kind": "saas_connector", "data_class": "internal"}
    made = resources.register_resource(
        n.finance_ops, actor=as_actor(n.ines), now=n.now, fields=fields, owner=n.omar, deputy=n.amara
    )
    return resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)


@pytest.mark.rule("I3")
def test_only_uninvolved_admin_is_asked_to_activate_resource(northwind: Northwind) -> None:
    n = northwind
    made = accepted(n)
    for person in (n.ines, n.omar, n.theo, n.sana, n.yuki):
        assert tasks_of(person, "resources") == [], person.name
    assert tasks_of(n.karl, "resources") == ["Activate CRM"]
    home = re.sub(r"\s*<[^>]+>\s*", " ", client_of(n.karl).get(reverse("home")).content.decode())
    assert f"before it is active. Proposed by {n.ines.name}" in home
    resources.activate(made, actor=as_actor(n.karl), now=n.now)
    assert tasks_of(n.karl, "resources") == []


@pytest.mark.rule("S9")
def test_only_admins_are_asked_to_mend_the_installation(northwind: Northwind) -> None:
    n = northwind
    figure_jobs.sweep(n.now)
    Figure.objects.filter(name="health.advice").delete()
    day = n.now.date()
    Figure.objects.create(day=day, name="health.advice", value=2, at=n.now)
    for person in (n.omar, n.sana, n.yuki, n.theo):
        assert tasks_of(person, "health") == [], person.name
    assert "2 gaps of the installation" in tasks_of(n.karl, "health")


@pytest.mark.rule("H2")
def test_auditor_sees_state_of_ledger_first(northwind: Northwind) -> None:
    n = northwind
    for person in (n.rita, n.sana, n.karl):
        answer = client_of(person).get(reverse("home"))
        assert answer.context["ledger"] is None
        assert "Sealed until" not in answer.content.decode()
    shown = client_of(n.yuki).get(reverse("home")).content.decode()
    assert shown.index("Sealed until") < shown.index('id="dashboard"')
    assert "Nothing needs you" not in shown


def both(c: Company) -> tuple[Submission, Submission]:
    """Rita's chaser waits in stage 2 since Tuesday, the stock report since Wednesday."""
    chaser = scenarios.submitted(c)
    scenarios.decide_app(c, chaser)
    stock = scenarios.submitted(c, scenarios.brought_in(c, "weekly-stock-report.json"))
    scenarios.decide_app(c, stock, now=c.now + timedelta(days=1))
    return chaser, stock


@starting_point("company", both)
def test_tasks_are_sorted_by_due_date_and_kind(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    n = company.people
    assert tasks_of(n.omar, "approvals") == ["Invoice chaser", "Weekly stock report"]
    assert tasks_of(n.omar, "approvals", "?show=approvals") == ["Invoice chaser", "Weekly stock report"]
    assert tasks_of(n.omar, "approvals", "?show=questions") == []
    assert client_of(n.omar).get(reverse("home")).context["overdue"] == 0
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now + timedelta(days=20))
    page = client_of(n.omar).get(reverse("home"))
    assert page.context["overdue"] == 2
    assert "2 overdue" in page.content.decode()


@starting_point("company", both)
def test_home_names_person_step_and_time_of_own_automations(company: Company) -> None:
    n = company.people
    shown = client_of(n.rita).get(reverse("home"))
    text = shown.content.decode()
    assert "stage 2, its privileges" in text
    assert 'Waiting for <span class="holder"><b>' in text
    assert {row["row"].name for row in shown.context["automations"]} == {"Invoice chaser", "Weekly stock report"}
    live = scenarios.decide_rest(company, shown.context["automations"][1]["submission"]).automation
    assert live.name not in {row["row"].name for row in client_of(n.rita).get(reverse("home")).context["automations"]}


def all_kinds(c: Company) -> None:
    """Tasks of stages, and a resource that waits for Karl; the figures are counted."""
    both(c)
    accepted(c.people)
    job_runs.run_job(figure_jobs.JOB, figure_jobs.sweep)


@starting_point("company", all_kinds)
def test_home_of_each_role_takes_few_queries(company: Company) -> None:
    n = company.people
    for person in (n.sana, n.karl, n.yuki, n.theo, n.omar, n.rita, n.jonas, n.nadia):
        client = client_of(person)
        cost(client, reverse("home"))
        number, size = cost(client, reverse("home"))
        assert number <= 15, person.name
        assert size <= 60_000, person.name
