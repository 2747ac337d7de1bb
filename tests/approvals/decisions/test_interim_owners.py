"""Approving where an owner has left: nothing new until there is an interim owner, who then decides (I3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.assignment.context import load_context
from approvals.assignment.escalation_chain import Bench
from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Party, Submission
from approvals.submissions.transitions import put_in_force
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice
from governance.recertification.items import context as item_context
from governance.recertification.items import reviewers
from governance.recertification.models import Asks, Item
from inventory.imports.transitions import confirmation
from inventory.models import Automation, Credential, InterimOwner, NonHumanIdentity, Resource, Version, VersionIdentity
from inventory.ownership import rules as ownership_rules
from inventory.ownership import transitions as ownership_transitions
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.inventory.ownership.test_interim_owner import confirm, left, name, stands_in
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def escalation_chain(c: Company, record: Approval) -> tuple[str, list[str]]:
    """The first candidate of the owner's seat, with the basis."""
    seat = load_context(Submission.objects.get(pk=record.submission_id), c.now).route.standing(record)[0]
    return seat.basis, [person.name for person in seat.may_decide]


def fresh(record: Approval) -> Approval:
    """The record as the database has it now."""
    return Approval.objects.get(pk=record.pk)


def without_omar(c: Company) -> Version:
    """The stock report, a draft; Omar, who owns what it touches, has left."""
    version = stock_report.version(c)
    left(c, c.people.omar)
    return version


WITHOUT_OMAR = starting_point("company", without_omar)


# --- resources ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I3", "A9")
@WITHOUT_OMAR
def test_interim_owner_decides_only_after_confirmation(company: Company, start: Version) -> None:
    n, version = company.people, start
    named = name(company, Resource.objects.get(pk=company.slack.pk), n.grace, n.amara)
    stands_in(company, Resource.objects.get(pk=company.erp.pk), n.grace, lead=n.amara)
    with pytest.raises(InvalidInput, match="Finance Slack workspace has no active owner"):
        scenarios.submitted(company, version)
    confirm(company, named, n.sana)
    submission = scenarios.submitted(company, version)
    scenarios.approve(scenarios.app_of(submission), n.theo, now=company.now)
    record = stock_report.privilege_on(submission, company.slack)
    assert escalation_chain(company, record) == ("interim owner", ["Grace Lindqvist"])
    refused(decide.approve, record, as_actor(n.amara), "A9", now=company.now)
    assert scenarios.approve(record, n.grace, now=company.now).state == ApprovalState.APPROVED


@pytest.mark.rule("I3")
def test_approval_is_refused_after_interim_term(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    left(company, n.omar)
    stands_in(company, Resource.objects.get(pk=company.slack.pk), n.grace, lead=n.amara)
    verb = decide.approve
    last = company.now + timedelta(days=30)
    assert ownership_rules.open_interims(company.slack, last) == ()
    record.expires_at = last + timedelta(days=1)
    record.save()
    assert verb.refusal(fresh(record), actor=as_actor(n.grace), now=last - timedelta(seconds=1)) is None
    refusal = verb.refusal(fresh(record), actor=as_actor(n.amara), now=last)
    assert refusal is not None
    assert refusal.code == "I3"


@pytest.mark.rule("S8", "I3", "A9")
def test_later_interim_owner_stands_behind_deputy(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    left(company, n.omar)
    late = company.now + timedelta(hours=1)
    named = name(company, Resource.objects.get(pk=company.slack.pk), n.grace, n.amara)
    ownership_transitions.confirm_interim(named, actor=as_actor(n.sana), now=late)
    route = load_context(Submission.objects.get(pk=stage_2.pk), late).route
    assert [rung.basis for rung in route.chain_of(record, "owner")][:3] == ["owner", "deputy", "interim owner"]
    assert route.standing(record)[0].may_decide == (n.amara,)


@pytest.mark.rule("S3", "I3")
@WITHOUT_OMAR
def test_interim_owner_who_is_party_does_not_decide(company: Company, start: Version) -> None:
    n, version = company.people, start
    for resource in (company.slack, company.erp):
        stands_in(company, Resource.objects.get(pk=resource.pk), n.rita, lead=n.amara)
    submission = scenarios.submitted(company, version)
    scenarios.decide_app(company, submission)
    record = stock_report.privilege_on(submission, company.slack)
    refused(decide.approve, record, as_actor(n.rita), "SOD-3", now=company.now)
    assert escalation_chain(company, record) == ("deputy", ["Amara Okafor"])


@pytest.mark.rule("I8", "I3")
@WITHOUT_OMAR
def test_first_decision_of_interim_owner_confirms_binding(company: Company, start: Version) -> None:
    n, version = company.people, start
    for resource in (company.slack, company.erp):
        stands_in(company, Resource.objects.get(pk=resource.pk), n.grace, lead=n.amara)
    submission = scenarios.submitted(company, version)
    scenarios.approve(scenarios.app_of(submission), n.theo, now=company.now)
    scenarios.approve(stock_report.privilege_on(submission, company.slack), n.grace, now=company.now)
    binding = company.slack.bindings.get()
    assert (binding.confirmed_by, binding.is_open) == (n.grace, False)


# --- automations -------------------------------------------------------------------------------------------------------


def without_jonas(c: Company) -> Submission:
    """In stage 2, and Jonas, its business owner, has left."""
    left(c, c.people.jonas)
    return stock_report.newest(c)


WITHOUT_JONAS = starting_point("stock_in_stage_2", without_jonas)


@pytest.mark.rule("I3")
@WITHOUT_JONAS
def test_automation_without_owner_is_not_approved(company: Company, start: Submission) -> None:
    record = stock_report.privilege_on(start, company.slack)
    omar = as_actor(company.people.omar)
    refusal = refused(decide.approve, record, omar, "I3", now=company.now, kind="state")
    assert "Jonas Weil left. Nobody owns Weekly stock report" in refusal.sentence


@pytest.mark.rule("I3", "A5")
@WITHOUT_JONAS
def test_interim_owner_accepts_approved_subset(company: Company, start: Submission) -> None:
    n, stage_2 = company.people, start
    record = stock_report.privilege_on(stage_2, company.slack)
    automation = Automation.objects.get(pk=stage_2.automation_id)
    stands_in(company, automation, n.grace, lead=n.theo)
    scenarios.reject(record, n.omar, now=company.now)
    submission = stock_report.decide_rest(company, stage_2)
    assert submission.state == "decided"
    assert Notice.objects.filter(event="subset_to_accept", recipient=n.grace).exists()
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        put_in_force.accept_subset(submission, actor=as_actor(n.theo), now=company.now)
    put_in_force.accept_subset(submission, actor=as_actor(n.grace), now=company.now)
    assert Submission.objects.get(pk=submission.pk).state == "in_force"


@pytest.mark.rule("I3")
def test_ownerless_automation_is_submitted_only_with_new_owner_or_interim_owner(
    company: Company,
) -> None:
    n, version = company.people, stock_report.version(company)
    left(company, n.jonas)
    with pytest.raises(InvalidInput, match="An owner of this automation is not here any more"):
        scenarios.submitted(company, version)
    stands_in(company, Automation.objects.get(pk=version.automation_id), n.grace, lead=n.theo)
    submission = scenarios.submitted(company, version)
    assert Party.objects.filter(submission=submission, person=n.grace, capacity="business_owner").exists()


@pytest.mark.rule("I3")
def test_submission_with_new_owner_can_be_approved_after_owner_left(company: Company, live: Submission) -> None:
    n = company.people
    left(company, n.jonas)
    confirmation.amend_automation(
        live.automation, actor=as_actor(n.rita), now=company.now, fields={"business_owner": n.bram}
    )
    submission = scenarios.submitted(
        company, stock_report.version(company, stock_report.one_more_channel, business_owner=n.bram)
    )
    app = scenarios.approve(scenarios.app_of(submission), n.theo, now=company.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("S1", "I3")
def test_approver_of_automation_does_not_become_its_interim_owner(company: Company, stage_2: Submission) -> None:
    n = company.people
    scenarios.approve(stock_report.privilege_on(stage_2, company.slack), n.omar, now=company.now)
    left(company, n.jonas)
    automation = Automation.objects.get(pk=stage_2.automation_id)
    for approver in (n.omar, n.amara):  # who has decided, and who is asked after him
        with pytest.raises(DutyConflict) as error:
            name(company, automation, approver, n.theo)
        assert error.value.refusal.code == "SOD-1"
    assert not InterimOwner.objects.exists()
    delegate = as_delegate(n.viktor, giver=n.sana)
    other = name(company, automation, n.piet, n.theo)
    ownership_transitions.confirm_interim(other, actor=delegate, now=company.now)
    joined = Party.objects.filter(submission=stage_2, capacity="business_owner").values_list("person", flat=True)
    assert set(joined) == {n.jonas.pk, n.piet.pk}
    assert not Party.objects.filter(submission=stage_2, person__in=[n.sana, n.viktor]).exists()


# --- credentials and identities ----------------------------------------------------------------------------------------


@pytest.mark.rule("I3", "I6")
def test_credential_without_owner_is_neither_requested_nor_approved(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.credential_for(stage_2, company.slack)
    assert record.credential is not None
    Credential.objects.filter(pk=record.credential_id).update(owner=n.lena)
    left(company, n.lena)
    refusal = refused(decide.approve, fresh(record), as_actor(n.omar), "I3", now=company.now, kind="state")
    assert "Lena Fischer left. Nobody owns the credential" in refusal.sentence
    stands_in(company, Credential.objects.get(pk=record.credential_id), n.piet, lead=n.amara)
    assert scenarios.approve(fresh(record), n.omar, now=company.now).state == ApprovalState.APPROVED


@pytest.mark.rule("I3", "I5")
def test_access_of_ownerless_identity_is_not_approved(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    identity = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="x", subject="spiffe://northwind/stock", owner=n.lena, automation=stage_2.automation
    )
    VersionIdentity.objects.create(version=stage_2.version, identity=identity)
    left(company, n.lena)
    refusal = refused(decide.approve, record, as_actor(n.omar), "I3", now=company.now, kind="state")
    assert "Nobody owns the identity spiffe://northwind/stock" in refusal.sentence
    with pytest.raises(InvalidInput, match="Nobody owns the identity"):
        scenarios.submitted(company, stage_2.version, by=n.jonas)
    stands_in(company, NonHumanIdentity.objects.get(pk=identity.pk), n.piet, lead=n.theo)
    assert scenarios.approve(record, n.omar, now=company.now).state == ApprovalState.APPROVED


@pytest.mark.rule("I3", "A5")
def test_approved_access_does_not_come_into_force_without_owner(company: Company, stage_2: Submission) -> None:
    n = company.people
    records = list(stage_2.approvals.filter(stage=2, state="open").order_by("pk"))
    for record in records[:-1]:
        scenarios.approve(record, n.omar, now=company.now)
    scenarios.reject(records[-1], n.omar, now=company.now)
    left(company, n.omar)
    submission = Submission.objects.get(pk=stage_2.pk)
    with pytest.raises(OutOfTurn, match="has no active owner") as error:
        put_in_force.accept_subset(submission, actor=as_actor(n.jonas), now=company.now)
    assert error.value.refusal.code == "I3"
    for resource in (company.slack, company.erp):
        stands_in(company, Resource.objects.get(pk=resource.pk), n.grace, lead=n.amara)
    put_in_force.accept_subset(submission, actor=as_actor(n.jonas), now=company.now)
    assert LedgerEvent.objects.filter(verb="submission.put_in_force", outcome="done").exists()


# --- reviews -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I3", "S4", "R8")
def test_interim_owner_answers_needed_but_not_acceptable(company: Company, live: Submission) -> None:
    n = company.people
    for gone in (n.jonas, n.omar):
        left(company, gone)
    stands_in(company, Automation.objects.get(pk=live.automation_id), n.grace, lead=n.theo)
    stands_in(company, Resource.objects.get(pk=company.slack.pk), n.tom, lead=n.amara)
    grant = scenarios.grants_of(live)[0].__class__.objects.get(approval=stock_report.privilege_on(live, company.slack))
    item: Any = Item(grant=grant)
    bench, parties = Bench.load(company.now), item_context.load_context(item, company.now).parties
    assert reviewers.escalation_chain(item, Asks.NEEDED, bench)[0] == n.grace
    assert reviewers.escalation_chain(item, Asks.ACCEPTABLE, bench)[1] == n.tom
    assert reviewers.gains_access(item.of_automation, parties, n.grace)
    assert not reviewers.gains_access(item.of_automation, parties, n.tom)
