"""Who has left, what they held, and who has it now or that nobody has it yet (R8, I3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import RevocationTask, Submission
from governance.core.models import Person
from governance.core.teams import transitions as team_transitions
from governance.portal.leavers import queries as leaver_queries
from governance.portal.leavers.queries import HeldThing
from governance.recertification.items import jobs as item_jobs
from governance.web.pages import pager
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, Resource
from inventory.ownership import transitions as ownership_transitions
from tests.appointments import own, record_leaver
from tests.inventory.automations.test_register_pages import lines
from tests.inventory.imports.sample_imports import again
from tests.people import as_actor, make_person
from tests.recertification.review_steps import JOB, Held, under_review
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R8")]

DAY = timedelta(days=1)


def leave(c: Company, person: Person, *, days: float = 1) -> None:
    """Somebody leaves a while after all of it was set up."""
    record_leaver(person, actor=as_actor(c.people.ines), now=c.now + days * DAY, reason="A new job.")


def held(person: Person, c: Company, *, days: float = 2) -> dict[tuple[str, str, str], HeldThing]:
    """A leaver's duties: kind, name and capacity."""
    rows = leaver_queries.load_held([person.pk], c.now + days * DAY)[person.pk]
    return {(row.kind, row.what, row.capacity): row for row in rows}


@pytest.mark.parametrize("who", ["theo", "rita", "omar"])
def test_only_ledger_readers_see_leavers(company: Company, who: str) -> None:
    leave(company, company.people.mei)
    client = client_of(getattr(company.people, who))
    assert client.get(reverse("leavers")).status_code == 403
    assert client.get(reverse("person_left", args=[company.people.mei.pk])).status_code == 403


@pytest.mark.parametrize("who", ["ines", "sana", "yuki"])
def test_leavers_page_without_leavers_says_so(northwind: object, company: Company, who: str) -> None:
    client = client_of(getattr(company.people, who))
    assert "Nobody has left." in lines(client.get(reverse("leavers")))


def test_unassigned_duty_of_leaver_is_listed_with_next_step(company: Company, stock_in_force: Submission) -> None:
    n = company.people
    leave(company, n.jonas)
    automation = held(n.jonas, company)["Automations", "Weekly stock report", "business owner"]
    assert (automation.waits, automation.to_do) == (True, "Name another, and submit that")
    assert automation.to_do_href == reverse("automation_amend", args=[stock_in_force.automation_id])


def test_interim_owner_of_leavers_object_is_shown(company: Company) -> None:
    n, then = company.people, company.now + 2 * DAY
    leave(company, n.omar)
    erp = Resource.objects.get(pk=company.erp.pk)
    named = ownership_transitions.NAME_INTERIM["resource"](erp, actor=as_actor(n.sana), now=then, person=n.grace)
    assert held(n.omar, company, days=3)["Resources", erp.name, "owner"].waits
    ownership_transitions.confirm_interim(named, actor=as_actor(erp.team.lead), now=then)
    assert held(n.omar, company, days=3)["Resources", erp.name, "owner"].now == "Grace Lindqvist, interim owner"


def test_reassigned_duty_is_listed_with_new_holder(company: Company) -> None:
    n = company.people
    leave(company, n.omar)
    own(Resource.objects.get(pk=company.erp.pk), n.grace, n.amara, now=company.now + 2 * DAY)
    row = held(n.omar, company, days=3)["Resources", company.erp.name, "owner"]
    assert (row.waits, row.now) == (False, "Grace Lindqvist")


def test_a_team_that_has_no_lead_waits(company: Company) -> None:
    n = company.people
    leave(company, n.theo)
    row = held(n.theo, company)["Teams", n.finance_ops.name, "lead"]
    assert (row.waits, row.to_do) == (True, "Propose another lead")
    assert team_transitions.name_leads.permission is None  # two people do


def test_question_of_leaver_is_with_next_reviewer(held_stock: Held) -> None:
    n = held_stock.people
    item = under_review(held_stock.grant())
    at = item.opened_at + DAY
    record_leaver(n.omar, actor=as_actor(n.ines), now=at, reason="A new job.")
    rows = [row for row in leaver_queries.load_held([n.omar.pk], at)[n.omar.pk] if row.kind == "Reviews"]
    assert [row.waits for row in rows] == [True]
    item_jobs.reassign_due(at + timedelta(hours=1), JOB)
    rows = [row for row in leaver_queries.load_held([n.omar.pk], at)[n.omar.pk] if row.kind == "Reviews"]
    assert [(row.waits, row.now) for row in rows] == [(False, n.amara.name)]


@pytest.mark.rule("G4")
def test_revocation_task_of_leaver_is_with_others(held_stock: Held) -> None:
    n, c = held_stock.people, held_stock.company
    transition_lifecycle.revoke(held_stock.grant(on=c.slack), actor=as_actor(n.sana), now=c.now, reason="Not here.")
    task = RevocationTask.objects.get(grant__kind="privilege")
    also = RevocationTask.objects.get(grant__kind="credential")  # only the revoked privilege used it (A2)
    assert task.owner is not None
    leave(c, task.owner)
    rows = [row for row in held(task.owner, c).values() if row.kind == "Access to remove"]
    assert {row.href for row in rows} == {task.href, also.href}
    others = [person.name for person in Person.objects.filter(pk__in=task.asked).exclude(pk=task.owner.pk)]
    assert rows[0].waits is not bool(others)


@pytest.fixture
def held_stock(company: Company, stock_in_force: Submission) -> Held:
    """The weekly stock report in force."""
    return Held(company, stock_in_force)


def test_approval_of_leaver_is_with_other_approvers(company: Company, stock_in_stage_2: Submission) -> None:
    n = company.people
    leave(company, n.omar)
    rows = [row for row in held(n.omar, company).values() if row.kind == "Approvals"]
    assert rows
    assert all(row.to_do_href == reverse("review", args=[stock_in_stage_2.pk]) for row in rows)
    assert all(row.waits for row in rows)  # until the sweep has asked the next person


def test_a_page_of_people_costs_as_much_as_half_of_it(company: Company, stock_in_force: Submission) -> None:
    client, path = client_of(company.people.yuki), reverse("leavers")
    n = company.people
    for person in (n.jonas, n.omar, n.theo, n.rita, n.bram, n.amara):  # one of each kind of thing that there is
        leave(company, person)
    client.get(path)

    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    few = query_count()
    for person in (n.mei, n.lena, n.grace):
        leave(company, person)
    assert query_count() == few


def test_leavers_list_pages_completely(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pager, "PAGE", 2)
    people = [make_person(f"Gone {number}") for number in range(5)]
    for number, person in enumerate(people):
        leave(company, person, days=number // 2)  # two of them at one instant
    client, path, seen = client_of(company.people.yuki), reverse("leavers"), []
    while path:
        context = client.get(path).context
        seen += [row["person"].name for row in context["rows"]]
        path = context["pager"].older_href
    assert sorted(seen) == sorted(person.name for person in people)
    assert client.get(f"{reverse('leavers')}?before=nonsense").status_code == 200


def test_retired_object_of_leaver_needs_nobody(company: Company, stock_in_force: Submission) -> None:
    n = company.people
    lifecycle.retire(again(stock_in_force.automation), actor=as_actor(n.jonas), now=company.now, reason="Over.")
    leave(company, n.jonas)
    assert Automation.objects.get(pk=stock_in_force.automation_id).state == "retired"
    assert not held(n.jonas, company)["Automations", "Weekly stock report", "business owner"].waits
