"""A connection that a party confirmed counts as unconfirmed: its class is unset, so it is high risk for everybody who decides (I8, S1)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.assignment.context import load_context
from approvals.decisions.transitions import decide
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as preview_queries
from approvals.models import Approval, SeatLabel, Submission
from approvals.policies import current_tiers
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import Person
from inventory.imports.transitions import confirmation
from inventory.models import Binding, Resource, Version
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.uploads import batches
from tests.approvals.refusals import database_refuses, insert_decision
from tests.inventory.ownership.test_interim_owner import left, stands_in
from tests.people import NOW, as_actor, as_delegate, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given, unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S1")]

HOST = "payroll.example"
BY_PARTY = "No independent owner confirmed what its connection opens, so its data class counts as restricted."


def reads_payroll(export: dict[str, Any]) -> None:
    """An edit: it reads from one host more."""
    export["nodes"].append(
        {
            "id": "5d1f0a0e-0000-4000-8000-000000000077",
            "name": "Read payroll",
            "type": "n8n-nodes-base.httpRequest",
            "typeVersion": 4.2,
            "position": [0, 0],
            "parameters": {"url": f"https://{HOST}/salaries", "method": "GET"},
        }
    )


@pytest.fixture
def omars(company: Company) -> Company:
    """Omar owns a harmless public resource, Amara is its deputy."""
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    stock_report.confirm_connections(company)
    joins(company.people.omar, company.people.finance_ops)
    return company


def bind(c: Company, actor: Any) -> Binding:
    """Somebody of the public resource's side says that the host opens it."""
    bindings.bind_connection(c.model, actor=actor, now=c.now, connector="httpRequest", instance=HOST)
    return Binding.objects.get(instance_name=HOST)


def proposed(c: Company, by: Person) -> None:
    """Somebody proposed earlier that the host opens the public resource."""
    Binding.objects.create(
        connector="httpRequest", instance_name=HOST, resource=c.model, proposed_by=by, proposed_at=NOW
    )


def version(c: Company, **owners: Person) -> Version:
    """Imported by Rita; Omar answers for it unless said."""
    return stock_report.version(c, reads_payroll, **{"technical_owner": c.people.omar, **owners})


def payroll(made: Submission) -> Approval:
    """What asks to read the host."""
    return Approval.objects.get(submission=made, privilege__instance=HOST)


def submitted(c: Company, **owners: Person) -> Approval:
    return payroll(scenarios.submitted(c, version(c, **owners)))


def app_approved(c: Company, made: Submission) -> None:
    """Theo approves the app."""
    scenarios.approve(scenarios.app_of(made), c.people.theo, now=c.now, reason="Fine.")


def labels(record: Approval) -> set[str]:
    return set(record.seats.values_list("label", flat=True))


def assert_high(record: Approval) -> None:
    """High risk, with security's signature; the app is high risk too."""
    assert record.tier == "high"
    assert SeatLabel.SECURITY in labels(record)
    assert record.submission.tier == "high"
    assert record.privilege is not None
    judged = record.submission.version.latest_assessment
    assert judged is not None
    assert BY_PARTY in judged.levels["privileges"][record.privilege.key]["reasons"]


def test_binding_confirmed_by_owning_party_counts_as_high(omars: Company) -> None:
    bind(omars, as_actor(omars.people.omar))
    assert_high(submitted(omars))


def test_binding_confirmed_by_delegate_of_party_counts_as_high(omars: Company) -> None:
    n = omars.people
    row = bind(omars, as_delegate(n.amara, giver=n.omar))
    assert (row.confirmed_by, row.confirmed_for) == (n.amara, n.omar)
    assert_high(submitted(omars))


def test_binding_proposed_by_owning_party_counts_as_high(omars: Company) -> None:
    proposed(omars, omars.people.omar)
    assert_high(submitted(omars))


def test_binding_proposed_by_colleague_for_party_counts_as_high(omars: Company) -> None:
    record = submitted(omars)
    assert Binding.objects.get(instance_name=HOST).proposed_by == omars.people.rita
    assert_high(record)


def test_earlier_binding_proposed_for_party_counts_as_high(omars: Company) -> None:
    proposed(omars, omars.people.theo)
    assert_high(submitted(omars))


def test_binding_for_resource_taken_over_by_party_counts_as_high(omars: Company) -> None:
    n = omars.people
    left(omars, n.omar)
    for resource in (omars.model, omars.slack, omars.erp):
        stands_in(omars, Resource.objects.get(pk=resource.pk), n.grace, lead=n.amara)
    assert_high(submitted(omars, technical_owner=joins(n.grace, n.finance_ops)))


def test_binding_proposed_by_uninvolved_deputy_keeps_class(omars: Company) -> None:
    proposed(omars, omars.people.amara)
    assert submitted(omars).tier != "high"


def test_binding_proposed_by_builder_for_other_owner_keeps_class(omars: Company) -> None:
    assert submitted(omars, technical_owner=omars.people.rita).tier != "high"


def test_the_preview_says_the_same_as_the_submission(omars: Company) -> None:
    n = omars.people
    bind(omars, as_actor(n.omar))
    item = batches.read_in(omars, (stock_report.EXPORT, stock_report.source(reads_payroll))).items.get()
    draft = {"technical_owner": n.omar.pk}
    read = preview_queries.load_preview(
        item, actor=as_actor(n.rita), now=omars.now, team=n.finance_ops, draft=Draft(fields=draft)
    )
    assert (
        next(
            row for row in read.wanted if row.requested.privilege and row.requested.privilege.instance == HOST
        ).requested.tier
        == "high"
    )


def test_binding_confirmed_by_other_person_keeps_class(omars: Company) -> None:
    bind(omars, as_actor(omars.people.amara))
    assert submitted(omars).tier != "high"


def test_party_of_other_submission_changes_nothing(omars: Company) -> None:
    bind(omars, as_actor(omars.people.omar))
    assert submitted(omars, technical_owner=omars.people.rita).tier != "high"


def test_approval_is_refused_after_confirmer_becomes_party(
    omars: Company,
) -> None:
    n = omars.people
    bind(omars, as_actor(n.omar))
    for resource in (omars.model, omars.erp, omars.slack):  # an approver can't become a party
        stock_report.hand_over(omars, resource, n.mei, n.amara)
    record = submitted(omars, technical_owner=n.rita)
    assert record.tier != "high"
    confirmation.amend_automation(
        record.submission.automation, actor=as_actor(n.jonas), now=omars.now, fields={"technical_owner": n.omar}
    )
    with pytest.raises(OutOfTurn) as caught:
        scenarios.approve(scenarios.app_of(record.submission), n.theo, now=omars.now)
    assert caught.value.refusal.code == "T1"
    assert caught.value.refusal.sentence.startswith("Its tier has risen since")
    approval = payroll(record.submission)
    refusal = current_tiers.tier_refusal(approval, load_context(approval, omars.now).facts)
    assert refusal is not None
    assert refusal.sentence.startswith("No independent owner confirmed what its connection opens, so this is high risk")


def test_the_database_refuses_an_approval_of_less_than_high_risk_on_it(omars: Company) -> None:
    n = omars.people
    bind(omars, as_actor(n.amara))
    record = payroll(stock_report.app_approved(omars, scenarios.submitted(omars, version(omars))))
    assert record.tier != "high"
    with unguarded(Binding):
        Binding.objects.filter(instance_name=HOST).update(confirmed_by=n.omar)
    with database_refuses("I8: a party confirmed what the connection opens"):
        insert_decision(record, n.amara, now=omars.now)


def test_database_refuses_approval_without_independent_confirmation(omars: Company) -> None:
    n = omars.people
    record = payroll(stock_report.app_approved(omars, submitted(omars, technical_owner=n.rita).submission))
    assert record.tier != "high"
    with unguarded(Resource):
        Resource.objects.filter(pk=omars.model.pk).update(deputy=n.jonas)
    with database_refuses("I8: a party confirmed what the connection opens"):
        insert_decision(record, n.omar, now=omars.now)


def test_review_names_party_answering_for_colleagues_binding(omars: Company) -> None:
    n, record = omars.people, submitted(omars)
    app_approved(omars, record.submission)
    page = client_of(n.amara).get(f"/review/{record.submission_id}/?open={record.pk}").content.decode()
    assert "Rita Novak proposed that this connection opens Model gateway, for which a party answers." in page
    scenarios.approve(record, n.amara, now=omars.now, reason="Ours.")
    assert Binding.objects.get(instance_name=HOST).confirmed_by == n.amara


def test_review_names_confirmer_and_deputy_confirms_anew(omars: Company) -> None:
    n = omars.people
    bind(omars, as_actor(n.omar))
    made = scenarios.submitted(omars, version(omars))
    app_approved(omars, made)
    record = payroll(made)
    page = client_of(n.amara).get(f"/review/{made.pk}/?open={record.pk}").content.decode()
    assert "Omar Haddad confirmed that this connection opens Model gateway, and is a party here." in page
    decide.approve(record, actor=as_actor(n.amara), now=omars.now, reason="Ours.", shown_digest=scenarios.shown(record))
    row = Binding.objects.get(instance_name=HOST)
    assert (row.confirmed_by, row.confirmed_for) == (n.amara, None)


def test_approval_by_later_person_confirms_no_binding(omars: Company) -> None:
    n = omars.people
    bind(omars, as_actor(n.omar))
    made = scenarios.submitted(omars, version(omars, business_owner=joins(n.amara, n.finance_ops)))
    app_approved(omars, made)
    scenarios.approve(payroll(made), n.bram, now=omars.now, reason="Nobody else is left.")
    assert Binding.objects.get(instance_name=HOST).confirmed_by == n.omar
