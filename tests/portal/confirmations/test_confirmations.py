"""Confirmations: several appointments and resources at once, each by its own rule and on record by itself (S8, I3, A6)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Proposal, ProposalState
from approvals.proposals import transitions
from governance.core.clock import current_time
from governance.core.models import LedgerEvent, Person, RoleAssignment, Team
from governance.core.roles.roles import Role
from governance.portal.confirmations import queries, views
from governance.portal.lists import uploads
from inventory.models import Resource, ResourceState
from tests.appointments import propose_role
from tests.people import NOW, Northwind, as_actor
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db

URL = "/confirmations/"


def ticked(client: Client) -> list[str]:
    """What the page offers, all of it ticked."""
    return re.findall(r'name="confirm" value="([^"]+)"[^>]* checked', client.get(URL).content.decode())


def confirm(client: Client, *values: str) -> Any:
    """Press the button."""
    return client.post(URL, {"confirm": values, "reason": "As agreed."}, follow=True)


def test_author_and_beneficiary_are_offered_nothing(northwind: Northwind) -> None:
    propose_role(northwind.karl, Role.AUDITOR, by=northwind.ines, now=current_time.now())
    for who in (northwind.ines, northwind.karl, northwind.rita, northwind.yuki):
        assert ticked(client_of(who)) == []


def test_second_admin_countersigns_and_the_person_accepts(northwind: Northwind) -> None:
    now = current_time.now()
    for person in (northwind.jonas, northwind.tom, northwind.mei):
        propose_role(person, Role.AUDITOR, by=northwind.ines, now=now)
    values = ticked(client_of(northwind.karl))
    assert len(values) == 3
    assert "Confirmed 2 rows." in confirm(client_of(northwind.karl), *values[:2]).content.decode()
    states = dict(Proposal.objects.filter(target__endswith="-auditor").values_list("appointed", "state"))
    assert states[northwind.jonas.pk] == states[northwind.tom.pk] == ProposalState.APPROVED
    assert states[northwind.mei.pk] == ProposalState.OPEN
    assert LedgerEvent.objects.filter(verb="proposal.approved", actor_id=northwind.karl.opaque_id).count() >= 2
    jonas = client_of(northwind.jonas)
    confirm(jonas, *ticked(jonas))
    assert RoleAssignment.objects.filter(person=northwind.jonas, role="auditor", until=None).exists()
    assert not RoleAssignment.objects.filter(person=northwind.tom, role="auditor").exists()


@pytest.mark.rule("S8")
def test_roles_over_the_portal_are_ticked_by_hand(northwind: Northwind) -> None:
    for role in (Role.ADMIN, Role.SECURITY_REVIEWER, Role.AUDITOR):
        propose_role(northwind.mei, role, by=northwind.ines, now=current_time.now())
    karl = client_of(northwind.karl)
    assert karl.get(URL).content.decode().count('name="confirm"') == 3
    assert len(ticked(karl)) == 1


def test_resources_that_wait_for_another_step_hide_none(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST", 2)
    common = {"kind": "data_store", "team": northwind.marketing, "state": ResourceState.PROPOSED}
    for number in range(4):
        Resource.objects.create(name=f"Ownerless {number}", created_at=NOW, **common)
    run_by = {"owner": northwind.omar, "deputy": northwind.mei, "accepted_at": NOW, "data_class": "internal"}
    with unguarded(Resource):
        Resource.objects.create(name="Lake", created_at=current_time.now(), **common, **run_by)
    assert [row.name for row in queries.confirmations(as_actor(northwind.karl), current_time.now())] == ["Lake"]


def test_page_says_that_more_rows_follow(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST", 2)
    monkeypatch.setattr(views, "MOST", 2)
    for person in (northwind.jonas, northwind.tom, northwind.mei):
        propose_role(person, Role.AUDITOR, by=northwind.ines, now=current_time.now())
    karl = client_of(northwind.karl)
    values = ticked(karl)
    assert len(values) == 2
    assert "More follow once these are answered" in karl.get(URL).content.decode()
    page = confirm(karl, *values).content.decode()
    assert page.count('name="confirm"') == 1
    assert "More follow" not in page


def test_forged_values_confirm_nothing(northwind: Northwind) -> None:
    proposal = propose_role(northwind.jonas, Role.AUDITOR, by=northwind.ines, now=current_time.now())
    (value,) = ticked(client_of(northwind.karl))
    for who in (northwind.ines, northwind.jonas, northwind.rita):
        assert confirm(client_of(who), value).status_code == 409
    for other in (f"proposal-{proposal.pk}:", value[:-1], "junk", "", f"resource-{proposal.pk}-accept:"):
        assert confirm(client_of(northwind.karl), other).status_code == 409
    assert confirm(client_of(northwind.karl)).status_code == 422
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.OPEN


def test_amended_proposal_is_not_confirmed_by_an_older_page(northwind: Northwind) -> None:
    now = current_time.now()
    proposal = propose_role(northwind.jonas, Role.AUDITOR, by=northwind.ines, now=now)
    (value,) = ticked(client_of(northwind.karl))
    ines = as_actor(northwind.ines)
    transitions.amend(proposal, actor=ines, now=now, reason="Another reason.", document={"held": True})
    answer = confirm(client_of(northwind.karl), value)
    assert (answer.status_code, "has changed or was answered since" in answer.content.decode()) == (409, True)
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.OPEN


def test_old_sign_in_leads_to_a_new_one_and_back(northwind: Northwind) -> None:
    proposal = propose_role(northwind.jonas, Role.AUDITOR, by=northwind.ines, now=current_time.now())
    client = client_of(northwind.karl, minutes_ago=60 * 11)
    answer = confirm(client, *ticked(client))
    assert answer.status_code == 403
    assert f"{reverse('account_reauthenticate')}?next=%2Fconfirmations%2F" in answer.content.decode()
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.OPEN


def test_queries_do_not_grow_with_the_rows(northwind: Northwind) -> None:
    def cost() -> int:
        client = client_of(northwind.karl)
        client.get(URL)
        with CaptureQueriesContext(connection) as queries:
            client.get(URL)
        return len(queries)

    people = [northwind.jonas, northwind.tom, northwind.mei, northwind.grace, northwind.theo]
    propose_role(people[0], Role.AUDITOR, by=northwind.ines, now=current_time.now())
    before = cost()
    for person in people[1:]:
        propose_role(person, Role.AUDITOR, by=northwind.ines, now=current_time.now())
    assert cost() == before


# --- the first day ------------------------------------------------------------------------------------------------


class Hands:
    """People at their browsers. Each page that they open by hand and each press is an action."""

    def __init__(self) -> None:
        self.actions = 0

    def open(self, client: Client, url: str) -> str:
        """Open a page from a link or by its address."""
        self.actions += 1
        answer = client.get(url)
        assert answer.status_code == 200
        return str(answer.content.decode())

    def press(self, client: Client, url: str, **form: Any) -> Any:
        """Press a button."""
        self.actions += 1
        answer = client.post(url, form, follow=True)
        assert answer.status_code == 200
        return answer

    def confirm_all(self, person: Person) -> None:
        """Open the confirmations, from the mail or the sidebar, and confirm what is ticked."""
        client = client_of(person)
        values = re.findall(r'name="confirm" value="([^"]+)"[^>]* checked', self.open(client, URL))
        assert values
        self.press(client, URL, confirm=values)


def first_day_lists() -> dict[str, str]:
    """Twelve people, two teams with leads, five resources with entitlements."""
    people = [f"p{number}@new.test,Person {number},{'Ledgers' if number < 7 else 'Robots'}" for number in range(1, 13)]
    kinds = ("Data store", "MCP server", "SaaS connector", "Backend API", "Secret store")
    resources = [
        f"System {number},{kind},Ledgers,p1@new.test,p2@new.test,internal" for number, kind in enumerate(kinds, 1)
    ]
    return {
        "people": "\n".join(["email,name,teams", *people]),
        "teams": "team,lead,deputy_lead\nLedgers,p1@new.test,p2@new.test\nRobots,p2@new.test,p1@new.test",
        "resources": "\n".join(["resource,kind,team,owner,deputy,data_class", *resources]),
        "entitlements": "resource,code,words,level\n" + "\n".join(f"System {n},r,Read it,read" for n in range(1, 6)),
    }


@pytest.fixture
def hands(northwind: Northwind) -> Hands:
    """One admin has uploaded and applied the lists of the first day, and the other has countersigned."""
    hands, admin = Hands(), client_of(northwind.ines)
    hands.open(admin, reverse("lists"))
    hands.actions += 1  # the files are chosen, all at once
    files = [SimpleUploadedFile(f"{name}.csv", text.encode()) for name, text in first_day_lists().items()]
    preview = hands.press(admin, reverse("lists"), files=files)
    hands.press(admin, preview.redirect_chain[-1][0], do="apply")
    while uploads.sweep(current_time.now()).get("left"):
        pass
    hands.confirm_all(northwind.karl)
    return hands


def test_twelve_people_two_teams_and_five_resources_take_fifteen_actions(northwind: Northwind, hands: Hands) -> None:
    lead, deputy = (Person.objects.get(email=f"p{number}@new.test") for number in (1, 2))
    hands.confirm_all(lead)  # two seats and five resources
    hands.confirm_all(deputy)  # two seats
    hands.confirm_all(northwind.karl)  # activates the five resources
    assert hands.actions == 12
    assert Person.objects.filter(email__endswith="@new.test", memberships__isnull=False).distinct().count() == 12
    leads = Team.objects.filter(name__in=("Ledgers", "Robots")).order_by("name").values_list("lead", "deputy_lead")
    assert list(leads) == [(lead.pk, deputy.pk), (deputy.pk, lead.pk)]
    active = Resource.objects.filter(name__startswith="System ", state=ResourceState.ACTIVE)
    assert set(active.values_list("owner", "deputy")) == {(lead.pk, deputy.pk)}
    assert active.count() == 5
