"""A binding that is confirmed anew keeps its first date (I8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inventory.models import Binding
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.decisions.test_bindings_of_parties import HOST, payroll, reads_payroll
from tests.people import as_actor, joins
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S1")]


def claims(c: Company) -> list[str]:
    """The resources of other owners by which the host of Omar's binding was known first."""
    row = Binding.objects.select_related("resource").get(resource=c.model)
    return [claim.resource.name for claim in resource_queries.Bindings([row]).claims_on(row)]


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
