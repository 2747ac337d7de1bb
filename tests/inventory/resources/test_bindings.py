"""Who says what a connection opens: its resource's side alone (I8)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from governance.core.duties.refusals import DutyConflict, NotPermitted
from governance.core.models import LedgerEvent
from inventory.models import Automation, Binding
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db
KNOWN = {"connector": "slack", "instance": "abc"}


def confirmed(c: Company) -> Binding:
    """A connection that Omar confirmed to open the Slack workspace."""
    bindings.bind_connection(c.slack, actor=as_actor(c.people.omar), now=c.now, **KNOWN)
    return kept()


def kept() -> Binding:
    """The connection as the database has it."""
    return Binding.objects.get(connector="slack", instance_name="abc")


@pytest.mark.rule("I8")
def test_admin_and_builder_confirm_no_binding(company: Company) -> None:
    n = company.people
    for person in (n.ines, n.rita, n.mei):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            bindings.bind_connection(company.slack, actor=as_actor(person), now=company.now, **KNOWN)
    assert not Binding.objects.exists()
    bindings.bind_connection(company.slack, actor=as_actor(n.amara), now=company.now, **KNOWN)
    assert kept().confirmed_by == n.amara


@pytest.mark.rule("I8")
def test_a_proposed_connection_is_not_taken_by_another_resources_owner(company: Company) -> None:
    scenarios.brought_in(company)
    binding = Binding.objects.get(resource=company.slack)
    key = {"connector": binding.connector, "instance": binding.instance_name}
    with pytest.raises(NotPermitted, match="proposed to open Finance Slack workspace") as no:
        bindings.bind_connection(company.drive, actor=as_actor(company.people.mei), now=company.now, **key)
    assert no.value.refusal.code == "I8"
    bindings.bind_connection(company.slack, actor=as_actor(company.people.omar), now=company.now, **key)
    binding.refresh_from_db()
    assert (binding.resource, binding.confirmed_by) == (company.slack, company.people.omar)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("stake", ["proposed", "business_owner", "technical_owner"])
def test_proposer_and_user_do_not_confirm_binding(company: Company, stake: str) -> None:
    n = company.people
    version = scenarios.brought_in(company)
    if stake == "proposed":
        Binding.objects.update(proposed_by=n.omar)
    else:
        Automation.objects.filter(pk=version.automation.pk).update(**{stake: n.omar})
    key = Binding.objects.values("connector", instance=F("instance_name")).get(resource=company.slack)
    for actor in (as_actor(n.omar), as_delegate(n.amara, giver=n.omar, now=company.now)):
        with pytest.raises(DutyConflict, match="another person decides that") as no:
            bindings.bind_connection(company.slack, actor=actor, now=company.now, **key)
        assert no.value.refusal.code == "I8"
    assert LedgerEvent.objects.filter(verb="binding.confirmed", outcome="refused", code="I8").count() == 2
    assert not Binding.objects.filter(confirmed_at__isnull=False).exists()
    bindings.bind_connection(company.slack, actor=as_actor(n.amara), now=company.now, **key)
    assert Binding.objects.get(resource=company.slack).confirmed_by == n.amara


@pytest.mark.rule("I8")
def test_owner_withdraws_refusal_and_other_may_claim(company: Company) -> None:
    n = company.people
    made = Binding.objects.create(
        connector="slack",
        instance_name="abc",
        resource=company.slack,
        proposed_at=company.now,
        refused_by=n.omar,
        refused_at=company.now,
        refused_for=[company.slack.pk],
    )
    bindings.bind_connection(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    made.refresh_from_db()
    assert (made.resource, made.confirmed_by, made.refused_for) == (company.drive, n.mei, [company.slack.pk])


@pytest.mark.rule("I8")
def test_confirmed_binding_stays_with_its_resource(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    for person, code in ((n.mei, "I8"), (n.ines, "PERMISSION")):
        with pytest.raises(NotPermitted, match=f"^{code}: "):
            bindings.bind_connection(company.drive, actor=as_actor(person), now=company.now, **KNOWN)
    for change in ({"resource": company.drive}, {"confirmed_by": None, "confirmed_at": None}):
        with pytest.raises(IntegrityError, match="stays with its resource"), transaction.atomic():
            Binding.objects.filter(pk=binding.pk).update(**change)
    assert kept().resource == company.slack


@pytest.mark.rule("I8")
def test_the_database_lets_only_owners_confirm(company: Company) -> None:
    n, rows = company.people, Binding.objects.filter(pk=confirmed(company).pk)
    for person in (n.sana, n.ines, None):
        with pytest.raises(IntegrityError, match="only who answers for a resource"), transaction.atomic():
            rows.update(confirmed_by=person)
    assert (kept().resource, kept().confirmed_by) == (company.slack, n.omar)
    assert rows.update(confirmed_by=n.amara) == 1


@pytest.mark.rule("I8")
def test_only_owners_are_led_to_the_form(company: Company) -> None:
    drive, claim = (reverse(name, args=[company.drive.pk]) for name in ("resource", "resource_connection"))
    for person, may in ((company.people.rita, False), (company.people.ines, False), (company.people.mei, True)):
        assert (claim in client_of(person).get(drive).content.decode()) == may
        assert client_of(person).get(claim).status_code == (200 if may else 403)


@pytest.mark.rule("I8")
def test_a_new_connection_is_confirmed_from_the_page(company: Company) -> None:
    claim = reverse("resource_connection", args=[company.slack.pk])
    assert client_of(company.people.ines).post(claim, KNOWN).status_code == 403
    assert client_of(company.people.omar).post(claim, KNOWN).status_code == 302
    assert (kept().resource, kept().confirmed_by) == (company.slack, company.people.omar)
