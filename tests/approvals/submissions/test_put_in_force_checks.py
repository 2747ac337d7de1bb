"""What was approved is judged anew before it is in force: tiers, owners, and how long it waits for a yes (T1, T3, I3, A5, G1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.decisions import jobs as decision_jobs
from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Grant, Submission, SubmissionState
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.transitions import expire, put_in_force
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState
from inventory.resources.transitions import resources
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

JOB = Actor.of_job("approvals.sweep")


def restricted(c: Company) -> None:
    """Slack holds restricted data from now on."""
    resources.amend_resource(c.slack, actor=as_actor(c.people.ines), now=c.now, fields={"data_class": "restricted"})


def without_slack(c: Company) -> Submission:
    """The privilege on Slack is refused, the rest approved: it waits for the business owner."""
    submission = stock_report.newest(c)
    scenarios.reject(stock_report.privilege_on(submission, c.slack), c.people.omar, now=c.now)
    return stock_report.decide_rest(c, submission)


WITHOUT_SLACK = starting_point("stock_in_stage_2", without_slack)


# --- T1: the class is raised while it is under review -----------------------------------------------------------------


@pytest.mark.rule("T1", "T3", "A1")
def test_risen_tier_needs_its_own_seats(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    credential = stock_report.credential_for(stage_2, company.slack)
    restricted(company)
    owner = as_actor(company.people.omar)
    for approval in (record, credential):
        refusal = refused(
            decide.approve, Approval.objects.get(pk=approval.pk), owner, "T1", now=company.now, kind="state"
        )
        assert "is restricted now, so this is high risk: an approval by security is needed" in refusal.sentence
        assert decide.reject.refusal(approval, actor=owner, now=company.now) is None
    assert decide.approve.refusal(stock_report.privilege_on(stage_2, company.erp), actor=owner, now=company.now) is None


def restricted_and_again(c: Company) -> Submission:
    """Slack holds restricted data, and it is submitted again."""
    restricted(c)
    return scenarios.submitted(c, stock_report.newest(c).version)


RESTRICTED_AND_AGAIN = starting_point("stock_in_stage_2", restricted_and_again)


def both_signed_the_app(c: Company) -> Submission:
    """And it is in stage 2 once more."""
    made = stock_report.newest(c)
    scenarios.decide_app(c, made)
    return made


@pytest.mark.rule("T1", "T2", "T3", "A14")
@RESTRICTED_AND_AGAIN
def test_submitted_again_it_is_asked_at_its_present_tier(company: Company, start: Submission) -> None:
    assert start.tier == "high"
    assert {seat.label for seat in stock_report.privilege_on(start, company.slack).seats.all()} == {"owner", "security"}


@pytest.mark.rule("T1", "G1")
@starting_point(RESTRICTED_AND_AGAIN, both_signed_the_app)
def test_submitted_again_it_is_granted_for_no_longer_than_its_present_tier_allows(
    company: Company, start: Submission
) -> None:
    scenarios.decide_rest(company, start)
    grant = Grant.objects.get(approval=stock_report.privilege_on(start, company.slack))
    assert (grant.tier, grant.ends_at - grant.begins_at) == ("high", timedelta(days=90))


@pytest.mark.rule("T1", "G1", "A5")
def test_access_with_raised_class_does_not_come_into_force(company: Company, stage_2: Submission) -> None:
    scenarios.approve(stock_report.privilege_on(stage_2, company.slack), company.people.omar, now=company.now)
    scenarios.approve(stock_report.credential_for(stage_2, company.slack), company.people.omar, now=company.now)
    restricted(company)
    stock_report.decide_rest(company, stage_2)
    assert stage_2.state == SubmissionState.DECIDED
    assert not Grant.objects.filter(automation=stage_2.automation).exists()
    (mail,) = Notice.objects.filter(event="subset_to_accept", recipient=company.people.jonas)
    assert mail.context["held"] == "Its tier has risen since, so this is high risk."
    with pytest.raises(OutOfTurn) as caught:
        put_in_force.accept_subset(stage_2, actor=as_actor(company.people.jonas), now=company.now)
    assert caught.value.refusal.code == "T1"
    assert "Submit it again" in caught.value.refusal.to_do
    assert not Grant.objects.filter(automation=stage_2.automation).exists()


@pytest.mark.rule("T2", "T3")
def test_raised_app_needs_more_than_its_lead(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    automation = Automation.objects.get(pk=submission.automation_id)
    confirmation.raise_tier(
        automation, actor=as_actor(company.people.sana), now=company.now, tier="high", reason="Risky."
    )
    refused(
        decide.approve,
        scenarios.app_of(submission),
        as_actor(company.people.theo),
        "T1",
        now=company.now,
        kind="state",
    )


# --- I3, A5, A14: what was approved in part waits, but not for ever ---------------------------------------------------


@pytest.mark.rule("I3", "A5")
@WITHOUT_SLACK
def test_subset_on_orphaned_resource_is_not_accepted(company: Company, start: Submission) -> None:
    decided = start
    for person in (company.people.omar, company.people.amara):
        record_leaver(person, actor=as_actor(company.people.ines), now=company.now, reason="Left.")
    owner = as_actor(company.people.jonas)
    with pytest.raises(OutOfTurn, match="no active owner") as caught:
        put_in_force.accept_subset(decided, actor=owner, now=company.now)
    assert caught.value.refusal.code == "I3"
    assert put_in_force.accept_subset.refusal(decided, actor=owner, now=company.now) == caught.value.refusal
    assert LedgerEvent.objects.filter(verb="submission.accepted", outcome="refused", code="I3").count() == 1
    assert not Grant.objects.filter(automation=decided.automation).exists()


@pytest.mark.rule("A5", "A14")
@WITHOUT_SLACK
def test_subset_expires_after_ten_working_days(company: Company, start: Submission) -> None:
    decided = start
    assert decided.accept_due_at is not None
    owner = as_actor(company.people.jonas)
    with pytest.raises(OutOfTurn) as caught:
        put_in_force.accept_subset(decided, actor=owner, now=company.now + timedelta(days=500))
    assert caught.value.refusal.code == "A14"
    with pytest.raises(OutOfTurn, match="not up"):
        expire.expire_submission(decided, actor=JOB, now=decided.accept_due_at - timedelta(seconds=1))
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        expire.expire_submission(decided, actor=owner, now=decided.accept_due_at)
    just_in_time = decided.accept_due_at - timedelta(seconds=1)
    assert put_in_force.accept_subset.refusal(decided, actor=owner, now=just_in_time) is None


@pytest.mark.rule("A5", "A14", "R9")
@WITHOUT_SLACK
def test_the_business_owner_is_reminded_twice_and_then_it_expires(company: Company, start: Submission) -> None:
    decided = start
    begun, due = decided.decided_at, decided.accept_due_at
    assert begun is not None
    assert due is not None
    mails = Notice.objects.filter(event="subset_to_accept", recipient=company.people.jonas)
    seen = []
    for moment in (begun, begun + (due - begun) / 2, due - timedelta(hours=20)):
        assert submission_jobs.sweep(moment)["expired_submissions"] == 0
        decision_jobs.remind(moment)
        seen.append(mails.count())
    assert seen == [1, 2, 3]
    assert submission_jobs.sweep(due)["expired_submissions"] == 1
    assert submission_jobs.sweep(due)["expired_submissions"] == 0
    decided.refresh_from_db()
    assert decided.state == SubmissionState.EXPIRED
    assert Automation.objects.get(pk=decided.automation_id).state == AutomationState.DRAFT
    assert Notice.objects.filter(event="submission_expired", recipient=company.people.jonas).count() == 1
    assert not Grant.objects.filter(automation=decided.automation).exists()
    again = scenarios.submitted(company, decided.version, now=due)
    assert again.approvals.filter(state=ApprovalState.OPEN).exists()
