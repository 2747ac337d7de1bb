"""What a delegate sees and may do while the delegation runs, on the pages: the giver's items, as "X for Y" (A11, S2)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.decisions.transitions import decide as transition_decide
from approvals.models import Approval, ApprovalState, Decision, Submission
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict
from governance.core.models import LedgerEvent, Membership, Person
from governance.core.people.transitions.delegations import end_delegation
from inventory.models import Automation, Resource
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.people import as_actor, as_delegate, make_person
from tests.scenarios import Company
from tests.signed_in_client import client_of


@pytest.fixture(autouse=True)
def _pages_play_then(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_time, "now", lambda: company.now)


def pages_of(submission: Submission, company: Company) -> list[str]:
    """Where a submission on Omar's resources is met, beside the desk."""
    automation = submission.automation_id
    return [
        f"/review/{submission.pk}/",
        f"/automations/{automation}/",
        f"/automations/{automation}/recertifications/",
    ]


def statuses(person: Person, submission: Submission, company: Company) -> set[int]:
    client = client_of(person)
    return {client.get(path).status_code for path in pages_of(submission, company)}


def decide(client: Client, submission: Submission, company: Company, decision: str = "approve") -> int:
    record = stock_report.privilege_on(submission, company.slack)
    form = scenarios.decision_form(record, decision, reason="Fine by me.")
    return client.post(f"/review/{submission.pk}/decide/", form).status_code


@pytest.mark.rule("A11")
def test_delegate_sees_approvals_only_during_delegation(company: Company, stage_2: Submission) -> None:
    n = company.people
    assert statuses(n.tom, stage_2, company) == {404}
    as_delegate(n.tom, giver=n.omar)
    assert statuses(n.tom, stage_2, company) == {200}
    end_delegation(n.omar.delegations_given.get(), actor=as_actor(n.omar), now=company.now)
    assert statuses(n.tom, stage_2, company) == {404}
    as_delegate(n.grace, giver=n.omar)
    Person.objects.filter(pk=n.omar.pk).update(is_active=False)
    assert statuses(n.grace, stage_2, company) == {404}


@pytest.mark.rule("A11")
def test_delegate_does_not_see_what_giver_only_reads(company: Company, stage_2: Submission) -> None:
    n, now = company.people, company.now
    member = make_person("Vera Lang")
    Membership.objects.create(team=n.finance_ops, person=member)
    assert statuses(member, stage_2, company) == {200}
    seen = as_delegate(n.tom, giver=member)
    assert stage_2.automation not in Automation.objects.visible_to(seen, now)
    assert statuses(n.tom, stage_2, company) == {404}


@pytest.mark.rule("A11", "S2")
def test_delegate_of_stage_1_decider_reads_but_does_not_decide_stage_2(company: Company, stage_2: Submission) -> None:
    n = company.people
    stock_report.hand_over(company, company.slack, n.theo, n.amara)
    acting = as_delegate(n.tom, giver=n.theo)
    assert statuses(n.tom, stage_2, company) == {200}
    assert decide(client_of(n.tom), stage_2, company) == 403, "nor is it his own turn, as a fallback owner"
    record = stock_report.privilege_on(stage_2, company.slack)
    message = r"^SOD-2: Theo Brandt decided the app in stage 1, and you act as their delegate\."
    with pytest.raises(DutyConflict, match=message):
        transition_decide.approve(
            record, actor=acting, now=company.now, reason="Fine.", shown_digest=scenarios.shown(record)
        )
    assert stock_report.privilege_on(stage_2, company.slack).state == ApprovalState.OPEN
    event = LedgerEvent.objects.order_by("-pk")[0]
    assert (event.verb, event.outcome, event.code) == ("approval.approved", "refused", "SOD-2")
    assert (event.actor_id, event.for_id) == (str(n.tom.opaque_id), str(n.theo.opaque_id))


@pytest.mark.rule("A11", "S2")
def test_conflicted_delegate_reads_that_approval(company: Company, stage_2: Submission) -> None:
    n = company.people
    stock_report.hand_over(company, company.slack, n.jonas, n.amara)
    as_delegate(n.rita, giver=n.jonas)
    record = stock_report.privilege_on(stage_2, company.slack)
    assert decide(client_of(n.rita), stage_2, company) == 403
    event = LedgerEvent.objects.order_by("-pk")[0]
    assert (event.code, event.actor_id) == ("SOD-1", str(n.rita.opaque_id))
    assert record.state == ApprovalState.OPEN


@pytest.mark.rule("A11", "I3")
def test_delegate_rejects_approval_on_orphaned_resource(company: Company, stage_2: Submission) -> None:
    n = company.people
    record_leaver(n.omar, actor=as_actor(n.ines), now=company.now, reason="Left.")
    as_delegate(n.tom, giver=n.amara)  # the deputy, whose turn it is
    client = client_of(n.tom)
    assert decide(client, stage_2, company) == 409
    assert decide(client, stage_2, company, "reject") == 302
    decision = Decision.objects.order_by("-pk")[0]
    assert (decision.person, decision.for_person, decision.outcome) == (n.tom, n.amara, "reject")


@pytest.mark.rule("A7")
@pytest.mark.parametrize("word", ["", "Approve", "accept"])
def test_invalid_decision_value_changes_nothing_and_keeps_input(
    company: Company, stage_2: Submission, word: str
) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    form = scenarios.decision_form(record, word, reason="Fine by me.")
    answer = client_of(company.people.omar).post(f"/review/{stage_2.pk}/decide/", form)
    assert answer.status_code == 422
    assert "Nothing was decided: approve, reject or request changes." in answer.content.decode()
    assert "Fine by me." in answer.content.decode()
    assert not record.decisions.exists()
    assert Approval.objects.get(pk=record.pk).state == ApprovalState.OPEN


@pytest.mark.rule("A11")
def test_a_delegate_finds_it_on_the_desk_and_decides_it_for_the_giver(company: Company, stage_2: Submission) -> None:
    n = company.people
    client = client_of(n.tom)
    assert "Weekly stock report" not in client.get("/approvals/").content.decode()
    as_delegate(n.tom, giver=n.omar)
    desk = client.get("/approvals/").content.decode()
    assert "Weekly stock report" in desk
    assert "You for Omar Haddad" in desk
    assert "You for Omar Haddad" not in client_of(n.omar).get("/approvals/").content.decode()
    record = stock_report.privilege_on(stage_2, company.slack)
    opened = client.get(f"/review/{stage_2.pk}/?open={record.pk}").content.decode()
    assert "for Omar Haddad" in opened
    assert decide(client, stage_2, company) == 302
    decision = Decision.objects.order_by("-pk")[0]
    assert (decision.person, decision.for_person) == (n.tom, n.omar)
    record_page = f"/review/{stage_2.pk}/?open={record.pk}"
    assert "Tom Ashby for Omar Haddad" in client_of(n.theo).get(record_page).content.decode()


@pytest.mark.rule("A11")
def test_the_givers_resources_are_seen_too(company: Company, stage_2: Submission) -> None:
    n, now = company.people, company.now
    Resource.objects.filter(pk=company.erp.pk).update(directory=False)
    assert company.erp not in Resource.objects.visible_to(as_actor(n.tom), now)
    assert company.erp in Resource.objects.visible_to(as_delegate(n.tom, giver=n.omar), now)
    assert client_of(n.tom).get(f"/resources/{company.erp.pk}/").status_code == 200


@pytest.mark.rule("A11")
def test_delegated_approvals_add_no_queries(company: Company, stage_2: Submission) -> None:
    client = client_of(company.people.tom)
    with CaptureQueriesContext(connection) as before:
        client.get("/approvals/")
    as_delegate(company.people.tom, giver=company.people.omar)
    with CaptureQueriesContext(connection) as after:
        assert "Weekly stock report" in client.get("/approvals/").content.decode()
    assert len(after) <= len(before) + 2  # Tom had none before: access and names of the rows are read
