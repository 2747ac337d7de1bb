"""A binding that is confirmed anew keeps its first date; a binding that a party asked to move counts as unconfirmed for it (I8, S1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.actors.actor import Actor
from governance.core.models import Person
from inventory.models import Binding
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.decisions.test_bindings_of_parties import (
    HOST,
    app_approved,
    assert_high,
    payroll,
    reads_payroll,
    submitted,
)
from tests.approvals.refusals import database_refuses, insert_decision
from tests.people import as_actor, as_delegate, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given, unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S1")]


def claims(c: Company) -> list[str]:
    """The resources of other owners by which the host of Omar's binding was known first."""
    row = Binding.objects.select_related("resource").get(resource=c.model)
    return [claim.resource.name for claim in resource_queries.Bindings([row]).claims_on(row)]


# --- confirmed anew ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def claimed(company: Company) -> Company:
    """Mei's drive is known by the host; an hour later Omar says that the host opens a public resource of his."""
    n = company.people
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    bindings.bind_connection(
        company.drive, actor=as_actor(n.mei), now=company.now, connector="httpRequest", instance=HOST
    )
    later = company.now + timedelta(hours=1)
    bindings.bind_connection(company.model, actor=as_actor(n.omar), now=later, connector="graphql", instance=HOST)
    return company


def test_an_approval_that_confirms_anew_frees_no_claim_on_the_host(claimed: Company) -> None:
    n, late = claimed.people, claimed.now + timedelta(hours=2)
    made = scenarios.submitted(
        claimed, stock_report.version(claimed, reads_payroll, technical_owner=joins(n.mei, n.finance_ops))
    )
    scenarios.approve(scenarios.app_of(made), n.theo, now=late, reason="Fine.")
    scenarios.approve(payroll(made), n.amara, now=late, reason="Ours.")
    row = Binding.objects.get(resource=claimed.drive)
    assert (row.confirmed_by, row.confirmed_at, row.known_since) == (n.amara, late, claimed.now)
    assert claims(claimed) == ["Supplier Drive"]


# --- moved ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def restricted(company: Company) -> Company:
    """The host is known to open Mei's restricted drive. Omar owns a public resource."""
    n = company.people
    given(company.model, data_class="public")
    given(company.drive, data_class="restricted")
    company.model.refresh_from_db()
    stock_report.confirm_connections(company)
    joins(n.omar, n.finance_ops)
    before = company.now - timedelta(hours=1)
    bindings.bind_connection(company.drive, actor=as_actor(n.mei), now=before, connector="httpRequest", instance=HOST)
    return company


def move(c: Company, asker: Actor, *, agreed_by: Person) -> Binding:
    """The connection moves to Omar's resource an hour later."""
    bindings.request_move(c.model, actor=asker, now=c.now, connector="httpRequest", instance=HOST)
    row = Binding.objects.get(instance_name=HOST)
    bindings.agree_to_move(row, actor=as_actor(agreed_by), now=c.now, resource=c.model.pk)
    return Binding.objects.get(instance_name=HOST)


def test_binding_moved_at_partys_request_counts_as_high(restricted: Company) -> None:
    n = restricted.people
    row = move(restricted, as_actor(n.omar), agreed_by=n.mei)
    assert row.confirmed_by == n.mei
    assert row.known_since is not None
    assert row.known_since < restricted.now, "a move does not make it younger"
    assert_high(submitted(restricted))


def test_binding_moved_at_request_of_partys_delegate_counts_as_high(restricted: Company) -> None:
    n = restricted.people
    move(restricted, as_delegate(n.amara, giver=n.omar), agreed_by=n.mei)
    assert_high(submitted(restricted))


def test_dropped_request_of_party_changes_nothing(restricted: Company) -> None:
    n = restricted.people
    row = move(restricted, as_actor(n.omar), agreed_by=n.mei)
    bindings.request_move(
        restricted.drive, actor=as_actor(n.ines), now=restricted.now, connector="httpRequest", instance=HOST
    )
    bindings.drop_move(row, actor=as_actor(n.omar), now=restricted.now)
    assert_high(submitted(restricted))


def test_the_database_refuses_an_approval_of_less_than_high_risk_on_it(restricted: Company) -> None:
    n = restricted.people
    move(restricted, as_actor(n.amara), agreed_by=n.mei)
    record = payroll(stock_report.app_approved(restricted, submitted(restricted).submission))
    assert record.tier != "high"
    with unguarded(Binding):
        Binding.objects.filter(instance_name=HOST).update(moved_by=n.omar)
    with database_refuses("I8: a party confirmed what the connection opens"):
        insert_decision(record, n.amara, now=restricted.now)


def test_database_keeps_requester_of_move(restricted: Company) -> None:
    row = move(restricted, as_actor(restricted.people.omar), agreed_by=restricted.people.mei)
    with database_refuses("I8: only an owner of a resource confirms its bindings"):
        Binding.objects.filter(pk=row.pk).update(moved_by=None)


def test_deputy_approval_confirms_moved_binding(restricted: Company) -> None:
    n = restricted.people
    move(restricted, as_actor(n.omar), agreed_by=n.mei)
    record = submitted(restricted)
    app_approved(restricted, record.submission)
    page = client_of(n.amara).get(f"/review/{record.submission_id}/?open={record.pk}").content.decode()
    assert "Omar Haddad asked that this connection opens Model gateway, and is a party here." in page
    scenarios.approve(record, n.amara, now=restricted.now, reason="Ours.")
    row = Binding.objects.get(instance_name=HOST)
    assert (row.confirmed_by, row.moved_by, row.moved_for) == (n.amara, None, None)


def test_binding_moved_by_others_keeps_class(restricted: Company) -> None:
    move(restricted, as_actor(restricted.people.amara), agreed_by=restricted.people.mei)
    assert submitted(restricted).tier != "high"
