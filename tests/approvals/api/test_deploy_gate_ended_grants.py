"""The deploy gate once something has ended: what is held, what was rejected since (A17, G1, G3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.grants import deploy_gate
from approvals.grants.transitions import stops
from approvals.models import Grant, Submission
from approvals.submissions.transitions import submit
from inventory.models import Automation
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company


def answer(submission: Submission, company: Company, **later: float) -> deploy_gate.GateAnswer:
    """What the gate says of a submission's version, some time later."""
    automation = Automation.objects.get(pk=submission.automation_id)
    return deploy_gate.answer_for_automation(
        automation, submission.version.manifest_digest, now=company.now + timedelta(**later)
    )


@pytest.mark.rule("A17", "G3")
@pytest.mark.parametrize("kind", ["privilege", "credential"])
def test_version_without_any_grant_is_denied(company: Company, live: Submission, kind: str) -> None:
    for grant in Grant.objects.filter(automation=live.automation, kind=kind):
        assert answer(live, company).may_run, "something is held still"
        stops.stop_grant(grant, actor=as_actor(company.people.sana), now=company.now, reason="Stop it.")
    denial = answer(live, company)
    assert (denial.may_run, denial.code, list(denial.grants)) == (False, "NOTHING_HELD", [])
    assert (
        denial.sentence == "Nothing that version 1 asks for is held: it was rejected or stopped, or its term is over."
    )
    assert len(denial.without) == 2


@pytest.mark.rule("A17", "G1")
def test_version_is_denied_after_its_terms_end(company: Company, live: Submission) -> None:
    Automation.objects.filter(pk=live.automation_id).update(review_on=None)
    last = max(Grant.objects.filter(automation=live.automation).values_list("ends_at", flat=True))
    assert not answer(live, company, seconds=(last - company.now).total_seconds()).may_run
    assert answer(live, company, seconds=(last - company.now).total_seconds() - 1).may_run


def asked_again(company: Company, was: Submission) -> Submission:
    """A version that was superseded is asked for once more."""
    auto = Automation.objects.get(pk=was.automation_id)
    asks = scenarios.wishes(was.version)
    return submit.submit(auto, actor=as_actor(company.people.rita), now=company.now, version=was.version, wishes=asks)


@pytest.mark.rule("A17")
def test_rollback_to_rejected_version_is_denied(company: Company, live: Submission) -> None:
    newer = stock_report.in_force(company, stock_report.started_by_hand)
    again = asked_again(company, live)
    assert answer(live, company).may_run, "asking alone ends nothing"
    scenarios.reject(
        scenarios.app_of(again), company.people.theo, now=company.now + timedelta(hours=1), reason="Never again."
    )
    denial = answer(live, company, hours=2)
    assert (denial.may_run, denial.code) == (False, "NOT_APPROVED")
    assert denial.sentence == "Version 1 was approved once, and rejected when it was asked for again."
    assert denial.to_do == f"Run version {newer.version.number}, which is approved."
    assert answer(newer, company, hours=2).may_run


@pytest.mark.rule("A17", "A12")
def test_running_version_keeps_running_after_rejected_resubmission(company: Company, live: Submission) -> None:
    newer = stock_report.submitted(company, stock_report.started_by_hand)
    scenarios.reject(scenarios.app_of(newer), company.people.theo, now=company.now, reason="Not on Tuesdays.")
    assert answer(live, company).may_run
    assert not answer(newer, company).may_run
