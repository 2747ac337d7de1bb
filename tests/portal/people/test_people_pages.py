"""My page with its delegations, people, roles and teams, as pages: refused first, each by the engine's own word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from approvals.decisions.transitions import decide
from approvals.models import Proposal, Submission
from governance.core.access import access
from governance.core.clock import current_time
from governance.core.models import Delegation, LedgerEvent, Membership, Person, RoleAssignment, Team
from governance.core.roles.roles import Role
from inventory.models import Resource
from tests import scenarios
from tests.appointments import propose_role
from tests.approvals import stock_report
from tests.inventory.automations.test_register_pages import cost
from tests.people import NOW, Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    """What a page says."""
    content: str = answer.content.decode()
    return content


# --- who sees what ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["rita", "theo", "omar", "jonas"])
def test_people_and_health_need_ledger_right(northwind: Northwind, who: str) -> None:
    client = client_of(getattr(northwind, who))
    for url in (
        reverse("people"),
        reverse("person", args=[northwind.mei.pk]),
        reverse("team", args=[northwind.marketing.pk]),
        reverse("person_add"),
        reverse("team_found"),
        reverse("health"),
    ):
        assert client.get(url).status_code == 403, url


@pytest.mark.parametrize("who", ["ines", "yuki", "sana"])
def test_admins_auditors_and_reviewers_read_them(northwind: Northwind, who: str) -> None:
    client = client_of(getattr(northwind, who))
    assert "Rita Novak" in text(client.get(reverse("people")))
    assert "Rita Novak" not in text(client.get(reverse("people"), {"q": "mei tanaka"}))
    assert "Yuki Sato" in text(client.get(reverse("people"), {"role": "auditor"}))
    assert "Builder" in text(client.get(reverse("person", args=[northwind.rita.pk])))
    assert "Grace Lindqvist" in text(client.get(reverse("team", args=[northwind.marketing.pk])))
    assert client.get(reverse("health")).status_code == 200


def test_forbidden_actions_have_no_button(northwind: Northwind) -> None:
    held = RoleAssignment.objects.get(person=northwind.rita)
    waiting = propose_role(northwind.rita, Role.AUDITOR, by=northwind.ines, now=NOW)
    urls = (reverse("people"), reverse("person", args=[northwind.rita.pk]))
    for who in (northwind.yuki, northwind.sana):
        for url in urls:
            page = text(client_of(who).get(url))
            assert reverse("role_end", args=[held.pk]) not in page
            assert reverse("role_propose", args=[northwind.rita.pk]) not in page
            assert "Record that they left" not in page
            assert reverse("person_add") not in page
    for url in urls:
        assert waiting.href in text(client_of(northwind.karl).get(url))
    ines_page = text(client_of(northwind.ines).get(reverse("person", args=[northwind.ines.pk])))
    assert "You would gain by this yourself" in ines_page
    assert "SOD-8" in ines_page


# --- roles ----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S8")
def test_roles_are_refused_on_the_page_as_in_the_engine_and_on_record(northwind: Northwind) -> None:
    held = RoleAssignment.objects.get(person=northwind.rita)
    propose_role(northwind.omar, Role.AUDITOR, by=northwind.ines, now=NOW)
    why = {"reason": "They are needed."}
    tries = (
        (northwind.tom, "role_propose", northwind.tom.pk, {"role": "admin", **why}, 403),
        (northwind.ines, "role_propose", northwind.ines.pk, {"role": "auditor", **why}, 403),
        (northwind.ines, "role_propose", northwind.rita.pk, {"role": "emperor", **why}, 422),
        (northwind.ines, "role_propose", northwind.rita.pk, {"role": "builder", **why}, 422),
        (northwind.ines, "role_propose", northwind.rita.pk, {"role": "auditor"}, 422),
        (northwind.karl, "role_propose", northwind.omar.pk, {"role": "auditor", **why}, 409),
        (northwind.yuki, "role_end", held.pk, {"reason": "No"}, 403),
        (northwind.yuki, "person_left", northwind.tom.pk, {"reason": "No"}, 403),
    )
    for who, name, pk, data, status in tries:
        answer = client_of(who).post(reverse(name, args=[pk]), data)
        assert answer.status_code == status, (who, name, text(answer)[:500])
        part = client_of(who).post(reverse(name, args=[pk]), data, headers={"HX-Request": "true"})
        assert (part.status_code, part["HX-Retarget"]) == (status, "#refusal")
    assert LedgerEvent.objects.filter(outcome="refused").count() == 2 * 5, "what was typed wrong is not recorded"
    assert access.roles_of(northwind.omar, current_time.now()) == {Role.EMPLOYEE}
    assert client_of(northwind.ines).post(reverse("role_end", args=[10**9])).status_code == 404


@pytest.mark.rule("S8")
def test_two_admins_and_the_person_give_a_role_and_one_ends_it_at_once_with_a_reason(northwind: Northwind) -> None:
    ines, karl, omar = (client_of(who) for who in (northwind.ines, northwind.karl, northwind.omar))
    made = ines.post(reverse("role_propose", args=[northwind.omar.pk]), {"role": "auditor", "reason": "An audit."})
    proposal = Proposal.objects.get(kind="role", target=f"{northwind.omar.pk}-auditor")
    assert made["Location"] == proposal.href
    answer = reverse("proposal_answer", args=[proposal.pk])
    karl.post(answer, {"answer": "approve", "shown_digest": proposal.digest})
    assert Role.AUDITOR not in access.roles_of(northwind.omar, current_time.now())
    omar.post(answer, {"answer": "accept", "shown_digest": proposal.digest})
    assert Role.AUDITOR in access.roles_of(northwind.omar, current_time.now())
    end = reverse("role_end", args=[RoleAssignment.objects.get(person=northwind.omar).pk])
    assert "End Omar Haddad’s role as auditor" in text(ines.get(end))
    empty = ines.post(end, {"reason": " "})
    assert empty.status_code == 422
    assert "a reason is needed" in text(empty)
    ines.post(end, {"reason": "The audit is over"})
    assert Role.AUDITOR not in access.roles_of(northwind.omar, current_time.now())
    assert Proposal.objects.get(kind="role", state="at_once").proposed_by == northwind.ines
    assert client_of(northwind.rita).get(end).status_code in (403, 404)


@pytest.mark.rule("R8")
def test_admin_adds_person_and_records_leaver(northwind: Northwind) -> None:
    ines = client_of(northwind.ines)
    wrong = ines.post(reverse("person_add"), {"name": "Noor Bakker", "email": "no address"})
    assert wrong.status_code == 422
    assert 'value="Noor Bakker"' in text(wrong), "nothing typed is lost"
    twice = ines.post(reverse("person_add"), {"name": "Rita Two", "email": northwind.rita.email.upper()})
    assert twice.status_code == 422
    assert "here already" in text(twice)
    ines.post(reverse("person_add"), {"name": "Noor Bakker", "email": "Noor@Northwind.example"})
    noor = Person.objects.get(subject="noor@northwind.example")
    assert not noor.has_usable_password()
    assert (
        client_of(northwind.yuki).post(reverse("person_add"), {"name": "X", "email": "x@x.example"}).status_code == 403
    )
    ines.post(reverse("person_left", args=[noor.pk]), {"reason": "Never came"})
    noor.refresh_from_db()
    assert not noor.is_here
    assert "<b>Left <time" in text(ines.get(reverse("person", args=[noor.pk])))


@pytest.mark.rule("S8")
def test_teams_are_founded_led_and_joined_and_never_for_oneself(northwind: Northwind) -> None:
    ines = client_of(northwind.ines)
    made = ines.post(
        reverse("team_found"), {"name": "Logistics", "kind": "business", "parent": northwind.operations.pk}
    )
    team = Team.objects.get(name="Logistics")
    assert made["Location"] == reverse("team", args=[team.pk])
    leads = reverse("team_leads", args=[team.pk])
    fields = {"seat": "lead", "reason": "Somebody leads it."}
    assert ines.post(leads, {**fields, "person": northwind.ines.pk}).status_code == 403
    assert ines.post(leads, {**fields, "person": 10**9}).status_code == 422
    assert client_of(northwind.lena).post(leads, {**fields, "person": northwind.lena.pk}).status_code == 403
    answer = ines.post(leads, {**fields, "person": northwind.lena.pk})
    assert answer["Location"].startswith("/proposals/"), "another admin countersigns that"
    ines.post(reverse("team_join", args=[team.pk]), {"person": northwind.tom.pk})
    team.refresh_from_db()
    assert (team.lead, list(team.members.all())) == (None, [northwind.tom])
    assert ines.post(reverse("team_leave", args=[team.pk]), {"person": northwind.rita.pk}).status_code == 404
    ines.post(reverse("team_leave", args=[team.pk]), {"person": northwind.tom.pk})
    assert not Membership.objects.filter(team=team).exists()


# --- my page -----------------------------------------------------------------------------------------------------------------


def days(begins: int, ends: int) -> dict[str, str]:
    """The two dates of the form, so many days from the reader's today, which is not everywhere the same."""
    today = timezone.localdate(current_time.now(), ZoneInfo(settings.ORGANISATION_TIME_ZONE))
    return {"from_on": str(today + timedelta(days=begins)), "until_on": str(today + timedelta(days=ends))}


@pytest.mark.rule("A11")
def test_refused_delegation_keeps_input(northwind: Northwind) -> None:
    theo = client_of(northwind.theo)
    url = reverse("delegation_set")
    for data, sentence in (
        ({"taker": northwind.bram.pk, **days(-2, 3)}, "in the future"),
        ({"taker": northwind.bram.pk, **days(1, 40)}, "at most 30 days"),
        ({"taker": northwind.bram.pk, **days(5, 2)}, "at most 30 days"),
        ({"taker": northwind.theo.pk, **days(1, 2)}, "Select a valid choice"),
        ({"taker": northwind.bram.pk, "from_on": "soon", "until_on": ""}, "Enter a valid date"),
    ):
        answer = theo.post(url, {**data, "reason": "Summer in Norway"})
        assert answer.status_code == 422, data
        assert sentence in text(answer)
        assert "Summer in Norway" in text(answer)
    sana = client_of(northwind.sana).post(url, {"taker": northwind.rita.pk, **days(1, 2)})
    assert "Select a valid choice" in text(sana)
    assert not Delegation.objects.exists()


@pytest.mark.rule("A11")
def test_a_delegation_is_set_shown_to_both_and_ended_by_the_giver_alone(northwind: Northwind) -> None:
    theo, bram = client_of(northwind.theo), client_of(northwind.bram)
    theo.post(reverse("delegation_set"), {"taker": northwind.bram.pk, **days(0, 6), "reason": "Summer"})
    given = Delegation.objects.get()
    assert given.from_at <= current_time.now()
    assert given.reason is not None
    assert "Bram Visser for Theo Brandt" in text(theo.get(reverse("me")))
    assert "You are a delegate for" in text(bram.get(reverse("me")))
    end = reverse("delegation_end", args=[given.pk])
    assert bram.post(end).status_code == 403
    assert client_of(northwind.rita).post(end).status_code == 404
    theo.post(end)
    given.refresh_from_db()
    assert given.ended_at is not None
    assert theo.post(end).status_code == 409


@pytest.mark.rule("H6")
def test_timeline_reader_is_identified_by_id(northwind: Northwind) -> None:
    twin = Person.objects.create(name=northwind.ines.name, email="twin@northwind.example", subject="twin")
    row = propose_role(northwind.omar, Role.AUDITOR, by=northwind.ines, now=NOW)
    from governance.core.timeline import queries as timeline_queries

    assert [
        event["actor"] for event in timeline_queries.shapes(row, actor=as_actor(northwind.ines), now=NOW, limit=50)
    ] == ["You"]
    assert [event["actor"] for event in timeline_queries.shapes(row, actor=as_actor(twin), now=NOW, limit=50)] == [
        "Ines Moreau"
    ]


@pytest.mark.parametrize(
    "name",
    ["delegation_set", "delegation_end", "role_propose", "team_leads", "team_join", "team_leave"],
)
def test_changes_need_post_with_token(northwind: Northwind, name: str) -> None:
    url = reverse(name, args=[] if name == "delegation_set" else [1])
    assert client_of(northwind.ines).get(url).status_code == 405
    assert client_of(northwind.ines, checks_csrf=True).post(url).status_code == 403


# --- what waits for a person, and what they did ---------------------------------------------------------------------------


@pytest.mark.usefixtures("clock_stands")
def test_page_of_a_person_shows_tasks_grants_and_their_own_acts(company: Company, stock_in_force: Submission) -> None:
    n, asked = company.people, stock_report.in_stage_2(company, lambda export: export.update(id="another"))
    question = stock_report.privilege_on(asked, company.slack)
    shown = scenarios.shown(question)
    decide.ask_for_changes(
        question, actor=as_actor(n.omar), now=company.now, reason="Which channel?", shown_digest=shown
    )
    ines = client_of(n.ines)
    tasks = ines.get(reverse("person_tasks", args=[n.rita.pk]))
    assert f'href="{reverse("answer", args=[asked.pk, question.pk])}"' in text(tasks)
    assert "Which channel?" in text(tasks)
    page = text(ines.get(reverse("person", args=[n.rita.pk])))
    assert "submitted" in page.partition('id="timeline"')[2]
    page = text(ines.get(reverse("person", args=[n.jonas.pk])))
    register = f"{reverse('grant_list')}?automation={stock_in_force.automation_id}&amp;ends=open"
    assert f'<a href="{register}">4 grants</a>' in page
    listed = ines.get(reverse("grant_list"), {"owner": n.jonas.pk, "ends": "open"})
    assert len(listed.context["rows"]) == 4
    assert f'href="{reverse("grant_list")}?owner={n.jonas.pk}&amp;ends=open"' in page
    assert not ines.get(reverse("grant_list"), {"owner": n.mei.pk}).context["rows"]
    backed = Resource.objects.filter(deputy=n.amara).count()
    page = text(ines.get(reverse("person", args=[n.amara.pk])))
    folded = page.partition(f"<summary>Backup approver of {backed} resource")[2].partition("</details>")[0]
    assert backed
    assert folded.count("row-name") == backed
    pages = [text(ines.get(reverse("person", args=[person.pk]))) for person in (n.omar, n.mei, n.jonas, n.lena)]
    assert not any("It went live" in page for page in pages), "an event of itself is nobody's act"
    number, _ = cost(ines, reverse("person_tasks", args=[n.omar.pk]))
    assert number <= 15


def test_tasks_of_a_person_need_the_right_to_read_the_ledger(northwind: Northwind) -> None:
    assert client_of(northwind.rita).get(reverse("person_tasks", args=[northwind.omar.pk])).status_code == 403
