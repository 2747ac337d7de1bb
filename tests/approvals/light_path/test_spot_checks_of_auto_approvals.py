"""What policy approved is drawn like a change of source, looked at by somebody apart, and else out of force (A13)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals.grants.transitions import lifecycle, stops
from approvals.light_path import jobs as light_path_jobs
from approvals.light_path import rules
from approvals.light_path.transitions import spot_checks as transitions
from approvals.models import Grant, GrantState, Sample, SampleState, Submission
from approvals.models.grant import Why
from governance.core.duties.refusals import DutyConflict, OutOfTurn, Refused
from governance.core.mail.mail_text import write
from governance.core.models import Notice
from inventory.models import Automation, AutomationState
from tests import scenarios
from tests.appointments import name_leads
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.spot_checks import JOBS, sealed
from tests.approvals.light_path.test_eligibility import people_are_asked
from tests.approvals.refusals import database_refuses, sql
from tests.ledger_records import recorded
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point


def drawn(c: Company, submission: Submission) -> Sample:
    """The draw falls on the privilege."""
    record = stock_report.privilege_on(submission, c.erp)
    with sealed():
        return transitions.draw(Sample.objects.get(approval=record), actor=JOBS, now=c.now)


DRAWN = starting_point("light_in_force", lambda c: drawn(c, stock_report.newest(c)))


def grant_of(sample: Sample) -> Grant:
    return Grant.objects.get(approval=sample.approval_id)


# --- who may not ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A13", "S2")
def test_app_approver_does_not_check_auto_approvals_under_it(company: Company) -> None:
    n = company.people
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=company.now, lead=n.sana, deputy_lead=n.bram)
    made = low_risk_report.submitted(company)
    scenarios.approve(scenarios.app_of(made), n.sana, now=company.now)
    sample = drawn(company, made)
    assert sample.asked == [n.viktor.pk]
    with pytest.raises(DutyConflict) as caught:
        transitions.find_fine(sample, actor=as_actor(n.sana), now=company.now)
    assert caught.value.refusal.code == "SOD-2"
    assert "You decided the app" in caught.value.refusal.sentence
    with database_refuses("SOD-2: a person who decided about the app cannot spot-check"):
        sql(
            "UPDATE approvals_sample SET state = 'fine', looked_by_id = %s, looked_at = now() WHERE id = %s",
            n.sana.pk,
            sample.pk,
        )


@pytest.mark.rule("A13", "S1")
@DRAWN
def test_a_party_does_not_look_at_it(company: Company, light_in_force: Submission, start: Sample) -> None:
    sample = start
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        transitions.find_fine(sample, actor=as_actor(company.people.rita), now=company.now)
    with database_refuses("SOD-1: a party cannot spot-check submission #"):
        sql(
            "UPDATE approvals_sample SET state = 'fine', looked_by_id = %s, looked_at = now() WHERE id = %s",
            company.people.rita.pk,
            sample.pk,
        )
    with database_refuses("A13: spot check # was drawn and stays as it was"):
        sql("UPDATE approvals_sample SET approval_id = NULL WHERE id = %s", sample.pk)


# --- what is noted and drawn ------------------------------------------------------------------------------------------


@pytest.mark.rule("A13")
def test_each_record_that_policy_approved_is_noted_and_drawn_by_itself(
    company: Company, light_in_force: Submission
) -> None:
    noted = list(light_in_force.samples.order_by("pk"))
    assert {sample.approval for sample in noted} == set(light_in_force.approvals.filter(stage=2))
    for sample in noted:
        assert recorded("sample.noted_of_policy", sample, by=company.people.theo) == {
            "approval": str(sample.approval_id)
        }
    assert len({rules.name_of(sample) for sample in noted}) == 2
    seals = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1_000)]
    drawn_apart = [tuple(rules.is_selected(seal, rules.name_of(sample), 10) for sample in noted) for seal in seals]
    assert 60 <= sum(first for first, _ in drawn_apart) <= 140
    assert any(first != second for first, second in drawn_apart)


@pytest.mark.rule("A13")
def test_approvals_of_people_are_not_noted_for_check(company: Company, live: Submission) -> None:
    assert not live.samples.exists()


@pytest.mark.rule("A13", "A12")
@DRAWN
def test_later_stage_1_decision_does_not_replace_check_of_auto_approval(
    company: Company, light_in_force: Submission, start: Sample
) -> None:
    sample = start
    newer = low_risk_report.submitted(company, stock_report.started_by_hand)
    stock_report.app_approved(company, newer)
    newer.refresh_from_db()
    sample.refresh_from_db()
    assert (newer.state, sample.state) == ("in_force", SampleState.OPEN)
    assert grant_of(sample).state == GrantState.ACTIVE


@pytest.mark.rule("A13", "G3")
@DRAWN
def test_ended_grant_is_not_checked(company: Company, light_in_force: Submission, start: Sample) -> None:
    sample = start
    lifecycle.revoke(grant_of(sample), actor=as_actor(company.people.omar), now=company.now, reason="Not needed.")
    sample.refresh_from_db()
    assert sample.state == SampleState.NOT_APPLICABLE


# --- what comes of it -------------------------------------------------------------------------------------------------


def not_fine(c: Company, sample: Sample) -> Why:
    transitions.find_not_fine(sample, actor=as_actor(c.people.sana), now=c.now, reason="Nobody needs it.")
    return Why.NOT_FINE


def unseen(c: Company, sample: Sample) -> Why:
    assert sample.due_at is not None
    assert light_path_jobs.lapse_due(sample.due_at - timedelta(seconds=1), JOBS) == 0
    assert light_path_jobs.lapse_due(sample.due_at, JOBS) == 1
    return Why.UNSEEN


@pytest.mark.rule("A13")
@pytest.mark.parametrize(("ends", "mail"), [(not_fine, "sample_not_fine"), (unseen, "sample_unseen")])
@DRAWN
def test_failed_or_unseen_grant_is_suspended_until_owner_decides(
    company: Company, light_in_force: Submission, ends: Callable[[Company, Sample], Why], mail: str, start: Sample
) -> None:
    sample, n = start, company.people
    why = ends(company, sample)
    grant = grant_of(sample)
    assert (grant.state, grant.suspended_why) == (GrantState.SUSPENDED, why)
    payload = recorded("grant.held_back", grant, by=n.sana if ends is not_fine else JOBS)
    assert payload == {"why": why, "from": "active", "to": "suspended"}
    assert not grant.is_live(company.now)
    automation = Automation.objects.get(pk=light_in_force.automation_id)
    assert automation.state == AutomationState.LIVE, "what policy approved is out of force, and nothing else"
    text = write(Notice.objects.get(event=mail, recipient=n.jonas), None).text
    assert "Read scm.stock" in " ".join(text.split())
    assert "a new submission and its owner’s approval" in " ".join(text.split())
    with inside(grant, JOBS, company.now), pytest.raises(OutOfTurn, match=r"^G5: This grant is suspended:"):
        lifecycle.reinstate(grant, actor=JOBS, now=company.now, why=(Why.REVIEW, Why.SILENCE))
    assert lifecycle.succession_refusal(grant, company.now) is not None, "a review does not renew it either"

    again = scenarios.submitted(company, light_in_force.version)
    assert [record.key for record in again.approvals.all()] == [grant.key], "that is asked, and nothing else"
    assert people_are_asked(again)
    scenarios.approve(again.approvals.get(), n.omar, now=company.now)
    grant.refresh_from_db()
    assert grant.state == GrantState.ENDED
    newer = Grant.objects.get(approval__submission=again)
    assert newer.is_live(company.now)
    assert newer.approval.by_policy is None


@pytest.mark.rule("A13")
@DRAWN
def test_failed_check_stops_further_auto_approval(company: Company, light_in_force: Submission, start: Sample) -> None:
    not_fine(company, start)
    again = scenarios.submitted(company, light_in_force.version)
    scenarios.approve(again.approvals.get(), company.people.omar, now=company.now)

    def edit(export: dict[str, object]) -> None:
        stock_report.started_by_hand(export)
        low_risk_report.reads_more(1)(export)

    newer = low_risk_report.submitted(company, edit)
    assert [record.kind for record in newer.approvals.order_by("pk")] == ["app", "privilege"], "what is new is low"
    assert (newer.tier, newer.light_path) == ("low", False)


@pytest.mark.rule("A13")
@DRAWN
def test_fine_leaves_it_in_force(company: Company, light_in_force: Submission, start: Sample) -> None:
    sample = start
    transitions.find_fine(sample, actor=as_actor(company.people.viktor), now=company.now)
    assert grant_of(sample).is_live(company.now)


@pytest.mark.rule("A13", "G5")
@DRAWN
def test_stopped_grant_stays_stopped_after_check(company: Company, light_in_force: Submission, start: Sample) -> None:
    sample = start
    stops.stop_grant(grant_of(sample), actor=as_actor(company.people.omar), now=company.now, reason="At once.")
    not_fine(company, sample)
    assert lifecycle.is_stopped(grant_of(sample))


# --- what people read -------------------------------------------------------------------------------------------------


@pytest.mark.rule("A13")
def test_reviewer_sees_auto_approval_and_is_notified(
    company: Company, light_in_force: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now)
    sample, n = drawn(company, light_in_force), company.people
    letter = write(Notice.objects.get(event="sample_drawn", recipient=n.sana), None)
    assert "a privilege of Weekly stock report" in letter.subject
    assert "Policy version 1 approved this for Weekly stock report" in " ".join(letter.text.split())
    assert light_path_jobs.remind(company.now + timedelta(days=5)) == 2
    client = client_of(n.sana)
    for path in ("/approvals/", "/"):
        assert "olicy approved “Read scm.stock" in client.get(path).content.decode(), path
    page = client.get(f"/samples/{sample.pk}/").content.decode()
    assert "Weekly stock report: is the auto-approved access fine?" in page
    assert "It is needed for the reminder." in page
    assert "policy version 1" in page
    assert "It then needs a new submission and its owner’s approval." in page
    answer = client.post(f"/samples/{sample.pk}/", {"verdict": "not_fine", "reason": "Nobody needs it."})
    assert answer.status_code == 302
    page = client.get(f"/samples/{sample.pk}/").content.decode()
    assert "Nobody needs it." in page
    assert "spot-checked “Read scm.stock" in page
