"""A delegate is, for each item that the giver owns or leads, its deputy, a lead of its team or a fallback owner (A11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F, Value

from governance.core.access import access
from governance.core.duties.refusals import DutyConflict
from governance.core.models import Delegation, LedgerEvent, Membership, Person, Team
from governance.core.models.people import MayStandIn
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from inventory.models import Credential, NonHumanIdentity, Resource
from inventory.ownership import delegates
from tests import scenarios
from tests.inventory.ownership.test_interim_owner import orphan, stands_in
from tests.people import NOW, as_actor, give_role, joins, make_person
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given, unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A11")]

UNTIL = NOW + timedelta(days=7)


def hand_over(giver: Person, taker: Person) -> Delegation:
    """Delegate from now on for a week."""
    return delegate(taker, actor=as_actor(giver), now=NOW, giver=giver, from_at=NOW, until_at=UNTIL)


def assert_refused(giver: Person, taker: Person, subject: str) -> None:
    """The operation refuses it with its code and sentence and leaves an event; the database refuses the row; the form does not offer it."""
    with pytest.raises(DutyConflict) as caught:
        hand_over(giver, taker)
    assert caught.value.refusal.code == "A11"
    assert caught.value.refusal.sentence == f"{taker.name} does not share your responsibility for {subject}."
    event = LedgerEvent.objects.latest("pk")
    assert (event.verb, event.outcome, event.code) == ("delegation.set", "refused", "A11")
    with pytest.raises(IntegrityError, match="A11: person"), transaction.atomic():
        Delegation.objects.create(giver=giver, taker=taker, from_at=NOW, until_at=UNTIL)
    assert taker.name not in offered(giver)
    assert not Delegation.objects.filter(giver=giver).exists()


def offered(giver: Person) -> list[str]:
    """The names that the form on the giver's own page offers."""
    page = client_of(giver).get("/me/")
    return [person.name for person in page.context["form"].fields["taker"].queryset]


# --- refused ----------------------------------------------------------------------------------------------------------------


def test_a_resource_owner_delegates_to_no_stranger(company: Company) -> None:
    assert_refused(company.people.omar, company.people.tom, "ERP Postgres (production)")


def test_deputy_is_not_delegate_without_responsibility(company: Company) -> None:
    n = company.people
    given(company.github, deputy=n.piet)
    assert_refused(n.piet, n.tom, "GitHub MCP server")


def test_team_member_is_not_delegate(company: Company) -> None:
    n = company.people
    ada = make_person("Ada Berg")
    Membership.objects.create(team=n.platform, person=ada)
    assert_refused(n.omar, ada, "ERP Postgres (production)")


def test_deputy_of_one_resource_is_not_delegate_for_all(company: Company) -> None:
    n = company.people
    given(company.slack, deputy=n.grace)
    assert_refused(n.omar, n.grace, "ERP Postgres (production)")


def test_a_lead_delegates_to_no_stranger_and_to_no_lead_of_another_team(company: Company) -> None:
    n = company.people
    for taker in (n.tom, n.grace, n.rita):
        assert_refused(n.theo, taker, "the team Finance Operations")


def test_an_owner_of_an_automation_delegates_to_no_stranger(company: Company) -> None:
    name = scenarios.brought_in(company).automation.name
    assert_refused(company.people.jonas, company.people.tom, name)


def test_a_lead_of_another_team_of_the_owner_takes_over_no_resource(company: Company) -> None:
    n = company.people
    joins(n.omar, n.finance_ops)
    assert_refused(n.omar, n.theo, "ERP Postgres (production)")


def test_a_fallback_owner_delegates_to_no_stranger_and_to_no_lead(company: Company) -> None:
    n = company.people
    fay = make_person("Fay Berg")
    with unguarded(Membership):
        joins(fay, n.fallback)
    joins(fay, n.finance_ops)
    for taker in (n.tom, n.theo):
        assert_refused(fay, taker, "the team Fallback owners")


def test_fallback_owner_who_leads_does_not_delegate_to_co_lead(company: Company) -> None:
    n = company.people
    assert_refused(n.bram, n.theo, "the team Fallback owners")


def test_an_interim_owner_delegates_to_no_stranger(company: Company) -> None:
    n = company.people
    stands_in(company, orphan(company), n.tom, lead=n.amara)
    assert_refused(n.tom, n.grace, company.slack.name)
    assert delegates.responsibilities(n.tom, NOW + timedelta(days=31)) == []


@pytest.mark.parametrize("of_team", [True, False], ids=["for an automation", "for nothing"])
def test_an_owner_of_an_identity_delegates_to_no_stranger(company: Company, of_team: bool) -> None:
    n = company.people
    automation = scenarios.brought_in(company).automation
    fields = {"kind": "service", "issuer": "https://idp.example", "subject": "svc-reports", "owner": n.tom}
    NonHumanIdentity.objects.create(automation=automation if of_team else None, **fields)
    assert_refused(n.tom, n.grace, "svc-reports")
    assert (n.theo.name in offered(n.tom)) is of_team


def test_an_owner_of_a_credential_delegates_to_no_stranger(company: Company) -> None:
    n = company.people
    credential = Credential.objects.create(kind="slackApi", name="Slack bot", owner=n.tom)
    assert offered(n.tom) == ["Amara Okafor", "Bram Visser"]
    Credential.objects.filter(pk=credential.pk).update(opens=company.erp)
    assert_refused(n.tom, n.grace, "Slack bot")
    assert offered(n.tom) == ["Amara Okafor", "Bram Visser", "Omar Haddad"]


def test_sharing_a_role_is_not_sharing_a_resource(company: Company) -> None:
    n = company.people
    given(company.model, owner=n.sana)
    assert_refused(n.sana, make_reviewer(company), "Model gateway")


def make_reviewer(c: Company) -> Person:
    """A security reviewer who leads nothing."""
    made = make_person("Ada Berg")
    give_role(made, Role.SECURITY_REVIEWER, admins=(c.people.ines, c.people.karl))
    return made


# --- later changes ----------------------------------------------------------------------------------------------------------


def _another_deputy(c: Company) -> None:
    for resource in Resource.objects.filter(deputy=c.people.piet):
        given(resource, deputy=c.people.amara)


def _one_more_resource(c: Company) -> None:
    given(c.slack, owner=c.people.tom, deputy=c.people.amara)


def _leads_a_team(c: Company) -> None:
    with unguarded(Team):
        Team.objects.filter(pk=c.people.marketing.pk).update(lead=c.people.tom)


@pytest.mark.parametrize("change", [_another_deputy, _one_more_resource, _leads_a_team], ids=lambda f: f.__name__)
def test_a_delegation_rests_once_the_responsibility_is_not_shared_any_more(
    company: Company, change: Callable[[Company], None]
) -> None:
    n = company.people
    given(company.github, owner=n.tom, deputy=n.piet)
    hand_over(n.tom, n.piet)
    acting = as_actor(n.piet).for_person(n.tom)
    assert access.stands_in(acting, NOW)
    assert n.tom.pk in access.answers_as(as_actor(n.piet), NOW)
    change(company)
    assert not access.stands_in(acting.afresh(), NOW)
    assert access.answers_as(as_actor(n.piet), NOW) == (n.piet.pk,)
    assert not Delegation.objects.running(NOW).exists()
    assert (
        "rests: they do not share a role or a responsibility of yours" in client_of(n.tom).get("/me/").content.decode()
    )


# --- allowed ----------------------------------------------------------------------------------------------------------------


def test_an_owner_delegates_to_their_deputy_a_lead_of_their_team_or_a_fallback_owner(company: Company) -> None:
    n = company.people
    given(company.github, owner=n.tom, deputy=n.piet)
    assert offered(n.tom) == ["Amara Okafor", "Bram Visser", "Mei Tanaka", "Piet de Vries"]
    for taker in (n.piet, n.mei, n.amara):  # the deputy, the lead of the resource's team, a fallback owner
        row = hand_over(n.tom, taker)
        Delegation.objects.filter(pk=row.pk).update(ended_at=NOW)
        assert access.stands_in(as_actor(taker).for_person(n.tom), NOW) is False


def test_a_deputy_delegates_to_the_owner(company: Company) -> None:
    n = company.people
    given(company.github, owner=n.tom, deputy=n.piet)
    assert hand_over(n.piet, n.tom).taker == n.tom


def test_a_lead_delegates_to_the_other_lead_or_a_fallback_owner(company: Company) -> None:
    n = company.people
    assert offered(n.theo) == ["Amara Okafor", "Bram Visser"]
    assert hand_over(n.theo, n.bram).taker == n.bram


def test_an_owner_of_an_automation_delegates_to_a_lead_of_its_team(company: Company) -> None:
    n = company.people
    scenarios.brought_in(company)
    assert offered(n.jonas) == ["Amara Okafor", "Bram Visser", "Theo Brandt"]
    assert hand_over(n.jonas, n.theo).taker == n.theo


def test_a_fallback_owner_delegates_to_another_fallback_owner(company: Company) -> None:
    n = company.people
    assert offered(n.bram) == ["Amara Okafor"]
    assert hand_over(n.bram, n.amara).taker == n.amara


def test_form_offers_exactly_eligible_delegates(company: Company) -> None:
    scenarios.brought_in(company)
    for giver in company.people.people:
        stands = MayStandIn(Value(giver.pk), F("pk"), Value(NOW))
        eligible = {*Person.objects.exclude(pk=giver.pk).filter(stands)}
        assert {*delegates.eligible_delegates(giver, NOW)} == eligible, giver.name


# --- nobody qualifies --------------------------------------------------------------------------------------------------------


def test_person_without_eligible_delegate_sees_reason_and_remedy(company: Company) -> None:
    n = company.people
    with unguarded(Membership):
        Membership.objects.filter(team=n.fallback).delete()
    page = client_of(n.nadia).get("/me/").content.decode()
    assert "You have no eligible delegate." in page
    assert "the team People (HR)" in page
    assert "Ask an admin to name such a backup approver or to propose a fallback approver." in page
    assert 'name="taker"' not in page


def test_single_reviewer_sees_that_nobody_holds_role(company: Company) -> None:
    n = company.people
    page = client_of(n.yuki).get("/me/").content.decode()
    assert "You have no eligible delegate: nobody else holds your roles." in page
    assert 'name="taker"' not in page


def test_reviewer_without_resources_delegates_to_reviewer(company: Company) -> None:
    n = company.people
    given(company.model, owner=n.omar)
    ada = make_reviewer(company)
    assert offered(ada) == ["Sana Iqbal", "Viktor Lind"]
    assert hand_over(ada, n.sana).taker == n.sana


@pytest.mark.parametrize("fields", [("owner", "deputy"), ("named_owner", "named_deputy")], ids=["owned", "named"])
def test_unused_resource_counts_for_delegation_but_retired_does_not(company: Company, fields: tuple[str, str]) -> None:
    n = company.people
    before, (owner, deputy) = offered(n.tom), fields
    given(company.github, **{owner: n.tom, deputy: n.piet, "state": "proposed"})
    assert offered(n.tom) == ["Amara Okafor", "Bram Visser", "Mei Tanaka", "Piet de Vries"]
    given(company.github, state="retired")
    assert offered(n.tom) == before
