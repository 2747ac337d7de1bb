"""Which resource a connection opens: only an owner of the resource confirms or refuses it (I8)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from approvals.models import Approval, ApprovalState, Submission
from governance.core.duties.refusals import DutyConflict, InvalidInput, OutOfTurn
from governance.core.models import LedgerEvent, Person
from inventory.models import Automation, Binding
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.approvals import stock_report
from tests.matrix.cast_and_states import inside
from tests.people import as_actor, as_delegate, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of


def binding_of(record: Approval) -> Binding:
    """The binding that a privilege was resolved by."""
    assert record.privilege is not None
    return Binding.objects.get(connector=record.privilege.connector, instance_name=record.privilege.instance)


def not_mine(c: Company, record: Approval, person: Person) -> Approval:
    """One person rejects a record, since the connection does not open their resource."""
    from approvals.decisions.transitions import decide

    return decide.reject(
        record,
        actor=as_actor(person),
        now=c.now,
        reason="That is the other workspace.",
        shown_digest=scenarios.shown(record),
        not_mine=True,
    )


@pytest.mark.rule("I8")
def test_only_resource_side_refuses_connection(company: Company, stage_2: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stage_2, company.slack)
    binding = binding_of(record)
    for person in (n.sana, n.theo, n.ines):
        with (
            inside(company.slack, as_actor(person), company.now),
            pytest.raises(DutyConflict, match="Only an owner of"),
        ):
            bindings.refuse_binding(binding, actor=as_actor(person), now=company.now)
        with (
            inside(company.slack, as_actor(person), company.now),
            pytest.raises(DutyConflict, match="Only an owner of"),
        ):
            bindings.confirm_binding(binding, actor=as_actor(person), now=company.now)
    binding.refresh_from_db()
    assert (binding.confirmed_at, binding.refused_at) == (None, None)


@pytest.mark.rule("I8")
def test_later_approver_decides_without_confirming_binding(company: Company) -> None:
    n = company.people
    owners = {"business_owner": joins(n.omar, n.finance_ops), "technical_owner": joins(n.amara, n.finance_ops)}
    made = stock_report.submitted(company, **owners)  # high risk, since both are parties
    scenarios.approve(scenarios.app_of(made), n.theo, now=company.now, reason="Fine.")
    record = stock_report.privilege_on(made, company.slack)
    decider = next(candidate.person for seat in record.seats.all() for candidate in seat.candidates.all())
    assert decider not in (n.omar, n.amara)
    with pytest.raises(DutyConflict, match="Only an owner of"):
        not_mine(company, record, decider)
    assert LedgerEvent.objects.filter(verb="approval.rejected", outcome="refused", code="I8").exists()
    scenarios.approve(record, decider, now=company.now, reason="Nobody else is left.")
    assert binding_of(record).confirmed_at is None


@pytest.mark.rule("I8", "S1", "S3")
def test_party_owner_confirms_no_binding_on_resource_page(
    company: Company,
) -> None:
    n = company.people
    made = stock_report.in_stage_2(company, business_owner=joins(n.omar, n.finance_ops))
    binding = binding_of(stock_report.privilege_on(made, company.slack))
    connection = {"connector": binding.connector, "instance": binding.instance_name}
    for actor in (as_actor(n.omar), as_delegate(n.amara, giver=n.omar, now=company.now)):
        with pytest.raises(DutyConflict, match=r"^I8: Weekly stock report uses this connection"):
            bindings.bind_connection(company.slack, actor=actor, now=company.now, **connection)
    refused = LedgerEvent.objects.filter(verb="binding.confirmed", outcome="refused", code="I8")
    assert refused.count() == 2
    Automation.objects.update(business_owner=n.jonas)  # a party to an unfinished submission stays one
    with pytest.raises(DutyConflict, match="rests on this connection, and you are a party"):
        bindings.bind_connection(company.slack, actor=as_actor(n.omar), now=company.now, **connection)
    with inside(company.slack, as_actor(n.omar), company.now), pytest.raises(DutyConflict, match="a party to it"):
        bindings.refuse_binding(binding, actor=as_actor(n.omar), now=company.now)
    assert LedgerEvent.objects.filter(verb="binding.confirmed", outcome="refused", code="SOD-1").exists()
    assert binding_of(stock_report.privilege_on(made, company.slack)).is_open
    bindings.bind_connection(company.slack, actor=as_actor(n.amara), now=company.now, **connection)
    assert binding_of(stock_report.privilege_on(made, company.slack)).confirmed_by == n.amara


@pytest.mark.rule("I8")
def test_owner_approval_confirms_binding_for_good(company: Company, stage_2: Submission) -> None:
    n = company.people
    record, credential = (
        stock_report.privilege_on(stage_2, company.slack),
        stock_report.credential_for(stage_2, company.slack),
    )
    scenarios.approve(record, n.omar, now=company.now)
    assert binding_of(record).confirmed_by == n.omar
    with pytest.raises(InvalidInput, match="still to be confirmed"):
        not_mine(company, credential, n.omar)
    credential.refresh_from_db()
    assert credential.state == ApprovalState.OPEN


@pytest.mark.rule("I8")
def test_approving_credential_confirms_its_binding(company: Company, stage_2: Submission) -> None:
    scenarios.approve(stock_report.credential_for(stage_2, company.slack), company.people.omar, now=company.now)
    binding = binding_of(stock_report.privilege_on(stage_2, company.slack))
    assert (binding.confirmed_by, binding.confirmed_at) == (company.people.omar, company.now)


@pytest.mark.rule("I8", "A5")
def test_a_rejection_of_the_privilege_leaves_the_binding_open(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    scenarios.reject(record, company.people.omar, now=company.now)
    binding = binding_of(record)
    assert (binding.is_open, binding.is_refused, binding.refused_for) == (True, False, [])


@pytest.mark.rule("I8")
def test_refused_binding_blocks_dependent_approvals(company: Company, stage_2: Submission) -> None:
    n = company.people
    record, credential = (
        stock_report.privilege_on(stage_2, company.slack),
        stock_report.credential_for(stage_2, company.slack),
    )
    not_mine(company, record, n.omar)
    binding = binding_of(record)
    assert (binding.refused_by, binding.refused_at, binding.refused_for) == (n.omar, company.now, [company.slack.pk])
    assert binding.history.latest().history_user == n.omar
    event = LedgerEvent.objects.get(verb="binding.refused", outcome="done")
    assert (event.actor_id, event.payload["resource"]) == (str(n.omar.opaque_id), str(company.slack.pk))
    with pytest.raises(OutOfTurn, match="does not open Finance Slack workspace"):
        scenarios.approve(credential, n.omar, now=company.now)
    scenarios.reject(credential, n.omar, now=company.now)
    with pytest.raises(InvalidInput, match="does not open Finance Slack workspace"):
        scenarios.submitted(company, stage_2.version, by=n.jonas)


@pytest.mark.rule("I8")
def test_refused_binding_is_not_proposed_again(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    not_mine(company, record, company.people.omar)
    again = stock_report.version(company)  # brought in with the same choice as before
    binding = binding_of(record)
    assert binding.resource not in (company.slack,)
    assert (binding.resource.state, binding.is_refused, binding.refused_for) == ("proposed", False, [company.slack.pk])
    assert not again.privileges.filter(entitlement__resource=company.slack).exists()


@pytest.mark.rule("I8")
def test_approval_waits_if_connection_is_claimed_for_other_resource(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    binding = binding_of(record)
    binding.resource = company.mail
    binding.save()
    with pytest.raises(OutOfTurn, match="something other than Finance Slack workspace") as error:
        scenarios.approve(record, company.people.omar, now=company.now)
    assert error.value.refusal.code == "I8"
    assert scenarios.reject(record, company.people.omar, now=company.now).state == ApprovalState.REJECTED


@pytest.mark.rule("I8")
def test_database_refuses_foreign_confirmation(company: Company, stage_2: Submission) -> None:
    binding = binding_of(stock_report.privilege_on(stage_2, company.slack))
    with pytest.raises(IntegrityError, match="only an owner of a resource"), transaction.atomic():
        Binding.objects.filter(pk=binding.pk).update(confirmed_by=company.people.sana, confirmed_at=company.now)
    with pytest.raises(IntegrityError, match="binding_confirmed_or_refused"), transaction.atomic():
        Binding.objects.filter(pk=binding.pk).update(
            confirmed_by=company.people.omar,
            confirmed_at=company.now,
            known_since=company.now,
            refused_at=company.now,
        )


@pytest.mark.rule("I8")
def test_the_review_page_asks_the_owner_and_the_answer_is_taken_with_a_rejection_only(
    company: Company, stage_2: Submission
) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    page = f"{reverse('review', args=[stage_2.pk])}?open={record.pk}"
    omar = client_of(company.people.omar)
    label = "This connection does not open Finance Slack workspace"
    html = omar.get(page).content.decode()
    assert label in html
    assert "Rita Novak says that this connection opens Finance Slack workspace." in html
    assert label not in client_of(company.people.sana).get(page).content.decode()
    url = reverse("decide", args=[stage_2.pk])
    form = scenarios.decision_form(record, reason="Another one.", not_mine="1")
    answer = omar.post(url, {**form, "decision": "approve"})
    assert answer.status_code == 422
    assert f'name="not_mine-{record.pk}" form="decision" value="1" checked' in answer.content.decode()
    assert binding_of(record).is_open
    assert omar.post(url, {**form, "decision": "reject"}).status_code == 302
    assert binding_of(record).is_refused
    assert label not in omar.get(page).content.decode()


@pytest.mark.rule("I8")
def test_builder_sees_who_refused_binding(company: Company, stage_2: Submission) -> None:
    from tests.approvals.intake.builder import STOCK, Build

    record = stock_report.privilege_on(stage_2, company.slack)
    not_mine(company, record, company.people.omar)
    rita = Build.by(company.people.rita)
    item = rita.import_item(STOCK)
    name = company.people.omar.name
    assert f"{name} said that it does not open Finance Slack workspace. Choose another resource." in rita.see(item)
    key = next(field for field in rita.fields(item) if field.startswith("bind-")).removeprefix("bind-")
    url = reverse("import_bind", args=[item.pk, key])
    answer = rita.client.post(url, {"do": "choose", "resource": company.slack.pk}, follow=True)
    assert "choose another" in answer.content.decode()
    item.refresh_from_db()
    assert not item.draft.get("chosen")
